package replay

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Limits bound the work. The zero value of each field stands for its default.
type Limits struct {
	// Workers is the number of objects that are converted at the same time; default 1. Each conversion
	// holds its batches in memory: this number is what bounds the memory. While stores or catalogs say
	// that they are asked too often, it is less.
	Workers int
	// BytesInFlight is the sum of the sizes, in bytes, of the objects that are converted at the same
	// time; default no limit. An object that is larger is converted alone.
	BytesInFlight int64
	// ObjectsPerSecond is the number of conversions that begin in a second; default no limit.
	ObjectsPerSecond float64
	// Retries is how often an object is tried again after a failure that may pass; default never. While
	// it waits for that, it counts as being converted.
	Retries int
}

// Waits between the tries of an object.
const (
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
)

// clock is the time, and chance, which tests replace.
type clock struct {
	now func() time.Time
	// sleep waits; the error is that of ctx, if it ends first.
	sleep func(ctx context.Context, d time.Duration) error
	// jitter gives any time from 0 to d.
	jitter func(d time.Duration) time.Duration
}

var realClock = clock{
	now: time.Now,
	sleep: func(ctx context.Context, d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	},
	jitter: func(d time.Duration) time.Duration { return rand.N(d + 1) },
}

// backoff gives the wait after a failure: any time up to a second, doubled with each earlier retry, but
// at most half a minute. (Full jitter: objects that failed together do not come back together.)
func (r *run) backoff(retries int) time.Duration {
	most := maxBackoff
	if retries < 5 {
		most = min(most, firstBackoff<<retries)
	}
	return r.clock.jitter(most)
}

// throttled says whether an error means that something was asked too often. Errors say so themselves.
func throttled(err error) bool {
	var t interface{ Throttled() bool }
	return errors.As(err, &t) && t.Throttled()
}

// growth is how many successes in a row let one more object in, after a throttling had let in fewer.
const growth = 20

// gate lets objects in for conversion, by their number and by the sum of their sizes, and of those that
// are in, it lets some try at the same time. How many is halved when something is throttled, and grows
// back by one after a stretch of successes (additive increase, multiplicative decrease).
type gate struct {
	workers  int
	maxBytes int64

	mu      sync.Mutex
	freed   chan struct{} // closed, and made anew, when something is freed
	limit   int           // of objects that are in, and of tries, now
	objects int           // that are in
	tries   int           // in progress
	bytes   int64
	streak  int // successes since the limit changed
	terms   int // counts the times that it was lowered
}

func newGate(l Limits) *gate {
	workers := max(1, l.Workers)
	return &gate{workers: workers, limit: workers, maxBytes: l.BytesInFlight, freed: make(chan struct{})}
}

// enter waits until an object may come in; the error is that of ctx.
func (g *gate) enter(ctx context.Context, size int64) error {
	return g.wait(ctx, func() bool {
		if g.objects >= g.limit || g.objects > 0 && g.maxBytes > 0 && g.bytes+size > g.maxBytes {
			return false
		}
		g.objects++
		g.bytes += size
		return true
	})
}

// begin waits until an object that is in may be tried; the error is that of ctx.
func (g *gate) begin(ctx context.Context) error {
	return g.wait(ctx, func() bool {
		if g.tries >= g.limit {
			return false
		}
		g.tries++
		return true
	})
}

// wait waits until admit, which is called with g.mu held, says yes.
func (g *gate) wait(ctx context.Context, admit func() bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.Lock()
		admitted, freed := admit(), g.freed
		g.mu.Unlock()
		if admitted {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
		}
	}
}

// end ends a try.
func (g *gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tries--
	g.wake()
}

func (g *gate) leave(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.objects--
	g.bytes -= size
	g.wake()
}

func (g *gate) wake() {
	close(g.freed)
	g.freed = make(chan struct{})
}

// term names the time since the limit was last lowered, for [gate.throttled].
func (g *gate) term() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.terms
}

// throttled lowers the limit after a try that began in that term. Of the tries that one crowd made
// fail, the first counts.
func (g *gate) throttled(term int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streak = 0
	if term == g.terms {
		g.terms++
		g.limit = max(1, g.limit/2)
	}
}

func (g *gate) succeeded() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streak++; g.streak >= growth && g.limit < g.workers {
		g.streak = 0
		g.limit++
		g.wake()
	}
}

// allowed gives how many objects may be in now.
func (g *gate) allowed() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}

// pacer keeps the beginnings of conversions apart.
type pacer struct {
	clock    clock
	interval time.Duration // 0: no limit

	mu   sync.Mutex
	next time.Time // when the next one may begin
}

func newPacer(perSecond float64, clock clock) *pacer {
	p := &pacer{clock: clock}
	if perSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / perSecond)
	}
	return p
}

// wait waits for its turn; the error is that of ctx. There is no saving up: what did not begin in its
// turn does not begin later in a crowd.
func (p *pacer) wait(ctx context.Context) error {
	if p.interval == 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := p.clock.now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.interval)
	p.mu.Unlock()
	if turn.After(now) {
		return p.clock.sleep(ctx, turn.Sub(now))
	}
	return nil
}
