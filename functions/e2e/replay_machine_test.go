package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
)

// The state machine as a stack has it.
const (
	logRoot      = "AWSLogs/"
	logPrefix    = logRoot + "012345678910/globalaccelerator/us-west-2/"
	convertARN   = "arn:aws:lambda:eu-west-1:123456789012:function:flowlake-convert"
	resultBucket = "results"
	resultPrefix = "replay/"
)

// replayMachine reads deploy/replay/statemachine.asl.json. The test must not have started a gateway
// yet, which changes the working directory.
func replayMachine(t *testing.T) *machine {
	t.Helper()
	d, err := readDefinition(filepath.Join("..", "..", "deploy", "replay", "statemachine.asl.json"), map[string]string{
		"ConvertFunctionArn": convertARN,
		"FlowLogBucket":      logBucket,
		"FlowLogPrefix":      logRoot,
		"ResultBucket":       resultBucket,
		"ResultPrefix":       resultPrefix,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{jsonata: startJSONata(t), definition: d}
	m.tasks = map[string]func(context.Context, any) (any, error){"arn:aws:states:::aws-sdk:sfn:describeMapRun": m.describe}
	return m
}

// invokes has the task lambda:invoke call a function, which gets the payload and gives the answer.
func (m *machine) invokes(function func(ctx context.Context, payload []byte) ([]byte, error)) {
	m.tasks["arn:aws:states:::lambda:invoke"] = func(ctx context.Context, arguments any) (any, error) {
		a := arguments.(map[string]any)
		if a["FunctionName"] != convertARN {
			return nil, fmt.Errorf("invoke function %v", a["FunctionName"])
		}
		payload, err := json.Marshal(a["Payload"])
		if err != nil {
			return nil, err
		}
		answer, err := function(ctx, payload)
		if err != nil {
			return nil, &stateError{"Lambda.Unknown", err.Error()}
		}
		var result any
		if err := json.Unmarshal(answer, &result); err != nil {
			return nil, err
		}
		return map[string]any{"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": result}, nil
	}
}

// lists has the machine list the gateway's buckets.
func (m *machine) lists(w *world) {
	m.list = func(ctx context.Context, bucket, prefix string) (objects []any, err error) {
		pages := s3.NewListObjectsV2Paginator(w.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, MaxKeys: aws.Int32(7)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, o := range page.Contents {
				objects = append(objects, map[string]any{"Etag": *o.ETag, "Key": *o.Key, "LastModified": o.LastModified.Unix(), "Size": *o.Size, "StorageClass": "STANDARD"})
			}
		}
		return objects, nil
	}
}

// listsKeys has the machine find the same keys below whatever prefix.
func (m *machine) listsKeys(keys ...string) {
	m.list = func(context.Context, string, string) (objects []any, err error) {
		for _, key := range keys {
			objects = append(objects, map[string]any{"Key": key, "Size": 1024})
		}
		return objects, nil
	}
}

// logAt gives the key of a log of a day, such as 2026/01/31.
func logAt(day, name string) string {
	return logPrefix + day + "/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_" + strings.ReplaceAll(day, "/", "") + "T0005Z_" + name + ".log.gz"
}

// keysOf gives the keys of a batch.
func keysOf(t *testing.T, input any) (keys []string) {
	t.Helper()
	for _, item := range input.(map[string]any)["Items"].([]any) {
		keys = append(keys, item.(map[string]any)["Key"].(string))
	}
	return keys
}

// TestReplayMachine runs the definition over a bucket, with the compiled function: what comes of it is
// what flowlake replay makes of the same prefix. A corrupt object fails its batch and no other, is
// named, and is converted once it is mended and flowlake replay is given the batch's keys.
func TestReplayMachine(t *testing.T) {
	m := replayMachine(t)
	w := newWorld(t)
	for i := range 45 {
		w.put(t, logAt("2026/01/30", fmt.Sprintf("%08x", i)), quietLog(20, i))
	}
	w.put(t, logAt("2026/01/31", "aaaaaaaa"), quietLog(20, 100))
	w.put(t, logPrefix+"2026/01/30/README.txt", []byte("no log"))
	neighbours := w.reference(t, logPrefix)
	poison, whole := logAt("2026/01/30", "0000000f0"), quietLog(1000, 200)
	w.put(t, poison, whole[:len(whole)/2])

	s := w.newStage(t, "machine")
	fleet := runtimeapi.NewFleet(s.function, 3)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	output, err := m.run(t.Context(), "first", map[string]any{"bucket": logBucket, "prefix": logPrefix, "concurrency": 3, "toleratedFailurePercentage": 50})
	if err != nil {
		t.Fatal(err)
	}
	s.wantContents(t, neighbours)
	want := map[string]any{"bucket": logBucket, "objects": 48.0, "inBatchesConverted": 28.0, "inBatchesFailed": 20.0, "prefixes": []any{map[string]any{
		"prefix": logPrefix, "objects": 48.0, "inBatchesConverted": 28.0, "inBatchesFailed": 20.0, "results": "s3://results/replay/first/1/manifest.json"}}}
	if !reflect.DeepEqual(output, want) {
		t.Errorf("output %v, want %v", output, want)
	}

	run := m.runs[0]
	if run.concurrency != 3 || run.toleratedPercent != 50 || len(run.children) != 3 {
		t.Errorf("%d batches, concurrency %d, %d percent tolerated", len(run.children), run.concurrency, run.toleratedPercent)
	}
	converted, skipped, failed := 0.0, 0.0, []child{}
	for _, c := range run.children {
		if c.err != nil {
			failed = append(failed, c)
			continue
		}
		counts := c.output.(map[string]any)
		converted += counts["converted"].(float64)
		for _, n := range counts["skipped"].(map[string]any) {
			skipped += n.(float64)
		}
	}
	if len(failed) != 1 || converted != 27 || skipped != 1 {
		t.Fatalf("%d batches failed; the others: %v converted, %v skipped", len(failed), converted, skipped)
	}
	var cause failureCause
	if err := json.Unmarshal([]byte(failed[0].err.cause), &cause); err != nil || failed[0].err.name != "ObjectsFailed" {
		t.Fatalf("%v (%v)", failed[0].err, err)
	}
	if cause.Bucket != logBucket || cause.Count != 1 || cause.Objects[0].Key != poison || !strings.Contains(cause.Objects[0].Error, "gzip stream is cut off") {
		t.Errorf("cause %+v", cause)
	}
	if len(m.waits) > 0 {
		t.Errorf("waited %v, though nothing could succeed later", m.waits)
	}

	w.put(t, poison, whole)
	args := []string{"replay", "--lake", "s3://" + lakeBucket + "/" + s.name, "--database", s.name}
	for _, key := range keysOf(t, failed[0].input) {
		args = append(args, "s3://"+logBucket+"/"+key)
	}
	s.flowlake(t, args...)
	s.wantContents(t, w.reference(t, logPrefix+"2026/"))
}

// failureCause is the cause of a batch that failed.
type failureCause struct {
	Bucket    string
	Count     int
	Truncated bool
	Objects   []struct{ Key, Error string }
}

// A range of days is listed by months and days, and nothing around it is converted.
func TestReplayMachineRange(t *testing.T) {
	m := replayMachine(t)
	w := newWorld(t)
	for i, day := range []string{"2026/01/29", "2026/01/30", "2026/01/31", "2026/02/01", "2026/02/28", "2026/03/01", "2026/03/02"} {
		w.put(t, logAt(day, "aaaaaaaa"), quietLog(20, i))
	}
	prefixes := []string{logPrefix + "2026/01/30/", logPrefix + "2026/01/31/", logPrefix + "2026/02/", logPrefix + "2026/03/01/"}
	r := w.newStage(t, "wanted")
	args := []string{"replay", "--lake", "s3://" + lakeBucket + "/" + r.name, "--database", r.name}
	for _, prefix := range prefixes {
		args = append(args, "s3://"+logBucket+"/"+prefix)
	}
	r.flowlake(t, args...)
	want, err := r.contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	s := w.newStage(t, "range")
	fleet := runtimeapi.NewFleet(s.function, 1)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	output, err := m.run(t.Context(), "range", map[string]any{"prefix": logPrefix, "from": "2026-01-30", "to": "2026-03-01"})
	if err != nil {
		t.Fatal(err)
	}
	s.wantContents(t, want)
	var got []string
	for _, run := range m.runs {
		got = append(got, run.prefix)
	}
	if !slices.Equal(got, prefixes) {
		t.Errorf("listed %q, want %q", got, prefixes)
	}
	if o := output.(map[string]any); o["objects"] != 5.0 || o["inBatchesFailed"] != 0.0 || len(o["prefixes"].([]any)) != len(prefixes) {
		t.Errorf("output %v", output)
	}

	// A prefix without objects is an error of its own, and no success that nobody notices.
	var failure *stateError
	_, err = m.run(t.Context(), "empty", map[string]any{"prefix": logPrefix, "from": "2025-01-01", "to": "2025-01-02"})
	if !errors.As(err, &failure) || failure.name != "NoObjects" || !strings.Contains(failure.cause, logPrefix) || !strings.Contains(failure.cause, "2025-01-02") {
		t.Errorf("error %v", err)
	}
}

// An object that fails for the moment is converted again, alone, and a batch that is done in the end has
// not failed.
func TestReplayMachineRepeatsObjects(t *testing.T) {
	m := replayMachine(t)
	w := newWorld(t)
	for i := range 5 {
		w.put(t, logAt("2026/01/30", fmt.Sprintf("%08x", i)), quietLog(20, i))
	}
	s := w.newStage(t, "repeats")
	s.function.Env["AWS_MAX_ATTEMPTS"] = "1" // every failure is that of the object
	busy := logAt("2026/01/30", "00000002")
	var mu sync.Mutex
	asked := map[string]int{}
	s.s3Calls.SetDecide(func(c faultproxy.Call) faultproxy.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Operation != "GetObject" {
			return faultproxy.Fault{}
		}
		asked[c.Key]++
		if c.Key == busy && asked[c.Key] <= 2 {
			return faultproxy.Fail(faultproxy.Before, 503, "SlowDown")
		}
		return faultproxy.Fault{}
	})
	fleet := runtimeapi.NewFleet(s.function, 1)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	if _, err := m.run(t.Context(), "busy", map[string]any{"prefix": logPrefix, "toleratedFailurePercentage": 0}); err != nil {
		t.Fatal(err)
	}
	s.wantContents(t, w.reference(t, logPrefix))
	if got, want := m.runs[0].children[0].output, (map[string]any{"converted": 5.0, "skipped": map[string]any{}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the batch gives %v, want %v", got, want)
	}
	if len(asked) != 5 || asked[busy] != 3 {
		t.Errorf("objects were read %v times", asked)
	}
	for key, n := range asked {
		if key != busy && n != 1 {
			t.Errorf("%s was read %d times", key, n)
		}
	}
	if len(m.waits) != 2 || m.waits[0] < 10 || m.waits[0] > 20 || m.waits[1] < 20 || m.waits[1] > 40 {
		t.Errorf("waited %v seconds", m.waits)
	}
}

// What the function may answer, and what comes of a batch of two objects.
func TestReplayMachineAnswers(t *testing.T) {
	m := replayMachine(t)
	keys := []string{logAt("2026/01/30", "00000001"), logAt("2026/01/30", "00000002")}
	failed := func(retryable bool, keys ...string) string {
		var all []string
		for _, key := range keys {
			all = append(all, fmt.Sprintf(`{"bucket":"logs","key":%q,"error":"it is so","retryable":%t}`, key, retryable))
		}
		return strings.Join(all, ",")
	}
	const done = `{"converted":2,"skipped":{},"failed":[]}`
	again := `{"converted":0,"skipped":{},"failed":[` + failed(true, keys[1]) + `]}`
	for _, test := range []struct {
		name    string
		answers []string // of one invocation after the other
		output  map[string]any
		fails   string // the name of the error
		names   []string
	}{
		{"converted", []string{done}, map[string]any{"converted": 2.0, "skipped": map[string]any{}}, "", nil},
		{"skipped", []string{`{"converted":0,"skipped":{"empty":1,"other":1},"failed":[]}`},
			map[string]any{"converted": 0.0, "skipped": map[string]any{"empty": 1.0, "other": 1.0}}, "", nil},
		{"skipped twice", []string{`{"converted":0,"skipped":{"empty":1},"failed":[` + failed(true, keys[1]) + `]}`, `{"converted":0,"skipped":{"empty":1},"failed":[]}`},
			map[string]any{"converted": 0.0, "skipped": map[string]any{"empty": 2.0}}, "", nil},
		{"both fail for the moment", []string{`{"converted":0,"skipped":{},"failed":[` + failed(true, keys...) + `]}`, done},
			map[string]any{"converted": 2.0, "skipped": map[string]any{}}, "", nil},
		{"both fail", []string{`{"converted":0,"skipped":{},"failed":[` + failed(false, keys...) + `]}`}, nil, "ObjectsFailed", keys},
		{"one fails, the other one for the moment", []string{`{"converted":0,"skipped":{},"failed":[` + failed(false, keys[0]) + `,` + failed(true, keys[1]) + `]}`, `{"converted":1,"skipped":{},"failed":[]}`},
			nil, "ObjectsFailed", keys[:1]},
		{"one fails every time", []string{`{"converted":1,"skipped":{},"failed":[` + failed(true, keys[1]) + `]}`, again, again, again}, nil, "ObjectsFailed", keys[1:]},
		{"one is not accounted for", []string{`{"converted":1,"skipped":{},"failed":[]}`}, nil, "ObjectsUnaccountedFor", nil},
		{"something else", []string{`{"batchItemFailures":[]}`}, nil, "States.QueryEvaluationError", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m.runs, m.waits = nil, nil
			m.listsKeys(keys...)
			invocations := 0
			m.invokes(func(context.Context, []byte) ([]byte, error) {
				invocations++
				if invocations > len(test.answers) {
					return nil, errors.New("invoked again")
				}
				return []byte(test.answers[invocations-1]), nil
			})
			if _, err := m.run(t.Context(), "answers", map[string]any{"toleratedFailurePercentage": 100}); err != nil {
				t.Fatal(err)
			}
			c := m.runs[0].children[0]
			if invocations != len(test.answers) || len(m.waits) != invocations-1 {
				t.Errorf("%d invocations, want %d; waited %v", invocations, len(test.answers), m.waits)
			}
			if test.fails == "" {
				if c.err != nil || !reflect.DeepEqual(c.output, any(test.output)) {
					t.Errorf("output %v, error %v, want %v", c.output, c.err, test.output)
				}
				return
			}
			if c.err == nil || c.err.name != test.fails {
				t.Fatalf("error %v, want %s", c.err, test.fails)
			}
			if test.names == nil {
				return
			}
			var cause failureCause
			if err := json.Unmarshal([]byte(c.err.cause), &cause); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, o := range cause.Objects {
				names = append(names, o.Key)
				if o.Error != "it is so" {
					t.Errorf("error %q", o.Error)
				}
			}
			if !slices.Equal(names, test.names) || cause.Count != len(names) || cause.Truncated {
				t.Errorf("cause %s, want %q", c.err.cause, test.names)
			}
		})
	}
}

// The cause of a full batch that fails is within Step Functions' limit, 32,768 characters, with the
// longest keys that S3 has: those of ordinary characters are named, and where they are of such as take
// two in JSON, the batch's input is left to name them.
func TestReplayMachineBoundsTheCause(t *testing.T) {
	m := replayMachine(t)
	const most = 1024 // bytes of a key
	for fill, truncated := range map[string]bool{"k": false, `"`: true} {
		var keys []string
		for i := range 21 {
			keys = append(keys, fmt.Sprintf("%s%02d%s", logPrefix, i, strings.Repeat(fill, most-len(logPrefix)-2)))
		}
		m.runs = nil
		m.listsKeys(keys...)
		m.invokes(func(_ context.Context, payload []byte) ([]byte, error) {
			var batch struct{ Items []struct{ Key string } }
			if err := json.Unmarshal(payload, &batch); err != nil {
				return nil, err
			}
			failed := []any{}
			for _, item := range batch.Items {
				failed = append(failed, map[string]any{"bucket": logBucket, "key": item.Key, "error": strings.Repeat("long ", 1000), "retryable": false})
			}
			return json.Marshal(map[string]any{"converted": 0, "skipped": map[string]any{}, "failed": failed})
		})
		if _, err := m.run(t.Context(), "long", map[string]any{"toleratedFailurePercentage": 100}); err != nil {
			t.Fatal(err)
		}
		c := m.runs[0].children[0]
		var cause failureCause
		if err := json.Unmarshal([]byte(c.err.cause), &cause); err != nil {
			t.Fatal(err)
		}
		if n := utf8.RuneCountInString(c.err.cause); n > 32768 || cause.Count != len(keysOf(t, c.input)) || cause.Truncated != truncated || (len(cause.Objects) == 0) != truncated {
			t.Errorf("%q: a cause of %d characters: %.100s", fill, n, c.err.cause)
		}
		if input, _ := json.Marshal(c.input); len(input) > 256<<10 || !slices.Equal(keysOf(t, c.input), keys[:20]) {
			t.Errorf("%q: the batch's input has %d bytes and %d items", fill, len(input), len(keysOf(t, c.input)))
		}
	}
}

// Whatever is wrong with the input is told at once, with the field and what was expected, before
// anything is listed.
func TestReplayMachineChecksItsInput(t *testing.T) {
	m := replayMachine(t)
	m.invokes(func(context.Context, []byte) ([]byte, error) {
		return []byte(`{"converted":1,"skipped":{},"failed":[]}`), nil
	})
	for _, test := range []struct {
		input string
		wrong []string // what the cause holds; none if the input is right
	}{
		{`{}`, nil},
		{`{"bucket":"logs"}`, nil},
		{`{"prefix":"AWSLogs/012345678910/"}`, nil},
		{`{"concurrency":1,"toleratedFailurePercentage":0}`, nil},
		{`{"concurrency":1000,"toleratedFailurePercentage":100}`, nil},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2024-02-29","to":"2024-02-29"}`, nil},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2016-02-01","to":"2026-01-31"}`, nil},

		{`[]`, []string{"input: want an object"}},
		{`"2026"`, []string{"input: want an object"}},
		{`null`, []string{"input: want an object"}},
		{`{"form":"2026-01-01","until":1}`, []string{"form, until: no such field, want bucket, prefix, from"}},
		{`{"bucket":"other"}`, []string{"bucket: want logs, the only one", "have other"}},
		{`{"bucket":null}`, []string{"bucket: want logs"}},
		{`{"prefix":"other/"}`, []string{"prefix: want a text that begins with AWSLogs/ and ends with a slash, have other/"}},
		{`{"prefix":"AWSLogs/012345678910"}`, []string{"ends with a slash, have AWSLogs/012345678910"}},
		{`{"prefix":7}`, []string{"prefix: want", "have 7"}},
		{`{"from":"2026-01-01","to":"2026-01-31"}`, []string{"prefix: want", "such as AWSLogs/123456789012/globalaccelerator/us-west-2/, where from or to is given, have AWSLogs/"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/2026/","from":"2026-01-01","to":"2026-01-31"}`, []string{"prefix: want"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-01-01"}`, []string{"to: want a day such as 2026-01-09, and from with it, have none"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","to":"2026-01-01"}`, []string{"from: want a day such as 2026-01-09, and to with it, have none"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-02-29","to":"2026-1-1"}`, []string{"from: want a day", "have 2026-02-29; to: want a day", "have 2026-1-1"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2100-02-29","to":"2100-04-31"}`, []string{"have 2100-02-29", "have 2100-04-31"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":20260101,"to":null}`, []string{"have 20260101", "have null"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-01-10","to":"2026-01-09"}`, []string{"to: want no day before 2026-01-10", "have 2026-01-09"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2016-01-31","to":"2026-01-01"}`, []string{"no more than 120 months"}},
		{`{"concurrency":0}`, []string{"concurrency: want a whole number from 1 to 1000, have 0"}},
		{`{"concurrency":2.5,"toleratedFailurePercentage":101}`, []string{"have 2.5; toleratedFailurePercentage: want a whole number from 0 to 100, have 101"}},
		{`{"concurrency":"10","toleratedFailurePercentage":-1}`, []string{"concurrency: want", "have 10", "have -1"}},
		{`{"concurrency":1001,"toleratedFailurePercentage":null}`, []string{"have 1001", "have null"}},
	} {
		var input any
		if err := json.Unmarshal([]byte(test.input), &input); err != nil {
			t.Fatal(err)
		}
		m.runs = nil
		m.listsKeys(logAt("2026/01/30", "00000001"))
		_, err := m.run(t.Context(), "input", input)
		var failure *stateError
		switch {
		case test.wrong == nil && err != nil:
			t.Errorf("%s: %v", test.input, err)
		case test.wrong == nil:
		case !errors.As(err, &failure) || failure.name != "WrongInput":
			t.Errorf("%s: error %v, want WrongInput", test.input, err)
		case len(m.runs) > 0:
			t.Errorf("%s: something was replayed", test.input)
		default:
			for _, part := range test.wrong {
				if !strings.Contains(failure.cause, part) {
					t.Errorf("%s: cause %q, want %q in it", test.input, failure.cause, part)
				}
			}
		}
	}
}

// The prefixes of a range hold each of its days once, and no other day.
func TestReplayMachinePlansDays(t *testing.T) {
	m := replayMachine(t)
	m.listsKeys() // nothing
	date := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	ranges := [][2]time.Time{
		{date(2016, 1, 2), date(2025, 12, 30)}, // the most prefixes that a range can have
		{date(2026, 1, 1), date(2026, 1, 31)},
		{date(2024, 2, 1), date(2024, 2, 29)},
		{date(2023, 12, 31), date(2024, 1, 1)},
		{date(2100, 2, 28), date(2100, 3, 1)},
	}
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 10 {
		from := date(2000+random.IntN(100), 1+random.IntN(12), 1+random.IntN(31))
		ranges = append(ranges, [2]time.Time{from, from.AddDate(0, 0, random.IntN(1+i*60))})
	}
	most := 0
	for _, r := range ranges {
		from, to := r[0], r[1]
		m.runs = nil
		_, err := m.run(t.Context(), "days", map[string]any{"prefix": logPrefix, "from": from.Format(time.DateOnly), "to": to.Format(time.DateOnly)})
		var failure *stateError
		if !errors.As(err, &failure) || failure.name != "NoObjects" {
			t.Fatalf("from %v to %v: %v", from, to, err)
		}
		most = max(most, len(m.runs))
		listed := map[string]int{} // by day
		for _, run := range m.runs {
			below, ok := strings.CutPrefix(run.prefix, logPrefix)
			day, err := time.Parse("2006/01/02/", below)
			next := day.AddDate(0, 0, 1)
			if err != nil {
				day, err = time.Parse("2006/01/", below)
				next = day.AddDate(0, 1, 0)
			}
			if !ok || err != nil {
				t.Fatalf("from %v to %v: lists %s", from, to, run.prefix)
			}
			for ; day.Before(next); day = day.AddDate(0, 0, 1) {
				listed[day.Format(time.DateOnly)]++
			}
		}
		want := map[string]int{}
		for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
			want[day.Format(time.DateOnly)] = 1
		}
		if !maps.Equal(listed, want) {
			t.Errorf("from %v to %v: %d days are listed, want %d, or others", from, to, len(listed), len(want))
		}
	}
	if most != 178 {
		t.Errorf("%d prefixes at most; the definition's comment says 178", most)
	}
}
