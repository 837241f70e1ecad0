package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// lister is a lake that is listed only. It makes up its keys.
type lister struct {
	each     func(fn func(key string) error) error
	prefixes []string
}

func (l *lister) Open(context.Context, string) (io.ReadCloser, store.Object, error) {
	return nil, store.Object{}, errors.New("opened")
}

func (l *lister) List(_ context.Context, prefix string, fn func(store.Object) error) error {
	l.prefixes = append(l.prefixes, prefix)
	return l.each(func(key string) error {
		if !strings.HasPrefix(key, prefix) {
			return nil
		}
		return fn(store.Object{Key: key})
	})
}

func indexOf(t *testing.T, l *lister, o Options) *index {
	t.Helper()
	o.Table = schema.GlobalAccelerator()
	v := &verifier{Options: o, lake: l, rejects: o.Table.Rejects()}
	x, err := v.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestIndex(t *testing.T) {
	keys := []string{"aga_flow_logs/b/x", "aga_flow_logs/a/x", "aga_flow_logs/a/y", "aga_flow_logs/z", "aga_flow_logs_rejects/a/x"}
	x := indexOf(t, &lister{each: func(fn func(string) error) error {
		for _, key := range keys {
			if err := fn(key); err != nil {
				return err
			}
		}
		return nil
	}}, Options{})
	if x.left != len(keys) || !x.untaken("aga_flow_logs/a/", "x") || x.untaken("aga_flow_logs/c/", "x") || x.untaken("aga_flow_logs/a/", "z") {
		t.Errorf("%d objects are left", x.left)
	}
	if got := x.take("x"); !slices.Equal(got, []string{"aga_flow_logs/a/", "aga_flow_logs/b/", "aga_flow_logs_rejects/a/"}) {
		t.Errorf("took %q", got)
	}
	if got := x.take("x"); got != nil || x.left != 2 || x.untaken("aga_flow_logs/a/", "x") || !x.untaken("aga_flow_logs/a/", "y") || !x.untaken("aga_flow_logs/", "z") {
		t.Errorf("took %q again; %d objects are left", got, x.left)
	}
}

func TestTheLakeIsListedAroundTheDaysOnly(t *testing.T) {
	l := &lister{each: func(func(string) error) error { return nil }}
	day := time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	for late, days := range map[time.Duration][]string{0: {"09"}, time.Hour: {"08", "09", "10"}, 25 * time.Hour: {"07", "08", "09", "10", "11"}} {
		l.prefixes = nil
		indexOf(t, l, Options{From: day, Until: day.Add(24 * time.Hour), Late: late})
		var want []string
		for _, table := range []string{"aga_flow_logs", "aga_flow_logs_rejects"} {
			for _, d := range days {
				want = append(want, table+"/year=2026/month=01/day="+d+"/")
			}
		}
		if !slices.Equal(l.prefixes, want) {
			t.Errorf("late %v: listed %q, want %q", late, l.prefixes, want)
		}
	}
	for _, o := range []Options{{}, {From: day}, {Until: day}} {
		l.prefixes = nil
		if indexOf(t, l, o); !slices.Equal(l.prefixes, []string{"aga_flow_logs/", "aga_flow_logs_rejects/"}) {
			t.Errorf("listed %q", l.prefixes)
		}
	}
}

// A listed object takes 24 bytes, whatever its key.
func TestInvariantBoundsOfTheIndex(t *testing.T) {
	const objects = 100_000
	table := schema.GlobalAccelerator()
	l := &lister{each: func(fn func(string) error) error {
		for i := range objects {
			url := fmt.Sprintf("s3://logs/AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_%08d.log.gz", i)
			if err := fn(table.ObjectKey(schema.Day(20000+i%1000), url)); err != nil {
				return err
			}
		}
		return nil
	}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := indexOf(t, l, Options{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := float64(after.HeapAlloc-before.HeapAlloc) / objects; each > 26 || x.left != objects {
		t.Errorf("%d objects take %.1f bytes each", x.left, each)
	}
}
