package replay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

// still is a clock that stands still but for those who sleep, whom it lets go at once.
type still struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
}

func (s *still) clock() clock {
	return clock{
		now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.at
		},
		sleep: func(ctx context.Context, d time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.slept = append(s.slept, d)
			s.at = s.at.Add(d)
			return ctx.Err()
		},
		jitter: func(d time.Duration) time.Duration { return d },
	}
}

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		retries, failures int
		err               error
		failed            bool
		slept             []time.Duration
	}{
		{3, 0, passing{}, false, nil},
		{3, 2, passing{}, false, []time.Duration{time.Second, 2 * time.Second}},
		{3, 4, passing{}, true, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		{3, 1, fmt.Errorf("the network's"), false, []time.Duration{time.Second}},
		{3, 1, lasting{}, true, nil},
		{0, 1, passing{}, true, nil},
		{7, 7, passing{}, false, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
	} {
		s, calls := &still{}, 0
		c := converter(func(context.Context, string) (etl.Result, error) {
			if calls++; calls <= test.failures {
				return etl.Result{}, test.err
			}
			return etl.Result{}, nil
		})
		cfg := config(1)
		cfg.Limits.Retries = test.retries
		r := newRun(cfg, c, s.clock())
		if err := r.run(t.Context(), objects(1)); err != nil {
			t.Fatal(err)
		}
		if sum := &r.summary; (sum.Failed == 1) != test.failed || sum.Done() != 1 || sum.Retries != len(test.slept) || !slices.Equal(s.slept, test.slept) {
			t.Errorf("%+v: summary %+v, slept %v", test, sum, s.slept)
		}
	}
}

// Full jitter: any time up to the most.
func TestJitter(t *testing.T) {
	var low, high bool
	for range 1000 {
		d := realClock.jitter(time.Second)
		if d < 0 || d > time.Second {
			t.Fatalf("waits %v", d)
		}
		low, high = low || d < 200*time.Millisecond, high || d > 800*time.Millisecond
	}
	if !low || !high {
		t.Error("the waits do not differ")
	}
}

// A throttling halves the number of objects at the same time, and successes bring it back by ones.
func TestThrottling(t *testing.T) {
	g := newGate(Limits{Workers: 8})
	want := func(limit int) {
		t.Helper()
		if g.allowed() != limit {
			t.Errorf("%d objects are allowed, want %d", g.allowed(), limit)
		}
	}
	fails := func() { g.throttled(g.term()) }
	succeeds := func(n int) {
		for range n {
			g.succeeded()
		}
	}
	want(8)
	crowd := g.term()
	for range 8 {
		g.throttled(crowd) // of one crowd, the first counts
	}
	want(4)
	fails()
	want(2)
	fails()
	fails()
	want(1)
	succeeds(growth - 1)
	want(1)
	succeeds(1)
	want(2)
	succeeds(growth - 1)
	fails() // the stretch begins anew
	want(1)
	succeeds(growth - 1)
	want(1)
	succeeds(1 + 20*growth)
	want(8)
}

// A run with something throttled has fewer conversions at the same time, and more again later.
func TestRunAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, calls := 0, 0
		var most []int // at each call
		c := converter(func(context.Context, string) (etl.Result, error) {
			mu.Lock()
			running++
			calls++
			most = append(most, running)
			n := calls
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			running--
			mu.Unlock()
			if n > 96 && n <= 104 { // all that run then
				return etl.Result{}, passing{throttled: true}
			}
			return etl.Result{}, nil
		})
		cfg := config(8)
		cfg.Limits.Retries = 5
		least, last := 8, 0
		cfg.Progress = func(s Snapshot) { least, last = min(least, s.Workers), s.Workers }
		s, err := Run(t.Context(), objects(600), c, cfg)
		if err != nil || s.Converted != 600 || s.Retries != 8 {
			t.Errorf("summary %+v, error %v", s, err)
		}
		if slices.Max(most[:96]) != 8 || slices.Max(most[112:125]) > 5 || slices.Max(most[len(most)-100:]) != 8 {
			t.Errorf("at the same time: %v", most)
		}
		if least != 4 || last != 8 {
			t.Errorf("at least %d workers, at last %d", least, last)
		}
	})
}

// Of the objects that are in, no more are tried again at the same time than a throttling left; and what is
// throttled is tried again for longer than the retries reach.
func TestThrottledTriesWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		began := time.Now()
		c := converter(func(context.Context, string) (etl.Result, error) {
			mu.Lock()
			running++
			if time.Since(began) > 20*time.Second {
				most = max(most, running)
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			if time.Since(began) < time.Minute {
				return etl.Result{}, passing{throttled: true}
			}
			return etl.Result{}, nil
		})
		cfg := config(8)
		cfg.Limits.Retries = 3
		s, err := Run(t.Context(), objects(8), c, cfg)
		if err != nil || s.Converted != 8 || s.Failed > 0 {
			t.Errorf("summary %+v, error %v", s, err)
		}
		if most != 1 {
			t.Errorf("%d tries at the same time, want 1", most)
		}
	})
}

// The sizes of the objects in conversion add up to no more than the limit, but for one alone.
func TestBytesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes := []int64{60, 40, 1, 500, 30, 30, 30, 30, 100, 101, 0, 0, 0, 50, 50, 50}
		source := new(storetest.Memory)
		var l list
		size := map[string]int64{}
		for i, n := range sizes {
			key := fmt.Sprintf("%d.log.gz", i)
			l, size[key] = append(l, Object{Source: source, Key: key, Size: n}), n
		}
		var mu sync.Mutex
		var bytes, peak int64
		running := 0
		c := converter(func(_ context.Context, key string) (etl.Result, error) {
			mu.Lock()
			bytes += size[key]
			running++
			if bytes > 100 && running > 1 {
				t.Errorf("%d bytes in %d conversions", bytes, running)
			}
			peak = max(peak, bytes)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			bytes -= size[key]
			running--
			mu.Unlock()
			return etl.Result{}, nil
		})
		cfg := config(8)
		cfg.Limits.BytesInFlight = 100
		s, err := Run(t.Context(), l, c, cfg)
		if err != nil || s.Converted != len(sizes) || peak != 500 {
			t.Errorf("%d converted, most bytes %d, error %v", s.Converted, peak, err)
		}
	})
}

func TestObjectsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		c := converter(func(context.Context, string) (etl.Result, error) {
			mu.Lock()
			at = append(at, time.Since(began))
			mu.Unlock()
			if len(at) == 50 {
				time.Sleep(3 * time.Second) // the others do not hurry then
			}
			return etl.Result{}, nil
		})
		cfg := config(1)
		cfg.Limits.ObjectsPerSecond = 20
		if _, err := Run(t.Context(), objects(100), c, cfg); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] < 50*time.Millisecond {
				t.Errorf("object %d begins %v after the one before", i, at[i]-at[i-1])
			}
		}
		if total := at[99]; total < 99*50*time.Millisecond || total > 99*50*time.Millisecond+3*time.Second {
			t.Errorf("took %v", total)
		}
	})
}
