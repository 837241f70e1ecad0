package verify_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

func TestACleanLakeIsProved(t *testing.T) {
	w := newWorld(t)
	w.put("empty.log.gz", nil)
	w.put("notes.txt", []byte("no log"))
	w.put("headers.log.gz", stored(header+"\n"+header)) // lines, but nothing that needs an output
	w.put("no-text.log.gz", stored(""))
	// The key names no day, and the rejects in front of the first record are more than are written at once.
	w.put("dayless.log.gz", stored(header+strings.Repeat("no record\n", 9000)+record(midnight, 1)+"no record\n"))
	w.put("rejects-only.log.gz", stored("no record\n"))
	w.put("two members.log.gz", append(stored(header+record(midnight, 1)), stored(header+record(midnight, 2))...))
	w.convertAll()
	want := verify.Report{
		Found: 10, Verified: 8, Clean: 8,
		Counts:        verify.Counts{Lines: 28 + 10 + 4 + 3 + 9003 + 1 + 4, Rows: 32, Rejected: 9008, Headers: 8, Blank: 5},
		Outputs:       2 + 1 + 2 + 1 + 1 + (1 + 2) + 1 + 1,
		OutputRows:    32,
		OutputRejects: 9008,
		Partitions:    6,
	}
	for _, workers := range []int{0, 1, 8} {
		o := w.options()
		o.Workers = workers
		var done atomic.Int64
		o.Done = func(size int64, findings int) { done.Add(1) }
		r := w.verify(o)
		for _, f := range r.Findings {
			t.Errorf("finding %+v", f)
		}
		if r.Standing() != 0 || done.Load() != r.Verified {
			t.Errorf("%d findings; %d sources are done, want %d", r.Standing(), done.Load(), r.Verified)
		}
		if fmt.Sprint(r.Skipped) != "map[empty object (0 bytes):1 name does not end in .log.gz:1]" {
			t.Errorf("skipped %v", r.Skipped)
		}
		c := r.Counts
		if c.Lines != c.Rows+c.Rejected+c.Headers+c.Blank {
			t.Errorf("lines do not add up: %+v", c)
		}
		got := verify.Report{Found: r.Found, Verified: r.Verified, Clean: r.Clean, Counts: r.Counts, Outputs: r.Outputs,
			OutputRows: r.OutputRows, OutputRejects: r.OutputRejects, Partitions: r.Partitions}
		got.Text = 0
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%d workers: report\n%+v\nwant\n%+v", workers, got, want)
		}
		bytes := 20*40 + 19*20/2 + 6*40 + 5*6/2 + 5 + 6 + 7 + 1 + 1 + 2
		if s := r.Sums[0]; s.Column != "bytes" || s.Text.Int64() != int64(bytes) || s.Lake.Cmp(s.Text) != 0 {
			t.Errorf("sum %+v, want %d", s, bytes)
		}
		if s := r.Sums[1]; s.Column != "packets" || s.Text.Int64() != 32 || s.Lake.Cmp(s.Text) != 0 {
			t.Errorf("sum %+v, want 32", s)
		}
	}
	// A lake that cannot be read in place: copied, and nothing stays behind.
	memory := copyOf(t, w)
	r, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog)
	if err != nil || r.Standing() != 0 || r.Outputs != want.Outputs {
		t.Errorf("report %+v, error %v", r, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "flowlake-output-*")); len(left) > 0 {
		t.Errorf("%q stay behind", left)
	}
}

// A store that fails is no proof of anything.
func TestFailuresOfStores(t *testing.T) {
	w := newWorld(t)
	memory := copyOf(t, w)
	table := schema.GlobalAccelerator()
	broken := errors.New("broken")
	output := w.output(table, "2026-01-11", clean)
	memory.Hook = func(op, key string, when storetest.When) error {
		if op == "read" && key == output {
			return broken
		}
		return nil
	}
	r, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog)
	if err != nil {
		t.Fatal(err)
	}
	w.wantFindings(t, r.Findings, []finding{{verify.Different, clean, output, "3 rows", "broken"}})

	memory.Hook = func(op, key string, when storetest.When) error {
		if op == "list" {
			return broken
		}
		return nil
	}
	if _, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	// What was verified before the sources could not be found any further is not lost.
	find := func(ctx context.Context, fn func(verify.Object) error) error {
		if err := w.find(ctx, fn); err != nil {
			return err
		}
		time.Sleep(time.Second) // the workers may end
		return broken
	}
	w.remove(w.lake.Path(output))
	w.write("aga_flow_logs/stray.parquet", []byte("seen only by those who get so far"))
	r, err = verify.Run(t.Context(), w.options(), find, w.lake, w.catalog)
	if !errors.Is(err, broken) || r.Incomplete != "broken" || r.Verified != 3 || r.Outputs == 0 || r.Partitions == 0 {
		t.Errorf("report %+v, error %v", r, err)
	}
	w.wantFindings(t, r.Findings, []finding{{verify.Missing, clean, output, "3 rows", "no such output"}})
	data, _ := memory.Get(output)
	w.write(output, data)
	w.remove(w.lake.Path("aga_flow_logs/stray.parquet"))
	// Nor where the lake cannot be listed a second time.
	w.remove(w.sources.Path(clean))
	lists := 0
	memory.Hook = func(op, key string, when storetest.When) error {
		if op != "list" || when != storetest.Before {
			return nil
		}
		if lists++; lists > 2 {
			return broken
		}
		return nil
	}
	r, err = verify.Run(t.Context(), w.options(), w.find, memory, w.catalog)
	if !errors.Is(err, broken) || !strings.Contains(r.Incomplete, "list the lake: ") || r.Verified != 2 || r.Clean != 2 {
		t.Errorf("report %+v, error %v", r, err)
	}
	// A source whose store fails says nothing of its outputs.
	sources := new(storetest.Memory)
	sources.Put("x.log.gz", stored(text(3)))
	sources.Hook = func(op, key string, when storetest.When) error {
		if op == "read" {
			return broken
		}
		return nil
	}
	find = func(ctx context.Context, fn func(verify.Object) error) error {
		return fn(verify.Object{Source: sources, Key: "x.log.gz", Size: 1})
	}
	o := w.options()
	o.Holds = func(string) bool { return false }
	r, err = verify.Run(t.Context(), o, find, w.lake, w.catalog)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.Unreadable || !strings.Contains(r.Findings[0].Have, "broken") {
		t.Errorf("report %+v, error %v", r, err)
	}

	// Interrupted after the first source.
	ctx, cancel := context.WithCancel(t.Context())
	o = w.options()
	o.Workers, o.Done = 1, func(int64, int) { cancel() }
	r, err = verify.Run(ctx, o, w.find, w.lake, w.catalog)
	if !errors.Is(err, context.Canceled) || r.Verified != 1 || r.Incomplete != "context canceled" {
		t.Errorf("report %+v, error %v", r, err)
	}
}

func TestValidate(t *testing.T) {
	o := verify.Options{Table: schema.GlobalAccelerator(), From: time.Unix(2, 0), Until: time.Unix(2, 0), Sums: []string{"bytes", "clientip", "starttime", "x"}}
	err := o.Validate()
	for _, want := range []string{"holds", "until", "longest line", "partitions", `have "clientip"`, `have "starttime"`, `have "x"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), `"bytes"`) {
		t.Errorf("error %v", err)
	}
	if _, err := verify.Run(t.Context(), o, nil, nil, nil); err == nil {
		t.Error("runs with wrong options")
	}
}
