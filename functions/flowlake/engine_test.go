package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
	"github.com/flowlake/flowlake/schema"
)

func TestEngineFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":               "",
		"--engine local": "",
		"--journal j":    "",
		"--engine step-functions --state-machine ARN --execution-name n --concurrency 3": "",
		"--engine lambda":                              `--engine: want local or step-functions, have "lambda"`,
		"--concurrency 10":                             "--concurrency: want --engine step-functions with it",
		"--engine step-functions --journal j":          "--journal: want --engine local with it: the stack's function has settings of its own",
		"--engine=step-functions --failed=list":        "--failed: want --engine local with it",
		"--engine step-functions --execution-name a/b": `--execution-name: want a name of 1 to 80 letters, digits, hyphens and underscores, have "a/b"`,
		"--engine step-functions --source s3://logs":   "--source: want --engine local with it",
		"--engine local --state-machine something":     "--state-machine: want --engine step-functions with it",
	} {
		var o engineOptions
		var r redriveOptions
		c := &cobra.Command{}
		o.register(c)
		r.register(c)
		c.Flags().String("journal", "", "")
		if err := c.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		err := o.validate(c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
		if err == nil && o.remote() != strings.Contains(args, "step-functions") {
			t.Errorf("%s: remote %t", args, o.remote())
		}
	}
	withoutAWS(t, map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"})
	for arn, want := range map[string]exitCode{"": exitUsage, "flowlake-replay": exitUsage, "arn:aws:states:us-east-1:123456789012:stateMachine:flowlake-replay": exitOK} {
		o := engineOptions{machine: arn}
		if _, err := o.open(t.Context(), &cloud{}); report(io.Discard, err) != int(want) {
			t.Errorf("--state-machine %q: error %v", arn, err)
		}
	}
	for _, name := range localFlags {
		if name != "failed" && newReplay().Flags().Lookup(name) == nil {
			t.Errorf("replay has no flag --%s", name)
		}
	}
}

func TestEngineInput(t *testing.T) {
	const region = "AWSLogs/123456789012/globalaccelerator/us-west-2"
	at := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	january := replay.Selection{From: at("2026-01-01T00:00:00Z"), To: at("2026-02-01T00:00:00Z")}
	for _, test := range []struct {
		sources  []string
		selected replay.Selection
		input    string
		err      string
	}{
		{[]string{"s3://logs/AWSLogs"}, replay.Selection{}, `{"bucket":"logs","prefix":"AWSLogs/","concurrency":5,"toleratedFailurePercentage":0}`, ""},
		{[]string{"s3://logs"}, replay.Selection{}, "", `want a prefix in the SOURCE, such as s3://logs/AWSLogs/, which the stack's FlowLogPrefix begins, have "s3://logs"`},
		{[]string{"s3://logs/"}, replay.Selection{}, "", "want a prefix in the SOURCE"},
		{[]string{"s3://logs/" + region}, january, `{"bucket":"logs","prefix":"` + region + `/","from":"2026-01-01","to":"2026-01-31","concurrency":5,"toleratedFailurePercentage":0}`, ""},
		{[]string{"s3://logs/" + region + "/"}, replay.Selection{From: january.From, To: at("2026-01-02T01:00:00+01:00")}, `{"bucket":"logs","prefix":"` + region + `/","from":"2026-01-01","to":"2026-01-01","concurrency":5,"toleratedFailurePercentage":0}`, ""},
		{nil, replay.Selection{}, "", "want one SOURCE, s3://bucket/prefix"},
		{[]string{"logs"}, replay.Selection{}, "", "want one SOURCE, s3://bucket/prefix"},
		{[]string{"s3://a", "s3://b"}, replay.Selection{}, "", "want one SOURCE, s3://bucket/prefix"},
		{[]string{"s3:///x"}, replay.Selection{}, "", "bucket: want at least 3"},
		{[]string{"s3://logs/" + region}, replay.Selection{From: january.From}, "", "want both --from and --to, or none, and dates"},
		{[]string{"s3://logs/" + region}, replay.Selection{From: january.From, To: at("2026-01-02T13:00:00Z")}, "", "want both --from and --to, or none, and dates"},
		{[]string{"s3://logs/AWSLogs/"}, january, "", "prefix: want one that ends with the Region"},
	} {
		o := engineOptions{concurrency: 5}
		in, err := o.input(test.sources, &test.selected)
		if test.err != "" {
			var e *exitError
			if err == nil || !strings.Contains(err.Error(), test.err) || !errors.As(err, &e) || e.code != exitUsage {
				t.Errorf("%q: error %v, want %s", test.sources, err, test.err)
			}
			continue
		}
		if text, _ := json.Marshal(&in); err != nil || string(text) != test.input {
			t.Errorf("%q: %s, error %v, want %s", test.sources, text, err, test.input)
		}
	}
	o := engineOptions{}
	e := o.estimate(&replay.Plan{Found: replay.Amount{Objects: 1000, Bytes: 18e6}}, &stepfunctions.Input{Prefix: region + "/", From: "2026-01-30", To: "2026-02-01"})
	if !strings.Contains(e.String(), "50 batches of 20 × 4 + 3 prefixes × 3 + 10") || !strings.Contains(e.String(), "1,000 objects × 0.05 s + 18,000,000 bytes") {
		t.Errorf("%s", e)
	}
}

// fakeMachine is a state machine whose execution shows some progress and then has an outcome.
type fakeMachine struct {
	started  string
	progress []stepfunctions.Progress
	outcome  *stepfunctions.Outcome
	err      error
	start    error
	cancel   func()
}

func (m *fakeMachine) Start(_ context.Context, name string, in stepfunctions.Input) (*stepfunctions.Execution, error) {
	m.started = name
	if m.start != nil {
		m.cancel()
		return nil, m.start
	}
	return &stepfunctions.Execution{ARN: "arn:execution:" + name, Name: name, Input: in, Started: time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC)}, nil
}

func (m *fakeMachine) Follow(ctx context.Context, _ *stepfunctions.Execution, _ time.Duration, fn func(stepfunctions.Progress)) (*stepfunctions.Outcome, error) {
	for _, p := range m.progress {
		fn(p)
	}
	if m.cancel != nil {
		m.cancel()
		return nil, ctx.Err()
	}
	return m.outcome, m.err
}

// outcome is that of an execution with 20 of 100 objects in a batch that failed.
func outcome(status string) *stepfunctions.Outcome {
	o := &stepfunctions.Outcome{Results: []string{"replay/january/a/manifest.json"}}
	o.Name, o.Status = "january", status
	o.Objects = stepfunctions.Objects{Total: 100, Succeeded: 60, Failed: 20, Pending: 20}
	return o
}

// results are a manifest and the files that it names.
func results(_ context.Context, name string) (io.ReadCloser, error) {
	list, ok := map[string]string{
		"s3://lakes/replay/january/a/manifest.json": `{"DestinationBucket":"lakes","ResultFiles":{"FAILED":[{"Key":"replay/january/a/FAILED_0.json"}],"PENDING":[],"SUCCEEDED":[]}}`,
		"s3://lakes/replay/january/a/FAILED_0.json": `[{"ExecutionArn":"e","Status":"FAILED","Error":"ObjectsFailed","Cause":"{\"bucket\":\"logs\",\"count\":1,\"objects\":[{\"key\":\"1.log.gz\",\"error\":\"cut off\"}]}","Input":"{}"}]`,
	}[name]
	if !ok {
		return nil, errors.New("no such object: " + name)
	}
	return io.NopCloser(strings.NewReader(list)), nil
}

func TestRemoteReplay(t *testing.T) {
	const again = "again       flowlake replay --lake s3://lakes/lake --database sampledb --failed s3://lakes/replay/january/a/manifest.json\n"
	running := stepfunctions.Progress{Name: "january", Status: "RUNNING", Prefix: "AWSLogs/2026/02/", Number: 3, Prefixes: 4, Objects: stepfunctions.Objects{Total: 1060, Succeeded: 60, Failed: 20}}
	tooMany := outcome("FAILED")
	tooMany.Error, tooMany.Cause = "NoObjects", "no object below s3://logs/"
	lost := outcome("SUCCEEDED")
	lost.Results = []string{"replay/january/none/manifest.json", "replay/january/a/manifest.json"}
	both := outcome("FAILED")
	both.Error, both.Cause, both.Results = "NoObjects", "no object below s3://logs/", lost.Results[:1]
	counted := outcome("SUCCEEDED") // by the Map Runs, and not in the results
	counted.Results = nil
	pending := &stepfunctions.Outcome{}
	pending.Name, pending.Status, pending.Objects = "january", "SUCCEEDED", stepfunctions.Objects{Total: 5, Succeeded: 4, Pending: 1}
	whole := &stepfunctions.Outcome{}
	whole.Name, whole.Status, whole.Objects = "january", "SUCCEEDED", stepfunctions.Objects{Total: 5, Succeeded: 5}
	for name, test := range map[string]struct {
		machine fakeMachine
		json    bool
		stdout  string // how it begins
		stderr  string
		code    exitCode
		err     string
	}{
		"all well": {fakeMachine{progress: []stepfunctions.Progress{running}, outcome: whole}, false,
			"execution   january succeeded\nobjects     5 found: 5 in batches that were converted, 0 in batches that failed, 0 not begun\n",
			"execution arn:execution:january, started 2026-02-01T10:00:00Z\n80 of at least 1,060 objects, 20 in batches that failed, prefix 3 of 4: AWSLogs/2026/02/\n", exitOK, ""},
		"objects failed": {fakeMachine{outcome: outcome("SUCCEEDED")}, false,
			"execution   january succeeded\nobjects     100 found: 60 in batches that were converted, 20 in batches that failed, 20 not begun\n  failed    s3://logs/1.log.gz: cut off\n" + again, "", exitObjects, ""},
		"failed": {fakeMachine{outcome: tooMany}, false, "execution   january failed\n", "", exitFailed, "execution january failed: no object below s3://logs/"},
		"lost": {fakeMachine{outcome: lost}, false,
			"execution   january succeeded\nobjects     100 found: 60 in batches that were converted, 20 in batches that failed, 20 not begun\n  failed    s3://logs/1.log.gz: cut off\n" + again, "", exitFailed, "no such object: s3://lakes/replay/january/none/manifest.json"},
		"failed and lost": {fakeMachine{outcome: both}, false, "execution   january failed\n", "", exitFailed, "execution january failed: no object below s3://logs/; read list s3://lakes/replay/january/none/manifest.json: "},
		"only counted":    {fakeMachine{outcome: counted}, false, "execution   january succeeded\n", "", exitObjects, ""},
		"not begun":       {fakeMachine{outcome: pending}, false, "execution   january succeeded\n", "", exitObjects, ""},
		"no answer":       {fakeMachine{err: errors.New("read execution january: denied")}, false, "", "", exitFailed, "read execution january: denied; execution january goes on by itself; the same command with --execution-name january follows it again"},
		"JSON": {fakeMachine{progress: []stepfunctions.Progress{running}, outcome: outcome("SUCCEEDED")}, true,
			`{"execution":"january","status":"SUCCEEDED","started":"0001-01-01T00:00:00Z","prefix":"","prefix_number":0,"prefixes":0,"objects":100,"in_batches_converted":60,"in_batches_failed":20,"in_batches_running":0,"in_batches_not_begun":20,"results":["replay/january/a/manifest.json"],"manifests":["s3://lakes/replay/january/a/manifest.json"],"failed":1,"failures":[{"url":"s3://logs/1.log.gz","error":"cut off"}]}` + "\n",
			`{"started":{"execution":"january","arn":"arn:execution:january","started":"2026-02-01T10:00:00Z"}}` + "\n" + `{"progress":{"execution":"january","status":"RUNNING","started":"0001-01-01T00:00:00Z","prefix":"AWSLogs/2026/02/","prefix_number":3,"prefixes":4,"objects":1060,"in_batches_converted":60,"in_batches_failed":20,"in_batches_running":0,"in_batches_not_begun":0}}` + "\n", exitObjects, ""},
	} {
		var stdout, stderr bytes.Buffer
		r := remoteReplay{machine: &test.machine, name: "january", lake: lakeOptions{url: "s3://lakes/lake", database: "sampledb"}, open: results, now: time.Now, json: test.json}
		format := formatText
		if test.json {
			format = formatJSON
		}
		p := newProgress(&stderr, format)
		p.last = time.Time{}
		err := r.run(t.Context(), &stdout, &stderr, p)
		if strings.Contains(stdout.String(), "--failed s3://lakes/replay/january/none") {
			t.Errorf("%s: gives a manifest that cannot be read:\n%s", name, &stdout)
		}
		if !strings.HasPrefix(stdout.String(), test.stdout) || !strings.HasPrefix(stderr.String(), test.stderr) {
			t.Errorf("%s: prints\n%s%s\nwant\n%s%s", name, &stdout, &stderr, test.stdout, test.stderr)
		}
		if code := report(io.Discard, err); code != int(test.code) || test.err != "" && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: exit code %d, error %v, want %d, %s", name, code, err, test.code, test.err)
		}
	}
}

// An execution that nobody named has a name that tells when it began; when the command is interrupted it
// goes on, and the message says how to follow it again.
func TestRemoteReplayInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := fakeMachine{cancel: cancel}
	r := remoteReplay{machine: &m, lake: lakeOptions{url: "s3://lakes/lake"}, open: results, now: func() time.Time { return time.Date(2026, 2, 1, 11, 12, 13, 0, time.FixedZone("", 3600)) }}
	var stdout, stderr bytes.Buffer
	err := r.run(ctx, &stdout, &stderr, newProgress(&stderr, formatText))
	const name = "flowlake-20260201T101213Z"
	if m.started != name {
		t.Errorf("execution %s, want %s", m.started, name)
	}
	want := "interrupted; execution " + name + " goes on by itself; the same command with --execution-name " + name + " follows it again, and aws stepfunctions stop-execution --execution-arn arn:execution:" + name + " stops it"
	if code := report(io.Discard, err); code != int(exitInterrupted) || err.Error() != want {
		t.Errorf("exit code %d, error %v, want %s", code, err, want)
	}
	r.lake.url = "lake"
	if err := r.run(t.Context(), &stdout, &stderr, newProgress(&stderr, formatText)); report(io.Discard, err) != int(exitUsage) {
		t.Errorf("a lake that is no stack's: error %v", err)
	}
}

// An interruption while an execution is being started names it, and so does one while its results are
// being read.
func TestRemoteReplayInterruptedEarlyAndLate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := fakeMachine{cancel: cancel, start: context.Canceled}
	r := remoteReplay{machine: &m, lake: lakeOptions{url: "s3://lakes/lake"}, open: results, now: func() time.Time { return time.Date(2026, 2, 1, 10, 12, 13, 0, time.UTC) }}
	var stdout, stderr bytes.Buffer
	err := r.run(ctx, &stdout, &stderr, newProgress(&stderr, formatText))
	const early = "interrupted while execution flowlake-20260201T101213Z was being started, which may go on by itself; the same command with --execution-name flowlake-20260201T101213Z follows it, or starts it"
	if code := report(io.Discard, err); code != int(exitInterrupted) || err.Error() != early {
		t.Errorf("exit code %d, error %v, want %s", code, err, early)
	}

	ctx, cancel = context.WithCancel(t.Context())
	r.machine = &fakeMachine{outcome: outcome("SUCCEEDED")}
	r.open = func(ctx context.Context, name string) (io.ReadCloser, error) {
		cancel()
		return nil, ctx.Err()
	}
	err = r.run(ctx, &stdout, &stderr, newProgress(&stderr, formatText))
	const late = "interrupted; the same command with --execution-name flowlake-20260201T101213Z reads again what was not converted"
	if code := report(io.Discard, err); code != int(exitInterrupted) || err.Error() != late {
		t.Errorf("exit code %d, error %v, want %s", code, err, late)
	}
}

// A plan counts what the state machine finds: whole folders, whatever the names in them say.
func TestMachineObjects(t *testing.T) {
	const region = "AWSLogs/123456789012/globalaccelerator/us-west-2/"
	logs := newBucket("logs", region+"2026/01/30/a_20260130T0005Z_1.log.gz", region+"2026/01/30/a_20260131T0000Z_1.log.gz",
		region+"2026/01/31/a_20260131T0005Z_1.log.gz", region+"2026/02/28/a_20260228T0005Z_1.log.gz", region+"2026/02/01/README.txt", region+"2026/03/01/a_20260228T2355Z_1.log.gz")
	in := stepfunctions.Input{Bucket: "logs", Prefix: region, From: "2026-01-30", To: "2026-02-28"}
	for _, test := range []struct {
		from, to string
		want     string
		err      string
	}{
		{"2026-01-30", "2026-01-30", "2026/01/30/a_20260130T0005Z_1.log.gz 2026/01/30/a_20260131T0000Z_1.log.gz", ""},
		{"2026-01-31", "2026-02-28", "2026/01/31/a_20260131T0005Z_1.log.gz 2026/02/01/README.txt 2026/02/28/a_20260228T0005Z_1.log.gz", ""},
		{"2025-12-01", "2026-01-30", "2026/01/30/a_20260130T0005Z_1.log.gz 2026/01/30/a_20260131T0000Z_1.log.gz", ""},
		{"2025-12-01", "2025-12-31", "", "no object below s3://logs/" + region + " from 2025-12-01 to 2025-12-31"},
	} {
		in.From, in.To = test.from, test.to
		var got []string
		err := (&machineObjects{in, buckets{"logs": logs}.open}).Each(t.Context(), func(o replay.Object) error {
			got = append(got, strings.TrimPrefix(o.Key, region))
			return nil
		})
		if strings.Join(got, " ") != test.want || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
			t.Errorf("%s to %s: %q, error %v", test.from, test.to, got, err)
		}
	}
	in.From, in.To = "2026-01-30", "2026-01-30"
	p, err := replay.MakePlan(t.Context(), &machineObjects{in, buckets{"logs": logs}.open}, replay.Config{Table: schema.GlobalAccelerator()}, replay.Rates{})
	if err != nil || p.Found.Objects != 2 || p.Outside != 0 {
		t.Errorf("plan %+v, error %v", p, err)
	}
}
