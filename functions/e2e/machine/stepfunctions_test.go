package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/world"
	failures "github.com/flowlake/flowlake/functions/internal/failed"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
)

// What flowlake gives the state machine for an input is what that takes, and the prefixes that flowlake
// shows are those that it replays, in that order.
func TestReplayMachineTakesTheInputOfFlowlake(t *testing.T) {
	m := replayMachine(t)
	m.listsKeys() // nothing
	for _, in := range []stepfunctions.Input{
		{Concurrency: 1},
		{Bucket: world.LogBucket, Prefix: logRoot, Concurrency: 1000, ToleratedFailurePercentage: 100},
		{Prefix: logPrefix, From: "2026-01-30", To: "2026-03-01", Concurrency: 10},
		{Prefix: logPrefix, From: "2016-01-02", To: "2025-12-30", Concurrency: 10},
		{Prefix: logPrefix, From: "2024-02-01", To: "2024-02-29", Concurrency: 10},
		{Prefix: logPrefix, From: "2099-12-31", To: "2100-03-01", Concurrency: 10},
		{Prefix: logPrefix, From: "2026-01-09", To: "2026-01-09", Concurrency: 10},
		// What is wrong is wrong for both.
		{},
		{Prefix: "AWSLogs", Concurrency: 1},
		{Prefix: logRoot, From: "2026-01-09", To: "2026-01-09", Concurrency: 1},
		{Prefix: logPrefix, From: "2026-01-09", Concurrency: 1},
		{Prefix: logPrefix, From: "2026-02-29", To: "2026-03-01", Concurrency: 1},
		{Prefix: logPrefix, From: "2026-03-01", To: "2026-02-28", Concurrency: 1},
		{Prefix: logPrefix, From: "2016-01-31", To: "2026-01-01", Concurrency: 1},
		{Concurrency: 1001},
		{Concurrency: 1, ToleratedFailurePercentage: 101},
	} {
		text, err := json.Marshal(&in)
		if err != nil {
			t.Fatal(err)
		}
		var input any
		if err := json.Unmarshal(text, &input); err != nil {
			t.Fatal(err)
		}
		m.runs = nil
		_, err = m.run(t.Context(), "input", input)
		var failure *stateError
		if !errors.As(err, &failure) || failure.name != "NoObjects" && failure.name != "WrongInput" {
			t.Fatalf("%s: %v", text, err)
		}
		if wrong := in.Validate(); (wrong != nil) != (failure.name == "WrongInput") {
			t.Errorf("%s: flowlake says %v, the state machine %v", text, wrong, err)
		}
		if failure.name == "WrongInput" {
			continue
		}
		var got []string
		for _, run := range m.runs {
			got = append(got, run.prefix)
		}
		want := in.Prefixes()
		if in.Prefix == "" {
			want = []string{logRoot}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: replays %q, flowlake shows %q", text, got, want)
		}
	}
}

// What the state machine leaves behind of batches that failed names the objects to convert again.
func TestFailedReadsTheCausesOfTheReplayMachine(t *testing.T) {
	m := replayMachine(t)
	var keys []string
	for _, name := range []string{"00000001", "00000002", "00000003"} {
		keys = append(keys, logAt("2026/01/30", name))
	}
	m.listsKeys(keys...)
	for answer, want := range map[string][]failures.Object{
		`{"converted":2,"skipped":{},"failed":[{"bucket":"logs","key":"` + keys[1] + `","error":"cut \"off\"","retryable":false}]}`: {{URL: "s3://logs/" + keys[1], Error: `cut "off"`}},
		// A failure that names nothing may be that of any.
		`{"converted":2,"skipped":{},"failed":[{"error":"decode event: x","retryable":false}]}`: {{URL: "s3://logs/" + keys[0]}, {URL: "s3://logs/" + keys[1]}, {URL: "s3://logs/" + keys[2]}},
		`{"converted":1,"skipped":{},"failed":[]}`:                                              {{URL: "s3://logs/" + keys[0]}, {URL: "s3://logs/" + keys[1]}, {URL: "s3://logs/" + keys[2]}},
	} {
		m.runs = nil
		m.invokes(func(context.Context, []byte) ([]byte, error) { return []byte(answer), nil })
		if _, err := m.run(t.Context(), "causes", map[string]any{"toleratedFailurePercentage": 100}); err != nil {
			t.Fatal(err)
		}
		c := m.runs[0].children[0]
		if c.err == nil {
			t.Fatalf("%s: the batch has not failed", answer)
		}
		input, err := json.Marshal(c.input)
		if err != nil {
			t.Fatal(err)
		}
		file, err := json.Marshal([]map[string]string{{"ExecutionArn": "e", "Status": "FAILED", "Error": c.err.name, "Cause": c.err.cause, "Input": string(input)}})
		if err != nil {
			t.Fatal(err)
		}
		var got []failures.Object
		err = failures.Read(t.Context(), func(context.Context, string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(file)), nil
		}, "FAILED_0.json", func(o failures.Object) error {
			if !strings.HasPrefix(answer, `{"converted":2,"skipped":{},"failed":[{"bucket"`) {
				o.Error = ""
			}
			got = append(got, o)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v, want %q", answer, got, err, want)
		}
	}
}
