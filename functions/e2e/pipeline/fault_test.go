package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/world"
)

// point is a moment in an object's journey at which something can fail: the n-th call of an operation
// of a service, from 1.
type point struct {
	service, operation string
	n                  int
}

func (p point) String() string { return fmt.Sprintf("%s %s %d", p.service, p.operation, p.n) }

// trial is one run: one object, delivered until it is converted, and one thing that fails on the way.
type trial struct {
	name  string
	fault map[point]faultproxy.Fault
	// kill says that the process is killed at the moment of the fault.
	kill bool
	// attempts is how often the client sends a request; 1 makes every failure that of the object.
	attempts int
	// timeout is the function's; 0 leaves it long.
	timeout time.Duration
	// respond, if not nil, is asked at every response what is to be done there, nil for nothing.
	respond func(runtimeapi.When) func(*runtimeapi.Environment)
	// again says that the object needs to be delivered again; once says that it must not be. Neither
	// is said where both may be, as where the process was done before it was killed.
	again, once bool
	// answers says that the function must answer every time, by itself.
	answers bool
}

// parallel is how many trials run at the same time: most of their time is waiting before a retry.
const parallel = 6

// bench runs trials on one object.
type bench struct {
	*world.World
	key  string
	want world.Contents // of a lake without faults
	runs atomic.Int64
}

// TestFaults has everything fail that can fail on an object's journey, one thing at a time, before and
// after it took effect. Once the event is delivered again, the lake is the fault-free one; and at no
// call in between was anything in it that is not in the fault-free one, nor a partition registered
// whose objects were not all there.
func TestFaults(t *testing.T) {
	w := world.New(t)
	b := newBench(t, w, "small", world.LogOf(2000, 1), 3)
	points := b.points(t)
	// A read, two days and their rejects; a table and a table of rejects.
	if len(points) != 8 {
		t.Fatalf("the journey has %d points: %v", len(points), points)
	}
	b.run(t, "calls", slices.Concat(b.failing(points), b.hanging(points), b.killing(points), b.denied(points)))
	b.run(t, "reads", b.broken(len(world.LogOf(2000, 1))))
	b.run(t, "responses", b.responses())
	t.Logf("%d fault points, %d runs", len(points)+2, b.runs.Load())
}

// TestFaultsOfMultipartUploads does the same at the calls that only an object makes which is large
// enough to be written in parts. Nothing but complete objects is ever visible.
func TestFaultsOfMultipartUploads(t *testing.T) {
	w := world.New(t)
	b := newBench(t, w, "large", world.LargeRows(), 2)
	points := b.points(t)
	points = slices.DeleteFunc(points, func(p point) bool {
		return p.operation != "CreateMultipartUpload" && p.operation != "UploadPart" && p.operation != "CompleteMultipartUpload"
	})
	if len(points) != 4 {
		t.Fatalf("the upload has %d points, want 4: %v", len(points), points)
	}
	trials := b.killing(points)
	for _, p := range points[2:] { // the last part, or the end, and then the abort
		f := faultproxy.Hang(faultproxy.Before)
		trials = append(trials, trial{name: fmt.Sprintf("%v %v", p, f), fault: map[point]faultproxy.Fault{p: f, {"s3", "AbortMultipartUpload", 1}: f},
			timeout: 15 * time.Second, again: true, answers: true})
	}
	for _, p := range points {
		for _, when := range moments {
			for _, f := range []faultproxy.Fault{faultproxy.Drop(when), faultproxy.Fail(when, 500, "InternalError")} {
				trials = append(trials, trial{name: fmt.Sprintf("%v %v", p, f), fault: map[point]faultproxy.Fault{p: f}, attempts: 1, answers: true})
			}
		}
	}
	b.run(t, "calls", trials)
	t.Logf("%d fault points, %d runs", len(points), b.runs.Load())
}

// newBench gives a bench for a log that becomes that many objects, each with a partition of its own.
func newBench(t *testing.T, w *world.World, name string, log []byte, outputs int) *bench {
	t.Helper()
	b := &bench{World: w, key: world.KeyOf(name+"/", name)}
	w.Put(t, b.key, log)
	b.want = w.Reference(t, name+"/")
	if len(b.want.Objects) != outputs || len(b.want.Partitions) != outputs {
		t.Fatalf("the lake without faults has %d objects, %d partitions", len(b.want.Objects), len(b.want.Partitions))
	}
	return b
}

// points gives the calls of a run without faults.
func (b *bench) points(t *testing.T) []point {
	t.Helper()
	s := b.try(t, trial{name: "fault-free"})
	var points []point
	seen := map[string]int{}
	add := func(service string, records []faultproxy.Record) {
		for _, r := range records {
			seen[r.Operation]++
			points = append(points, point{service, r.Operation, seen[r.Operation]})
		}
	}
	add("s3", s.S3Calls.Log())
	add("glue", s.GlueCalls.Log())
	return points
}

var moments = []faultproxy.When{faultproxy.Before, faultproxy.After}

// failing gives the trials in which a call is answered with an error, or not at all, because its
// connection is closed: once with a client that repeats it, and once with one that does not.
func (b *bench) failing(points []point) (trials []trial) {
	for _, attempts := range []int{0, 1} {
		for _, p := range points {
			for _, f := range errorsOf(p.service) {
				t := trial{name: fmt.Sprintf("%v %v", p, f), fault: map[point]faultproxy.Fault{p: f}, attempts: attempts, answers: true}
				t.again, t.once = attempts == 1, attempts == 0
				if attempts == 1 {
					t.name += " unrepeated"
				}
				trials = append(trials, t)
			}
		}
	}
	return trials
}

// errorsOf gives what a service answers when it is not well.
func errorsOf(service string) (faults []faultproxy.Fault) {
	for _, when := range moments {
		faults = append(faults, faultproxy.Drop(when))
		if service == "s3" {
			faults = append(faults, faultproxy.Fail(when, 500, "InternalError"), faultproxy.Fail(when, 503, "SlowDown"))
		} else {
			faults = append(faults, faultproxy.Fail(when, 400, "ThrottlingException"), faultproxy.Fail(when, 400, "OperationTimeoutException"),
				faultproxy.Fail(when, 500, "InternalServiceException"))
		}
	}
	return faults
}

// hanging gives the trials in which a call is never answered, so that the function's time runs out.
func (b *bench) hanging(points []point) (trials []trial) {
	for _, p := range points {
		for _, when := range moments {
			f := faultproxy.Hang(when)
			trials = append(trials, trial{name: fmt.Sprintf("%v %v", p, f), fault: map[point]faultproxy.Fault{p: f}, timeout: 3 * time.Second, again: true, answers: true})
		}
	}
	return trials
}

// killing gives the trials in which the process is killed at a call.
func (b *bench) killing(points []point) (trials []trial) {
	for _, p := range points {
		for _, when := range moments {
			f := faultproxy.Drop(when)
			trials = append(trials, trial{name: fmt.Sprintf("%v SIGKILL %v", p, when), fault: map[point]faultproxy.Fault{p: f}, kill: true, again: true})
		}
	}
	return trials
}

// denied gives the trials in which access is denied for a while.
func (b *bench) denied(points []point) (trials []trial) {
	for _, p := range points {
		code, status := "AccessDenied", 403
		if p.service == "glue" {
			code, status = "AccessDeniedException", 400
		}
		f := faultproxy.Fail(faultproxy.Before, status, code)
		trials = append(trials, trial{name: fmt.Sprintf("%v %v", p, f), fault: map[point]faultproxy.Fault{p: f}, again: true, answers: true})
	}
	return trials
}

// broken gives the trials in which the source's body breaks off at random offsets, several times in a
// row too, comes slowly, or stops coming, and in which the process dies in the middle of it.
func (b *bench) broken(size int) (trials []trial) {
	random := rand.New(rand.NewPCG(7, 7))
	get := func(n int) point { return point{"s3", "GetObject", n} }
	for i := range 60 {
		t := trial{name: fmt.Sprintf("body %d", i), fault: map[point]faultproxy.Fault{}, once: true, answers: true}
		for n := range 1 + i%3 { // together they do not reach the end
			t.fault[get(n+1)] = faultproxy.CutResponse(random.Int64N(int64(size / 3)))
			t.name += fmt.Sprintf(" %v", t.fault[get(n+1)])
		}
		trials = append(trials, t)
	}
	for range 10 {
		f := faultproxy.CutResponse(random.Int64N(int64(size)))
		trials = append(trials, trial{name: fmt.Sprintf("body SIGKILL %v", f), fault: map[point]faultproxy.Fault{get(1): f}, kill: true, again: true})
	}
	stall := faultproxy.Stall(int64(size) / 2)
	return append(trials,
		trial{name: "slow body", fault: map[point]faultproxy.Fault{get(1): faultproxy.Slow(size/50, 5*time.Millisecond)}, once: true, answers: true},
		trial{name: fmt.Sprintf("body %v", stall), fault: map[point]faultproxy.Fault{get(1): stall}, timeout: 3 * time.Second, again: true, answers: true})
}

// responses gives the trials in which the process is killed at its response, and one in which it gets
// there too late.
func (b *bench) responses() (trials []trial) {
	first := func(at runtimeapi.When, do func(*runtimeapi.Environment)) func(runtimeapi.When) func(*runtimeapi.Environment) {
		var done atomic.Bool
		return func(when runtimeapi.When) func(*runtimeapi.Environment) {
			if when != at || done.Swap(true) {
				return nil
			}
			return do
		}
	}
	return []trial{
		{name: "response SIGKILL before", again: true, respond: first(runtimeapi.Before, (*runtimeapi.Environment).Kill)},
		{name: "response SIGKILL after", once: true, respond: first(runtimeapi.After, (*runtimeapi.Environment).Kill)},
		{name: "response too late", again: true, timeout: time.Second, respond: first(runtimeapi.Before, func(*runtimeapi.Environment) {
			time.Sleep(1200 * time.Millisecond)
		})},
	}
}

// run runs trials, some at a time.
func (b *bench) run(t *testing.T, group string, trials []trial) {
	t.Helper()
	t.Run(group, func(t *testing.T) {
		slots := make(chan struct{}, parallel)
		var wg sync.WaitGroup
		for _, tr := range trials {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				t.Run(tr.name, func(t *testing.T) { b.try(t, tr) })
			})
		}
		wg.Wait()
	})
}

// try delivers the object's event to a lake of its own until it is done with.
func (b *bench) try(t *testing.T, tr trial) *world.Stage {
	run := b.runs.Add(1)
	s := b.NewStage(t, fmt.Sprintf("run-%d-%s", run, strings.ToLower(b.key[:5])))
	if tr.attempts > 0 {
		s.Function.Env["AWS_MAX_ATTEMPTS"] = fmt.Sprint(tr.attempts)
	}
	if tr.timeout > 0 {
		s.Function.Timeout = tr.timeout
	}
	var responses atomic.Int64 // at which something was done
	s.Function.OnResponse = func(e *runtimeapi.Environment, when runtimeapi.When) {
		if tr.respond == nil {
			return
		}
		if do := tr.respond(when); do != nil {
			responses.Add(1)
			do(e)
		}
	}
	fleet := runtimeapi.NewFleet(s.Function, 1)
	defer fleet.Stop()

	var mu sync.Mutex
	calls, struck := map[point]int{}, 0
	decide := func(service string) func(faultproxy.Call) faultproxy.Fault {
		return func(c faultproxy.Call) faultproxy.Fault {
			if err := b.check(s); err != nil {
				t.Errorf("before %s: %v", c.Operation, err)
			}
			mu.Lock()
			defer mu.Unlock()
			p := point{service, c.Operation, 0}
			calls[p]++
			p.n = calls[p]
			f, ok := tr.fault[p]
			if ok {
				struck++
				if tr.kill {
					f = f.Doing(fleet.Kill)
				}
			}
			return f
		}
	}
	s.S3Calls.SetDecide(decide("s3"))
	s.GlueCalls.SetDecide(decide("glue"))
	s.Queue.Send(world.S3Event(b.key))
	summary, err := s.Deliver(t.Context(), fleet, 1)
	if err != nil {
		t.Error(err)
	}
	if tr.again && summary.Deliveries < 2 || tr.once && summary.Deliveries != 1 {
		t.Errorf("delivered %d times, which must be again: %t, once: %t", summary.Deliveries, tr.again, tr.once)
	}
	if tr.answers && summary.Errors > 0 {
		t.Errorf("%d invocations were not answered", summary.Errors)
	}
	if tr.respond != nil && responses.Load() != 1 {
		t.Errorf("%d responses were interfered with", responses.Load())
	}
	mu.Lock()
	defer mu.Unlock()
	if struck != len(tr.fault) {
		t.Errorf("%d faults of %d happened", struck, len(tr.fault))
	}
	if n := len(s.DLQ.Messages()); n > 0 {
		t.Errorf("%d dead letters", n)
	}
	s.WantContents(t, b.want)
	if t.Failed() {
		t.Logf("the function's log:\n%s", s.Logs)
	}
	return s
}

// check says what is wrong with what a query would see now: an object that is not one of the
// fault-free lake, byte for byte, or a registered partition that lacks an object.
func (b *bench) check(s *world.Stage) error {
	registered := s.Partitions() // before the objects: they come first
	objects, err := s.Objects(context.Background(), s.Name+"/")
	if err != nil {
		return err
	}
	for key, sum := range objects {
		if want, ok := b.want.Objects[key]; !ok || sum != want {
			return fmt.Errorf("%s is visible and not what it should be", key)
		}
	}
	for location := range registered {
		for key := range b.want.Objects {
			if _, ok := objects[key]; strings.HasPrefix(key, location) && !ok {
				return fmt.Errorf("%s is registered and lacks %s", location, key)
			}
		}
	}
	return nil
}
