package runtimeapi_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
)

func fleet(t *testing.T, f runtimeapi.Function, n int) *runtimeapi.Fleet {
	fleet := runtimeapi.NewFleet(f, n)
	t.Cleanup(fleet.Stop)
	return fleet
}

func TestFleetReusesAndReplaces(t *testing.T) {
	f := fleet(t, function(t), 4)
	result, err := do(t, f, order{})
	if err != nil || result.InitDuration <= 0 {
		t.Errorf("the first invocation gives %v, with a start of %v", err, result.InitDuration)
	}
	first := works(t, f).Process
	if again := works(t, f).Process; again != first || f.Starts() != 1 {
		t.Errorf("one invocation after the other: processes %d and %d, %d starts", first, again, f.Starts())
	}
	for n, way := range []string{"exit", "panic"} {
		if _, err := do(t, f, order{Do: way}); (err != nil) != (way == "exit") {
			t.Errorf("%s gives %v", way, err)
		}
		works(t, f)
		if f.Starts() != n+2 {
			t.Errorf("after %s there were %d starts", way, f.Starts())
		}
	}
	f.Kill()
	works(t, f)
	if f.Starts() != 4 || f.PeakRSS() == 0 {
		t.Errorf("after Kill there were %d starts, with a peak of %d bytes", f.Starts(), f.PeakRSS())
	}
}

// TestFleetConcurrency holds three invocations at their responses until all are there.
func TestFleetConcurrency(t *testing.T) {
	const n = 3
	var at, most atomic.Int32
	all := make(chan struct{})
	f := function(t)
	f.OnResponse = func(_ *runtimeapi.Environment, when runtimeapi.When) {
		if when == runtimeapi.After {
			at.Add(-1)
			return
		}
		now := at.Add(1)
		most.Store(max(most.Load(), now))
		if now == n {
			close(all)
		}
		<-all
	}
	fleet := fleet(t, f, n)
	var invocations sync.WaitGroup
	for range 2 * n {
		invocations.Go(func() {
			if _, err := do(t, fleet, order{}); err != nil {
				t.Error(err)
			}
		})
	}
	invocations.Wait()
	if fleet.Starts() != n || most.Load() != n {
		t.Errorf("%d environments were started, %d invocations were under way at once, want %d", fleet.Starts(), most.Load(), n)
	}
}

func TestFleetStop(t *testing.T) {
	fleet := fleet(t, function(t), 2)
	pid := works(t, fleet).Process
	failed := make(chan error)
	go func() {
		_, err := do(t, fleet, order{Do: "sleep"})
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond) // so that it is most likely under way; if not, Invoke refuses
	var stops sync.WaitGroup
	for range 3 {
		stops.Go(fleet.Stop)
	}
	if err := <-failed; !errors.Is(err, runtimeapi.ErrStopped) {
		t.Errorf("an invocation that Stop ended gives %v", err)
	}
	stops.Wait()
	if _, err := do(t, fleet, order{}); !errors.Is(err, runtimeapi.ErrStopped) {
		t.Errorf("after Stop, Invoke gives %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after Stop, a process is there: %v", err)
	}
}

func TestFleetRespond(t *testing.T) {
	f := fleet(t, function(t), 1)
	if response, err := f.Respond(t.Context(), []byte(`{"Do":"large","Size":3}`)); string(response) != `"xxx"` || err != nil {
		t.Errorf("Respond gives %q, %v", response, err)
	}
	var failed *runtimeapi.FunctionError
	if _, err := f.Respond(t.Context(), []byte(`{"Do":"error"}`)); !errors.As(err, &failed) || failed.Message != "the object is corrupt" {
		t.Errorf("of an error, Respond gives %v", err)
	}
	var exit *runtimeapi.ExitError
	if _, err := f.Respond(t.Context(), []byte(`{"Do":"exit"}`)); !errors.As(err, &exit) {
		t.Errorf("of an exit, Respond gives %v", err)
	}
}

func TestFleetInitError(t *testing.T) {
	f := function(t)
	f.Env[initVariable] = "exit"
	var init *runtimeapi.InitError
	if _, err := do(t, fleet(t, f, 1), order{}); !errors.As(err, &init) {
		t.Errorf("a function that does not start gives %v", err)
	}
}

func TestFleetWaits(t *testing.T) {
	release := make(chan struct{})
	held := make(chan struct{}, 1)
	f := function(t)
	f.OnResponse = func(_ *runtimeapi.Environment, when runtimeapi.When) {
		if when == runtimeapi.Before {
			held <- struct{}{}
			<-release
		}
	}
	fleet := fleet(t, f, 1)
	first := make(chan error)
	go func() {
		_, err := do(t, fleet, order{})
		first <- err
	}()
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := fleet.Invoke(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || fleet.Starts() != 1 {
		t.Errorf("beyond its size a fleet gives %v, after %d starts", err, fleet.Starts())
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}
