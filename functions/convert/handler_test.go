package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// convertFunc converts by a function.
type convertFunc func(ctx context.Context, key string) (etl.Result, error)

func (f convertFunc) Convert(ctx context.Context, _ etl.Source, key string) (etl.Result, error) {
	return f(ctx, key)
}

// start is the time of the tests: six minutes after the beginning of the window of keyOf.
var start = time.Date(2026, 1, 9, 0, 6, 0, 0, time.UTC)

// testHandler gives a handler, and what it writes to its log and its metrics. Its clock goes on by a
// second with each look at it.
func testHandler(c convertFunc) (h *handler, log, metrics *bytes.Buffer) {
	log, metrics = new(bytes.Buffer), new(bytes.Buffer)
	var mu sync.Mutex
	now := start
	return &handler{
		table:       schema.GlobalAccelerator(),
		converter:   c,
		open:        func(string) (etl.Source, error) { return new(storetest.Memory), nil },
		sources:     []location{{"logs", "AWSLogs/"}},
		concurrency: 1,
		log:         newLogger(log, 0),
		metrics:     metricsWriter{metrics, "flowlake-convert"},
		now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(time.Second)
			return now
		},
	}, log, metrics
}

// keyOf gives the key of a log.
func keyOf(name string) string {
	return "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1_20260109T0000Z_" + name + ".log.gz"
}

func s3Record(key string) string {
	return fmt.Sprintf(`{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"logs"},"object":{"key":%q,"versionId":"v1"}}}`, key)
}

func s3Event(keys ...string) string {
	var records []string
	for _, k := range keys {
		records = append(records, s3Record(k))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// sqsEvent gives a batch of messages m1, m2 and so on.
func sqsEvent(bodies ...string) string {
	var records []string
	for i, b := range bodies {
		body, _ := json.Marshal(b)
		records = append(records, fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","body":%s}`, i+1, body))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func converted(key string) etl.Result {
	return etl.Result{URL: "s3://logs/" + key, Counts: flowlog.Counts{Lines: 10, Rows: 8, Rejected: 1, Headers: 1}, BytesIn: 100, Partitions: 1,
		Outputs: []etl.Output{{Size: 40}, {Size: 2}}}
}

func TestInvokeFailsMessagesAlone(t *testing.T) {
	var keys []string
	h, log, metrics := testHandler(func(_ context.Context, key string) (etl.Result, error) {
		keys = append(keys, key)
		switch {
		case strings.Contains(key, "poison"):
			return etl.Result{}, &flowlog.Error{Object: "s3://logs/" + key, Reason: "gzip stream is cut off"}
		case strings.Contains(key, "empty"):
			return etl.Result{Skipped: "empty object (0 bytes)"}, nil
		}
		return converted(key), nil
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	answer, err := h.Invoke(ctx, []byte(sqsEvent(
		s3Event(keyOf("one"), keyOf("two")),
		s3Event(keyOf("poison")),
		"hello",
		s3Event(keyOf("one")),
		`{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-09T00:00:00.000Z","Bucket":"logs","RequestId":"r","HostId":"h"}`,
		s3Event(keyOf("three"), keyOf("poison")),
		s3Event(keyOf("empty")),
	)))
	if err != nil || string(answer) != `{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"},{"itemIdentifier":"m6"}]}` {
		t.Errorf("answer %s, error %v", answer, err)
	}
	want := []string{keyOf("one"), keyOf("two"), keyOf("poison"), keyOf("three"), keyOf("empty")}
	if !slices.Equal(keys, want) {
		t.Errorf("converted %q, want each once: %q", keys, want)
	}
	golden(t, "testdata/invocation.log", withoutTimes(log.String()))
	golden(t, "testdata/invocation.metrics", metrics.String())

	// Where nothing fails, the list is empty and not null.
	answer, err = h.Invoke(t.Context(), []byte(sqsEvent(s3Event(keyOf("one")))))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s, error %v", answer, err)
	}
}

// withoutTimes takes the times, which are the real ones, off the lines of a log.
func withoutTimes(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		_, rest, _ := strings.Cut(line, ",")
		b.WriteString("{" + rest)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; have\n%s\nrun the test with -update if the change is meant", name, got)
	}
}

func TestInvokeOnesThatNobodyLooksAt(t *testing.T) {
	broken := errors.New("connection reset")
	h, _, metrics := testHandler(func(_ context.Context, key string) (etl.Result, error) {
		if strings.Contains(key, "bad") {
			return etl.Result{}, fmt.Errorf("open %s: %w", key, broken)
		}
		return converted(key), nil
	})
	answer, err := h.Invoke(t.Context(), []byte(s3Event(keyOf("one"), "AWSLogs/x/manifest.json")))
	if want := `{"converted":2,"skipped":{},"failed":[]}`; err != nil || string(answer) != want {
		t.Errorf("answer %s, error %v, want %s", answer, err, want)
	}
	// An error has the invocation repeated.
	if answer, err := h.Invoke(t.Context(), []byte(s3Event(keyOf("one"), keyOf("bad")))); !errors.Is(err, broken) || answer != nil {
		t.Errorf("answer %s, error %v", answer, err)
	}
	if _, err := h.Invoke(t.Context(), []byte(`{"hello":"world"}`)); err == nil || etl.Retryable(err) {
		t.Errorf("an unknown event gives %v", err)
	}
	if !strings.Contains(metrics.String(), `"MessagesFailed":1`) {
		t.Errorf("metrics %s", metrics)
	}
}

func TestInvokeReplayBatch(t *testing.T) {
	h, _, metrics := testHandler(func(_ context.Context, key string) (etl.Result, error) {
		switch {
		case strings.Contains(key, "gone"):
			return etl.Result{}, fmt.Errorf("open %q: %w", key, fs.ErrNotExist)
		case strings.Contains(key, "poison"):
			return etl.Result{}, &flowlog.Error{Object: key, Reason: "cut off"}
		case strings.HasSuffix(key, "/"):
			return etl.Result{Skipped: "name does not end in .log.gz"}, nil
		}
		return converted(key), nil
	})
	answer, err := h.Invoke(t.Context(), fmt.Appendf(nil, `{"BatchInput":{"bucket":"logs"},"Items":[{"Key":%q},{"Key":"AWSLogs/"},{"Key":%q},{"Key":%q}]}`, keyOf("a b"), keyOf("gone"), keyOf("poison")))
	want := fmt.Sprintf(`{"converted":1,"skipped":{"name does not end in .log.gz":1},"failed":[{"bucket":"logs","key":%q,"error":"open \"%s\": file does not exist","retryable":true},{"bucket":"logs","key":%[3]q,"error":"read %[3]s: cut off","retryable":false}]}`,
		keyOf("gone"), keyOf("gone"), keyOf("poison"))
	if err != nil || string(answer) != want {
		t.Errorf("answer\n%s, error %v, want\n%s", answer, err, want)
	}
	// What is replayed is old: its lag says nothing.
	if strings.Contains(metrics.String(), `"Lag"`) || !strings.Contains(metrics.String(), `"ConversionTime"`) {
		t.Errorf("metrics %s", metrics)
	}
}

// The deadline comes near while the second of four objects is converted: the others are not begun.
func TestInvokeStopsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		h, log, metrics := testHandler(func(ctx context.Context, key string) (etl.Result, error) {
			keys = append(keys, key)
			if len(keys) == 2 {
				time.Sleep(1700 * time.Millisecond) // of 2 s; there is time until 1.8 s to end what was begun
			}
			return converted(key), ctx.Err()
		})
		h.now = time.Now
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		answer, err := h.Invoke(ctx, []byte(sqsEvent(s3Event(keyOf("one")), s3Event(keyOf("two"), keyOf("three")), s3Event(keyOf("four")))))
		if err != nil || string(answer) != `{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"}]}` || len(keys) != 2 {
			t.Errorf("answer %s, error %v, converted %q\n%s", answer, err, keys, log)
		}
		if !strings.Contains(metrics.String(), `"ObjectsLate":2`) || !strings.Contains(metrics.String(), `"ObjectsFailed":0`) || strings.Contains(log.String(), "ERROR") {
			t.Errorf("metrics %s, log %s", metrics, log)
		}
	})
}

// A conversion that does not come to its end is given up in time for the answer; also one that does
// not notice that it was given up.
func TestInvokeGivesUpBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		for _, name := range []string{"slow", "deaf"} {
			h, log, metrics := testHandler(func(ctx context.Context, key string) (etl.Result, error) {
				switch {
				case strings.Contains(key, "slow"):
					<-ctx.Done()
					return etl.Result{}, ctx.Err()
				case strings.Contains(key, "deaf"):
					<-never
				}
				return converted(key), nil
			})
			h.now, h.concurrency = time.Now, 2
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			answer, err := h.Invoke(ctx, []byte(sqsEvent(s3Event(keyOf(name)), s3Event(keyOf("one")))))
			if ctx.Err() != nil {
				t.Errorf("%s: the answer comes too late", name)
			}
			if err != nil || string(answer) != `{"batchItemFailures":[{"itemIdentifier":"m1"}]}` {
				t.Errorf("%s: answer %s, error %v\n%s", name, answer, err, log)
			}
			if !strings.Contains(metrics.String(), `"ObjectsLate":1`) || !strings.Contains(metrics.String(), `"ObjectsFailed":0`) {
				t.Errorf("%s: metrics %s", name, metrics)
			}
		}
	})
}

func TestInvokeRefusesLogsFromElsewhere(t *testing.T) {
	h, log, _ := testHandler(func(_ context.Context, key string) (etl.Result, error) {
		if strings.HasSuffix(key, ".log.gz") {
			t.Errorf("converted %s", key)
		}
		return etl.Result{Skipped: "name does not end in .log.gz"}, nil
	})
	answer, err := h.Invoke(t.Context(), []byte(sqsEvent(s3Event("elsewhere/"+keyOf("one")), s3Event("elsewhere/notes.txt"))))
	if err != nil || string(answer) != `{"batchItemFailures":[{"itemIdentifier":"m1"}]}` {
		t.Errorf("answer %s, error %v", answer, err)
	}
	if !strings.Contains(log.String(), "not under any of FLOWLAKE_SOURCES") || !strings.Contains(log.String(), `"retryable":false`) {
		t.Errorf("log %s", log)
	}
}

// EventBridge's key is taken as it stands; if there is no such object, it may have been encoded.
func TestInvokeTriesTheOtherKey(t *testing.T) {
	for name, missing := range map[string]error{"missing": fs.ErrNotExist, "may not be known": fs.ErrPermission} {
		var keys []string
		h, log, _ := testHandler(func(_ context.Context, key string) (etl.Result, error) {
			keys = append(keys, key)
			if key == keyOf("a+b") || strings.Contains(key, "gone") {
				return etl.Result{}, &store.Error{Op: "open", Key: key, Err: missing}
			}
			return converted(key), nil
		})
		detail := func(key string) string {
			return fmt.Sprintf(`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"logs"},"object":{"key":%q}}}`, key)
		}
		if answer, err := h.Invoke(t.Context(), []byte(detail(keyOf("a+b")))); err != nil || string(answer) != `{"converted":1,"skipped":{},"failed":[]}` {
			t.Errorf("%s: answer %s, error %v", name, answer, err)
		}
		if !slices.Equal(keys, []string{keyOf("a+b"), keyOf("a b")}) || !strings.Contains(log.String(), "s3://logs/"+keyOf("a b")) {
			t.Errorf("%s: tried %q, log %s", name, keys, log)
		}
		// An encoded key may look as if it came from elsewhere.
		h.sources = []location{{"logs", "my logs/AWSLogs/"}}
		if answer, err := h.Invoke(t.Context(), []byte(detail("my+logs/"+keyOf("c")))); err != nil || string(answer) != `{"converted":1,"skipped":{},"failed":[]}` {
			t.Errorf("%s: answer %s, error %v", name, answer, err)
		}
		h.sources = []location{{"logs", "AWSLogs/"}}
		// The error of a missing object names the key that came.
		if _, err := h.Invoke(t.Context(), []byte(detail(keyOf("gone+")))); !errors.Is(err, missing) || !strings.Contains(err.Error(), "gone+") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// An object that could be read but not written is not to be confused with another one.
func TestInvokeTriesNoOtherKeyForOtherErrors(t *testing.T) {
	denied := &store.Error{Op: "commit", Key: "aga_flow_logs/x.parquet", Err: fs.ErrPermission}
	h, _, _ := testHandler(func(_ context.Context, key string) (etl.Result, error) {
		if key != keyOf("a+b") {
			t.Errorf("converted %q", key)
		}
		return etl.Result{}, denied
	})
	payload := fmt.Sprintf(`{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"logs"},"object":{"key":%q}}}`, keyOf("a+b"))
	if _, err := h.Invoke(t.Context(), []byte(payload)); !errors.Is(err, denied) {
		t.Errorf("error %v", err)
	}
}

func TestInvokeBoundsItsConcurrency(t *testing.T) {
	const bound = 3
	running, most, all := atomic.Int64{}, atomic.Int64{}, make(chan struct{})
	h, _, _ := testHandler(func(context.Context, string) (etl.Result, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == bound {
			close(all) // they wait for each other, so that all of them do run at the same time
		}
		<-all
		return etl.Result{}, nil
	})
	h.concurrency = bound
	var keys []string
	for i := range bound {
		keys = append(keys, keyOf(fmt.Sprint(i)))
	}
	if _, err := h.Invoke(t.Context(), []byte(s3Event(keys...))); err != nil || most.Load() != bound {
		t.Errorf("%d at the same time, want %d; error %v", most.Load(), bound, err)
	}
	// Of many, no more than that.
	var waiting atomic.Int64
	h, _, _ = testHandler(func(ctx context.Context, _ string) (etl.Result, error) {
		if n := waiting.Add(1); n > bound {
			t.Errorf("%d at the same time, want at most %d", n, bound)
		}
		defer waiting.Add(-1)
		for range 1000 {
			runtime.Gosched() // let others come in
		}
		return etl.Result{}, nil
	})
	h.concurrency = bound
	for i := range 100 {
		keys = append(keys, keyOf(fmt.Sprint("more-", i)))
	}
	if _, err := h.Invoke(t.Context(), []byte(s3Event(keys...))); err != nil {
		t.Error(err)
	}
}

// A metric has at most 100 values in a line; further ones follow in lines of their own.
func TestMetricsOfManyObjects(t *testing.T) {
	h, _, metrics := testHandler(func(_ context.Context, key string) (etl.Result, error) { return converted(key), nil })
	var keys []string
	for i := range 250 {
		keys = append(keys, keyOf(fmt.Sprint(i)))
	}
	if _, err := h.Invoke(t.Context(), []byte(s3Event(keys...))); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(metrics.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	values, sums := 0, 0
	for _, l := range lines {
		var line struct {
			Lag              []float64
			ObjectsConverted *int
		}
		if err := json.Unmarshal([]byte(l), &line); err != nil {
			t.Fatal(err)
		}
		values += len(line.Lag)
		if line.ObjectsConverted != nil {
			sums++
		}
	}
	if values != 250 || sums != 1 {
		t.Errorf("%d values of lag, want 250; %d sums, want 1", values, sums)
	}
}

func TestRunReportsAWrongConfiguration(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(t.Context(), nil, io.Discard, &stderr); code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "FLOWLAKE_DATABASE") {
		t.Errorf("exit code %d, log %s", code, &stderr)
	}
}
