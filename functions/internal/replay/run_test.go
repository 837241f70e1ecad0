package replay

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// converter converts by a function.
type converter func(ctx context.Context, key string) (etl.Result, error)

func (c converter) Convert(ctx context.Context, source etl.Source, key string) (etl.Result, error) {
	return c(ctx, key)
}

// list lists what it holds.
type list []Object

func (l list) Each(ctx context.Context, fn func(Object) error) error {
	for _, o := range l {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

func objects(n int) list {
	source := new(storetest.Memory)
	var l list
	for i := range n {
		l = append(l, Object{Source: source, Key: fmt.Sprintf("%03d.log.gz", i), Size: 1})
	}
	return l
}

// config gives a configuration with a number of workers.
func config(workers int) Config {
	return Config{Table: schema.GlobalAccelerator(), Limits: Limits{Workers: workers}}
}

// passing is a failure that may pass.
type passing struct{ throttled bool }

func (p passing) Error() string   { return "passing" }
func (p passing) Retryable() bool { return true }
func (p passing) Throttled() bool { return p.throttled }

// lasting is one that does not.
type lasting struct{}

func (lasting) Error() string   { return "lasting" }
func (lasting) Retryable() bool { return false }

func TestRunBoundsItsWorkersAndGoesOnAfterFailures(t *testing.T) {
	var running, most atomic.Int64
	c := converter(func(_ context.Context, key string) (etl.Result, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		res := etl.Result{URL: key, Counts: flowlog.Counts{Lines: 3, Rows: 2, Headers: 1, Text: 7, UnknownFields: 1}, BytesIn: 10, Partitions: 1,
			Outputs: []etl.Output{{Size: 4}, {Size: 5}}}
		switch {
		case key == "007.log.gz" || key == "003.log.gz":
			return res, lasting{}
		case key == "005.log.gz":
			return etl.Result{URL: key, Skipped: "no log"}, nil
		}
		return res, nil
	})
	cfg := config(3)
	var done []string
	var last Snapshot
	cfg.Done = func(o Outcome) { done = append(done, o.Object.Key) }
	cfg.Progress = func(s Snapshot) {
		if s.Done < last.Done || s.Bytes < last.Bytes || s.Workers != 3 {
			t.Errorf("progress %+v after %+v", s, last)
		}
		last = s
	}
	found := append(objects(100), Object{Source: new(storetest.Memory), Key: "notes.txt", Size: 5})
	s, err := Run(t.Context(), found, c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if most.Load() > 3 {
		t.Errorf("%d conversions at the same time, want at most 3", most.Load())
	}
	slices.Sort(done)
	if len(slices.Compact(done)) != 101 {
		t.Errorf("Done was called for %d objects", len(done))
	}
	if s.Done() != 101 || s.Objects != 101 || !s.Listed || s.Bytes != 105 || s.BytesDone != 105 || s.Converted != 97 ||
		s.Skipped["no log"] != 1 || s.Skipped["name does not end in .log.gz"] != 1 ||
		s.Failed != 2 || s.Failures[0] != (Failure{"s3://memory/003.log.gz", "lasting"}) || s.Failures[1].URL != "s3://memory/007.log.gz" {
		t.Errorf("summary %+v", s)
	}
	want := Tally{Lines: 3 * 97, Rows: 2 * 97, Headers: 97, Text: 7 * 97, UnknownFields: 97, BytesIn: 970, BytesOut: 9 * 97, Outputs: 2 * 97, Partitions: 97}
	if s.Tally != want || s.Before != 0 || s.Retries != 0 {
		t.Errorf("summary %+v", s)
	}
	if last.Done != 101 || !last.Listed || last.Failed != 2 || last.Skipped != 2 || last.Rows != 2*97 {
		t.Errorf("last progress %+v", last)
	}
}

func TestRunFinishesWhatItBeganWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	// The conversions begin in pairs; the pair of 010 and 011 sees the interruption before it ends.
	var pair sync.WaitGroup
	pair.Add(2)
	c := converter(func(conversion context.Context, key string) (etl.Result, error) {
		switch key {
		case "010.log.gz":
			pair.Done()
			pair.Wait()
			cancel()
		case "011.log.gz":
			pair.Done()
			<-ctx.Done()
		}
		return etl.Result{URL: key}, conversion.Err()
	})
	s, err := Run(ctx, objects(5000), c, config(2))
	if err != nil || s.Failed > 0 || s.Converted != 12 || s.Listed || s.Objects < 12 || s.Objects > 12+prefetch+2 {
		t.Errorf("%d of %d converted, want 12; failed %v; error %v", s.Converted, s.Objects, s.Failures, err)
	}
}

func TestRunLeavesNoGoroutines(t *testing.T) {
	// A bubble ends with an error if a goroutine of it is left.
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		for name, test := range map[string]struct {
			cfg  func(*Config)
			list Lister
			want error
		}{
			"all is well":   {func(*Config) {}, objects(3000), nil},
			"no listing":    {func(*Config) {}, failing{objects(2000), broken}, broken},
			"no beginning":  {func(c *Config) { c.Begin = func(context.Context) error { return broken } }, objects(3000), broken},
			"no journal":    {func(c *Config) { c.Journal = &Journal{err: broken, now: time.Now, seed: maphash.MakeSeed()} }, objects(3000), broken},
			"interruption":  {func(c *Config) { c.Limits.ObjectsPerSecond = 100 }, objects(3000), nil},
			"interruption2": {func(c *Config) { c.Limits.Retries = 1000; c.Limits.ObjectsPerSecond = 1000 }, objects(3000), nil},
		} {
			cfg := config(4)
			test.cfg(&cfg)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			if strings.HasPrefix(name, "interruption") {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
			}
			if cfg.Journal != nil {
				cfg.Journal.file = null(t)
			}
			c := converter(func(context.Context, string) (etl.Result, error) {
				if name == "interruption2" {
					return etl.Result{}, passing{}
				}
				return etl.Result{}, nil
			})
			s, err := Run(ctx, test.list, c, cfg)
			if !errors.Is(err, test.want) {
				t.Errorf("%s: error %v", name, err)
			}
			switch {
			case name == "no listing" && (s.Converted != 2000 || s.Listed):
				t.Errorf("%s: %d were converted", name, s.Converted)
			case name == "no beginning" && s.Done() != 0:
				t.Errorf("%s: %d were done", name, s.Done())
			case name == "interruption" && (s.Converted < 499 || s.Converted > 502):
				t.Errorf("%s: %d converted in 5 s", name, s.Converted)
			case name == "interruption2" && (s.Failed == 0 || s.Failures[0].Error != "passing"):
				t.Errorf("%s: %+v", name, s)
			}
			cancel()
		}
	})
}

// failing lists, and then fails.
type failing struct {
	list
	err error
}

func (f failing) Each(ctx context.Context, fn func(Object) error) error {
	if err := f.list.Each(ctx, fn); err != nil {
		return err
	}
	return f.err
}

func TestRunBeginsOnceAndOnlyIfItConverts(t *testing.T) {
	began := 0
	cfg := config(4)
	cfg.Begin = func(context.Context) error {
		began++
		return nil
	}
	c := converter(func(context.Context, string) (etl.Result, error) {
		if began != 1 {
			t.Errorf("converting, begun %d times", began)
		}
		return etl.Result{}, nil
	})
	if _, err := Run(t.Context(), list{{Source: new(storetest.Memory), Key: "notes.txt"}}, c, cfg); err != nil || began != 0 {
		t.Errorf("begun %d times for nothing; %v", began, err)
	}
	if _, err := Run(t.Context(), objects(100), c, cfg); err != nil || began != 1 {
		t.Errorf("begun %d times; %v", began, err)
	}
}

// existing knows objects by a function.
type existing func(o Object, about schema.Source) (Tally, bool, error)

func (e existing) Converted(_ context.Context, o Object, about schema.Source) (Tally, bool, error) {
	return e(o, about)
}

func TestRunAsksWhatExists(t *testing.T) {
	var converted atomic.Int64
	c := converter(func(context.Context, string) (etl.Result, error) {
		converted.Add(1)
		return etl.Result{Counts: flowlog.Counts{Rows: 1}}, nil
	})
	cfg := config(2)
	cfg.Existing = existing(func(o Object, about schema.Source) (Tally, bool, error) {
		switch {
		case o.Key == "004.log.gz":
			return Tally{}, false, lasting{}
		case o.Key < "006.log.gz":
			return Tally{Rows: 10}, true, nil
		}
		return Tally{}, false, nil
	})
	s, err := Run(t.Context(), objects(10), c, cfg)
	if err != nil || converted.Load() != 4 || s.Before != 5 || s.BeforeTally.Rows != 50 || s.BytesBefore != 5 || s.Rows != 54 || s.Failed != 1 || s.Done() != 10 ||
		s.Failures[0].Error != "look for outputs of s3://memory/004.log.gz: lasting" {
		t.Errorf("%d converted, error %v, summary %+v", converted.Load(), err, s)
	}
}

// The summary of many failures and reasons stays small, and names the first by URL.
func TestSummaryIsBounded(t *testing.T) {
	var s Summary
	for i := range 5000 {
		n := (i*1777 + 5) % 5000
		s.Add(Outcome{URL: fmt.Sprintf("%04d", n), Err: lasting{}})
		s.Add(Outcome{Skipped: fmt.Sprint("reason ", n)})
	}
	if s.Failed != 5000 || len(s.Failures) != MaxFailures || len(s.Skipped) != maxReasons+1 || s.Skipped[otherReasons] != 5000-maxReasons || s.Done() != 10_000 {
		t.Errorf("%d failed, %d named; %d reasons, %d others", s.Failed, len(s.Failures), len(s.Skipped), s.Skipped[otherReasons])
	}
	for i, f := range s.Failures {
		if f.URL != fmt.Sprintf("%04d", i) {
			t.Errorf("failure %d is that of %s", i, f.URL)
		}
	}
}

// endless is a store of so many logs, which it makes up as they are listed.
type endless struct {
	*storetest.Memory
	n      int
	listed atomic.Int64
}

func (e *endless) Each(ctx context.Context, fn func(Object) error) error {
	for i := range e.n {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.listed.Add(1)
		at := time.Unix(int64(i)*30, 0).UTC().Format("20060102T1504Z")
		if err := fn(Object{Source: e.Memory, Key: logKey(at[:4]+"/"+at[4:6]+"/"+at[6:8], at) + fmt.Sprint(i) + ".log.gz", Size: 100_000}); err != nil {
			return err
		}
	}
	return nil
}

// A million objects take no more memory than a thousand, and the first is converted before ten
// thousand are listed.
func TestInvariantBoundsOfAMillionObjects(t *testing.T) {
	const million = 1_000_000
	source := &endless{Memory: new(storetest.Memory), n: million}
	var first, converted atomic.Int64
	c := converter(func(context.Context, string) (etl.Result, error) {
		first.CompareAndSwap(0, source.listed.Load())
		converted.Add(1)
		return etl.Result{Counts: flowlog.Counts{Rows: 1}}, nil
	})
	cfg := config(4)
	cfg.Select = Selection{From: time.Unix(0, 0), Account: "123456789012", Resource: "f0154cf1"}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak, done atomic.Uint64
	cfg.Done = func(Outcome) {
		if done.Add(1)%50_000 == 0 {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak.Store(max(peak.Load(), now.HeapInuse))
		}
	}
	began := time.Now()
	s, err := Run(t.Context(), source, c, cfg)
	grown := int64(peak.Load()) - int64(before.HeapInuse)
	t.Logf("%d objects in %.1f s; first converted when %d were listed; heap grew by %.1f MB", million, time.Since(began).Seconds(), first.Load(), float64(grown)/1e6)
	if err != nil || s.Converted != million || s.Rows != million || s.Outside != 0 || converted.Load() != million {
		t.Errorf("%d of %d converted, %d outside, error %v", s.Converted, s.Objects, s.Outside, err)
	}
	if first.Load() == 0 || first.Load() >= 10_000 {
		t.Errorf("%d were listed when the first was converted", first.Load())
	}
	if grown > 64e6 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
