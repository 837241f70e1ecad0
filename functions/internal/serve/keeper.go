package serve

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// keeper owns the lake. Its goroutine, which is run, opens the lake, lends it to one query at a time,
// and makes the page of it. Opening and making belong to the server: they go on when who asked for
// them has gone, and are there for the next who asks.
type keeper struct {
	open    func(ctx context.Context) (*Lake, error)
	refresh time.Duration

	loans chan loan     // of queries, which wait to be taken
	pages chan *making  // has room for the only one that there can be
	ended chan struct{} // closed when the goroutine has ended and the lake is free

	// Of the goroutine.
	lake    *Lake // nil where it is not open; an older one goes when a newer one is there
	opened  time.Time
	tried   time.Time
	unheard error // of the opening at tried, for a query that did not wait for it

	doing atomic.Value // a string: what the goroutine does, as who waits for it is told

	mu     sync.Mutex // for what follows
	made   *document  // the newest page; nil before the first
	making *making    // the page that is being made, or an error of which nobody was told yet; else nil
}

// What the goroutine does.
const (
	opening  = "the lake is being opened"
	drawing  = "the page is being made"
	querying = "another query is running"
)

// loan is a query's wish for the lake.
type loan struct {
	ctx  context.Context // of the query
	lake chan lent       // gives the lake, if the query is still there
	back chan struct{}   // closed when the query has no more use for it
}

// lent is a lake, or why there is none.
type lent struct {
	lake *Lake
	err  error
}

// broken is the error of a lake that cannot be opened, or made a page of.
type broken struct {
	doing string
	err   error
}

func (b *broken) Error() string { return b.doing + ": " + b.err.Error() }
func (b *broken) Unwrap() error { return b.err }

// waited is the error of a query that waited for all of its time, by what the goroutine did then.
type waited string

func (w waited) Error() string { return string(w) }

// stuck is the error of a query that was told to stop and has not, with why it was told.
type stuck struct{ error }

func (s stuck) Unwrap() error { return s.error }

func newKeeper(o Options) *keeper {
	k := &keeper{
		open: o.Open, refresh: o.Refresh,
		loans: make(chan loan), pages: make(chan *making, 1), ended: make(chan struct{}),
	}
	k.doing.Store(opening)
	return k
}

// now gives what the goroutine does, or did last.
func (k *keeper) now() string { return k.doing.Load().(string) }

// run is the goroutine, until ctx ends. What is under way then is told so by ctx, and waited for.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	defer k.free()
	for ctx.Err() == nil {
		select {
		case l := <-k.loans:
			k.lend(ctx, l)
		case m := <-k.pages:
			k.draw(ctx, m)
		case <-ctx.Done():
		}
	}
}

// current gives a lake that is not older than refresh.
func (k *keeper) current(ctx context.Context) (*Lake, error) {
	if k.lake != nil && time.Since(k.opened) < k.refresh {
		return k.lake, nil
	}
	k.doing.Store(opening)
	l, err := k.open(ctx)
	k.tried = time.Now()
	if err != nil {
		return nil, &broken{"open the lake", err}
	}
	k.free()
	k.lake, k.opened = l, time.Now()
	return l, nil
}

func (k *keeper) free() {
	if k.lake != nil {
		k.lake.Close()
		k.lake = nil
	}
}

// lend lends the lake to a query and waits until it is back.
func (k *keeper) lend(ctx context.Context, l loan) {
	if l.ctx.Err() != nil {
		return
	}
	lake, err := (*Lake)(nil), k.unheard
	k.unheard = nil
	if err == nil || time.Since(k.tried) >= k.refresh {
		lake, err = k.current(ctx)
	}
	k.doing.Store(querying)
	select {
	case l.lake <- lent{lake, err}:
		<-l.back
	case <-l.ctx.Done():
		k.unheard = err
	}
}

// use calls fn with a lake that is not older than refresh, when it is ctx's turn, and gives what it
// gives. Nobody else has the lake meanwhile. Who got no turn in time is told so by the error [waited].
// fn that goes on for long after ctx ended is left alone with the lake; the error is [stuck] then.
func (k *keeper) use(ctx context.Context, fn func(l *Lake) (*Answer, error)) (*Answer, error) {
	l := loan{ctx, make(chan lent), make(chan struct{})}
	select {
	case k.loans <- l:
	case <-ctx.Done():
		return nil, k.late(ctx)
	}
	var got lent
	select {
	case got = <-l.lake:
	case <-ctx.Done():
		return nil, k.late(ctx)
	}
	if got.err != nil {
		close(l.back)
		return nil, got.err
	}
	type result struct {
		answer *Answer
		err    error
	}
	results := make(chan result, 1)
	go func() {
		defer close(l.back)
		a, err := fn(got.lake)
		results <- result{a, err}
	}()
	select {
	case r := <-results:
		return r.answer, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-results:
		return r.answer, r.err
	case <-time.After(grace):
		return nil, stuck{ctx.Err()}
	}
}

// late gives the error of a query whose time is over before its turn.
func (k *keeper) late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return waited(k.now())
	}
	return ctx.Err()
}
