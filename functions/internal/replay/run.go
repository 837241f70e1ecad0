package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/schema"
)

// prefetch is how many objects are listed ahead of their conversion: as many as S3 lists in one
// answer, so that the next one is on its way meanwhile.
const prefetch = 1000

// run is one call of [Run], or of [MakePlan], which converts nothing.
type run struct {
	Config
	converter Converter // nil in a plan
	clock     clock
	gate      *gate
	pacer     *pacer

	begin  sync.Once
	begun  error                   // of Begin
	cancel context.CancelCauseFunc // ends the run; what is in progress comes to its end

	mu      sync.Mutex // held during calls of Done and Progress
	summary Summary
}

// item is an object on its way to a worker.
type item struct {
	Object
	url   string
	about schema.Source
}

func newRun(cfg Config, c Converter, clock clock) *run {
	return &run{
		Config:    cfg,
		converter: c,
		clock:     clock,
		gate:      newGate(cfg.Limits),
		pacer:     newPacer(cfg.Limits.ObjectsPerSecond, clock),
	}
}

func (r *run) run(ctx context.Context, objects Lister) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.cancel = cancel
	items := make(chan item, prefetch)
	listed := make(chan error, 1)
	go func() {
		defer close(items)
		listed <- r.list(working, objects, items)
	}()
	var workers sync.WaitGroup
	for i := range items {
		if r.gate.enter(working, i.Size) != nil {
			break
		}
		workers.Go(func() {
			defer r.gate.leave(i.Size)
			r.work(working, i)
		})
	}
	workers.Wait()
	// The loop ends because all was listed, or because the run was ended, which ends the listing too.
	err := <-listed
	if cause := context.Cause(working); cause != nil && cause != context.Cause(ctx) {
		return cause
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// list finds objects, is done with those that need no worker, and sends the others.
func (r *run) list(ctx context.Context, objects Lister, items chan<- item) error {
	err := objects.Each(ctx, func(o Object) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		url := o.URL()
		about, skip := r.Table.Match(url)
		if skip == "" {
			var selected bool
			if selected, skip = r.Select.Judge(about); !selected && skip == "" {
				r.outside()
				return nil
			}
		}
		r.found(&o)
		if skip != "" {
			r.done(Outcome{Object: o, URL: url, About: about, Skipped: skip}, false)
			return nil
		}
		if r.Journal != nil && !o.Missing { // else it has no version to go by
			out, known, err := r.Journal.Lookup(&o, url)
			if err != nil {
				return err
			}
			if known {
				out.About = about
				r.done(out, false)
				return nil
			}
		}
		select {
		case items <- item{o, url, about}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err == nil {
		r.listed()
	}
	return err
}

// work does one object, with as many tries as it may take.
func (r *run) work(ctx context.Context, i item) {
	out := Outcome{Object: i.Object, URL: i.url, About: i.about}
	began := r.clock.now()
	for {
		term := r.gate.term()
		err := errNotBegun
		if r.gate.begin(ctx) == nil {
			err = r.try(ctx, i, &out)
			r.gate.end()
		}
		if errors.Is(err, errNotBegun) {
			if out.Retries == 0 {
				return
			}
			out.Retries--
			break // out.Err is that of the try before
		}
		if out.Err = err; err == nil {
			r.gate.succeeded()
			break
		}
		again := out.Retries < r.Limits.Retries
		if throttled(err) {
			r.gate.throttled(term)
			again = again || r.Limits.Retries > 0 && r.clock.now().Sub(began) < patience
		}
		if !again || !etl.Retryable(err) || r.clock.sleep(ctx, r.backoff(out.Retries)) != nil {
			break
		}
		out.Retries++
	}
	r.done(out, !out.Before && !out.Object.Missing)
}

// patience is how long an object is tried again while it is throttled, however often that is.
const patience = 5 * time.Minute

// errNotBegun says that the run ended before a try began.
var errNotBegun = errors.New("not begun")

// try converts an object, unless the lake holds it already, and completes out. What has begun comes to
// its end, whatever becomes of ctx.
func (r *run) try(ctx context.Context, i item, out *Outcome) error {
	if ctx.Err() != nil {
		return errNotBegun
	}
	conversion := context.WithoutCancel(ctx)
	if r.Existing != nil {
		t, ok, err := r.Existing.Converted(conversion, i.Object, i.about)
		if err != nil {
			return fmt.Errorf("look for outputs of %s: %w", i.url, err)
		}
		if ok {
			out.Before, out.Tally = true, t
			return nil
		}
	}
	if r.converter == nil {
		switch {
		case i.Missing:
			return fmt.Errorf("find %s: its store does not list it: %w", i.url, fs.ErrNotExist)
		case i.Size == 0:
			out.Skipped = emptyObject
		}
		return nil
	}
	if r.pacer.wait(ctx) != nil {
		return errNotBegun
	}
	r.begin.Do(func() {
		if r.Begin == nil {
			return
		}
		if r.begun = r.Begin(ctx); r.begun != nil {
			r.cancel(r.begun)
		}
	})
	if r.begun != nil {
		return errNotBegun
	}
	started := r.clock.now()
	res, err := r.converter.Convert(conversion, i.Source, i.Key)
	out.Took += r.clock.now().Sub(started)
	if err != nil {
		return err
	}
	out.Skipped, out.Tally = res.Skipped, tally(&res)
	return nil
}

// emptyObject is why an empty object is skipped, in the words of package etl.
const emptyObject = "empty object (0 bytes)"

func (r *run) found(o *Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Objects++
	r.summary.Bytes += o.Size
	if r.summary.Objects%prefetch == 0 {
		r.progress()
	}
}

func (r *run) outside() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Outside++
}

func (r *run) listed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Listed = true
	r.progress()
}

// done counts an object that is done with; the journal is to remember it if a worker has done it, and not
// if the lake holds it, with whatever settings.
func (r *run) done(out Outcome, remember bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Add(out)
	if r.Journal != nil && r.converter != nil && remember {
		if err := r.Journal.Add(&out); err != nil {
			r.cancel(err)
		}
	}
	if r.Done != nil {
		r.Done(out)
	}
	r.progress()
}

func (r *run) progress() {
	if r.Progress == nil {
		return
	}
	s := r.summary.snapshot()
	s.Workers = r.gate.allowed()
	r.Progress(s)
}
