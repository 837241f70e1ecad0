package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/world"
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
	d, err := readDefinition(filepath.Join("..", "..", "..", "deploy", "replay", "statemachine.asl.json"), map[string]string{
		"ConvertFunctionArn": convertARN,
		"FlowLogBucket":      world.LogBucket,
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
func (m *machine) lists(w *world.World) {
	m.list = func(ctx context.Context, bucket, prefix string) (objects []any, err error) {
		pages := s3.NewListObjectsV2Paginator(w.Client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, MaxKeys: aws.Int32(7)})
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
	w := world.New(t)
	for i := range 45 {
		w.Put(t, logAt("2026/01/30", fmt.Sprintf("%08x", i)), world.QuietLog(20, i))
	}
	w.Put(t, logAt("2026/01/31", "aaaaaaaa"), world.QuietLog(20, 100))
	w.Put(t, logPrefix+"2026/01/30/README.txt", []byte("no log"))
	neighbours := w.Reference(t, logPrefix)
	poison, whole := logAt("2026/01/30", "0000000f0"), world.QuietLog(1000, 200)
	w.Put(t, poison, whole[:len(whole)/2])

	s := w.NewStage(t, "machine")
	fleet := runtimeapi.NewFleet(s.Function, 3)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	output, err := m.run(t.Context(), "first", map[string]any{"bucket": world.LogBucket, "prefix": logPrefix, "concurrency": 3, "toleratedFailurePercentage": 50})
	if err != nil {
		t.Fatal(err)
	}
	s.WantContents(t, neighbours)
	want := map[string]any{"bucket": world.LogBucket, "objects": 48.0, "inBatchesConverted": 28.0, "inBatchesFailed": 20.0, "prefixes": []any{map[string]any{
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
	if cause.Bucket != world.LogBucket || cause.Count != 1 || cause.Objects[0].Key != poison || !strings.Contains(cause.Objects[0].Error, "gzip stream is cut off") {
		t.Errorf("cause %+v", cause)
	}
	if len(m.waits) > 0 {
		t.Errorf("waited %v, though nothing could succeed later", m.waits)
	}

	w.Put(t, poison, whole)
	args := []string{"replay", "--lake", "s3://" + world.LakeBucket + "/" + s.Name, "--database", s.Name}
	for _, key := range keysOf(t, failed[0].input) {
		args = append(args, "s3://"+world.LogBucket+"/"+key)
	}
	s.Flowlake(t, args...)
	s.WantContents(t, w.Reference(t, logPrefix+"2026/"))
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
	w := world.New(t)
	for i, day := range []string{"2026/01/29", "2026/01/30", "2026/01/31", "2026/02/01", "2026/02/28", "2026/03/01", "2026/03/02"} {
		w.Put(t, logAt(day, "aaaaaaaa"), world.QuietLog(20, i))
	}
	prefixes := []string{logPrefix + "2026/01/30/", logPrefix + "2026/01/31/", logPrefix + "2026/02/", logPrefix + "2026/03/01/"}
	r := w.NewStage(t, "wanted")
	args := []string{"replay", "--lake", "s3://" + world.LakeBucket + "/" + r.Name, "--database", r.Name}
	for _, prefix := range prefixes {
		args = append(args, "s3://"+world.LogBucket+"/"+prefix)
	}
	r.Flowlake(t, args...)
	want, err := r.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	s := w.NewStage(t, "range")
	fleet := runtimeapi.NewFleet(s.Function, 1)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	output, err := m.run(t.Context(), "range", map[string]any{"prefix": logPrefix, "from": "2026-01-30", "to": "2026-03-01"})
	if err != nil {
		t.Fatal(err)
	}
	s.WantContents(t, want)
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
	w := world.New(t)
	for i := range 5 {
		w.Put(t, logAt("2026/01/30", fmt.Sprintf("%08x", i)), world.QuietLog(20, i))
	}
	s := w.NewStage(t, "repeats")
	s.Function.Env["AWS_MAX_ATTEMPTS"] = "1" // every failure is that of the object
	busy := logAt("2026/01/30", "00000002")
	var mu sync.Mutex
	asked := map[string]int{}
	s.S3Calls.SetDecide(func(c faultproxy.Call) faultproxy.Fault {
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
	fleet := runtimeapi.NewFleet(s.Function, 1)
	defer fleet.Stop()
	m.lists(w)
	m.invokes(fleet.Respond)
	if _, err := m.run(t.Context(), "busy", map[string]any{"prefix": logPrefix, "toleratedFailurePercentage": 0}); err != nil {
		t.Fatal(err)
	}
	s.WantContents(t, w.Reference(t, logPrefix))
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
