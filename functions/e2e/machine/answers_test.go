package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowlake/flowlake/functions/e2e/world"
)

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
				failed = append(failed, map[string]any{"bucket": world.LogBucket, "key": item.Key, "error": strings.Repeat("long ", 1000), "retryable": false})
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
