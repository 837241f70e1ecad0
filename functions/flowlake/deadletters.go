package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/event"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

// deadLetters are the objects of the messages in a queue of dead letters. It is a [replay.Lister], of
// which the outcomes are to be given to done, and which is to be closed after the run: a message is
// deleted when all its objects are converted or rightly skipped.
type deadLetters struct {
	queue   deadletter.Queue
	owns    func(replay.Object) bool
	sources []string // as of [redriveOptions], each with a slash at its end

	locating sync.Mutex
	at       locator

	emitting sync.Mutex // held during calls of emit
	emit     func(replay.Object) error
	cancel   context.CancelCauseFunc // ends the draining

	mu      sync.Mutex
	waiting map[string][]chan<- error // for the outcome of an object, by URL

	// The first messages that stay for a reason that no outcome has told, and how many there are.
	stay  []leftMessage
	stays int

	over    chan struct{} // closed when there are no more outcomes
	drained chan struct{} // closed when the queue is
	begun   bool
	summary deadletter.Summary
	err     error
}

// leftMessage is a message that stays, and why.
type leftMessage struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

func newDeadLetters(q deadletter.Queue, open replay.Opener, owns func(replay.Object) bool, sources []string) *deadLetters {
	l := &deadLetters{
		queue: q, owns: owns, at: locator{open: open}, waiting: map[string][]chan<- error{},
		over: make(chan struct{}), drained: make(chan struct{}),
	}
	for _, s := range sources {
		l.sources = append(l.sources, strings.TrimSuffix(s, "/")+"/")
	}
	return l
}

// errNotConverted is of objects whose turn did not come.
var errNotConverted = errors.New("not converted: the replay ended before")

// Each receives the messages and calls fn for their objects. It may be called once.
func (l *deadLetters) Each(ctx context.Context, fn func(replay.Object) error) error {
	draining, cancel := context.WithCancelCause(ctx)
	l.emit, l.cancel, l.begun = fn, cancel, true
	go func() {
		defer close(l.drained)
		l.summary, l.err = deadletter.Drain(draining, l.queue, deadletter.Config{Left: l.left}, l.convert)
	}()
	select {
	case <-l.drained:
		if draining.Err() == nil {
			return l.err
		}
	case <-draining.Done():
	}
	// What is being converted goes on, and its messages are deleted; fn must not be called any more.
	l.emitting.Lock()
	defer l.emitting.Unlock()
	l.emit = func(replay.Object) error { return errNotConverted }
	return context.Cause(draining)
}

// convert has an object converted by whoever called Each.
func (l *deadLetters) convert(ctx context.Context, e event.Object) error {
	o, err := l.locate(ctx, e)
	if err != nil || l.owns(o) {
		return err
	}
	url, outcome := o.URL(), make(chan error, 1)
	l.mu.Lock()
	first := len(l.waiting[url]) == 0 // messages about the same object wait for one conversion
	l.waiting[url] = append(l.waiting[url], outcome)
	l.mu.Unlock()
	if first {
		l.emitting.Lock()
		err := l.emit(o)
		l.emitting.Unlock()
		if err != nil {
			l.cancel(err) // whoever called Each gets it, as that has ended, too
			l.answer(url, err)
		}
	}
	select {
	case err = <-outcome:
		return err
	case <-l.over:
	}
	select {
	case err = <-outcome: // it came before the end
		return err
	default:
		return errNotConverted
	}
}

// locate finds the object of an event, by its other key where there is none of the first, as the Lambda
// does (functions/convert/handler.go).
func (l *deadLetters) locate(ctx context.Context, e event.Object) (replay.Object, error) {
	l.locating.Lock()
	defer l.locating.Unlock()
	o, err := l.locateKey(ctx, e.Bucket, e.Key)
	var foreign *foreignError
	missing := err == nil && o.Missing || errors.As(err, &foreign)
	if !missing || e.AlternateKey == "" {
		return o, err
	}
	other, otherErr := l.locateKey(ctx, e.Bucket, e.AlternateKey)
	switch {
	case errors.As(otherErr, &foreign):
	case otherErr != nil:
		return other, otherErr
	case !other.Missing:
		return other, nil
	}
	return o, err
}

// locateKey finds the object of a key. A flow log that lies below none of the sources is a
// [*foreignError].
func (l *deadLetters) locateKey(ctx context.Context, bucket, key string) (replay.Object, error) {
	url := "s3://" + bucket + "/" + key
	below := func(source string) bool { return strings.HasPrefix(url, source) }
	if _, skip := schema.Tables()[0].Match(key); skip == "" && len(l.sources) > 0 && !slices.ContainsFunc(l.sources, below) {
		return replay.Object{}, &foreignError{url}
	}
	return l.at.locate(ctx, url)
}

// foreignError is the error of a flow log of a queue that does not lie where it must.
type foreignError struct{ url string }

func (e *foreignError) Error() string { return "convert " + e.url + ": not below any --source" }

// toldError is the error of an outcome, which whoever has the outcome tells.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// done takes the outcome of an object.
func (l *deadLetters) done(o replay.Outcome) {
	if o.Err != nil {
		l.answer(o.URL, &toldError{o.Err})
		return
	}
	l.answer(o.URL, nil)
}

func (l *deadLetters) answer(url string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waiting[url] {
		w <- err
	}
	delete(l.waiting, url)
}

// left takes a message that stays, and keeps of the reason what no outcome has told.
func (l *deadLetters) left(m deadletter.Message, err error) {
	errs := []error{err}
	if all, ok := err.(interface{ Unwrap() []error }); ok { // one for each object that failed
		errs = all.Unwrap()
	}
	var reasons []string
	for _, err := range errs {
		if _, told := err.(*toldError); !told {
			reasons = append(reasons, err.Error())
		}
	}
	if len(reasons) == 0 {
		return
	}
	if l.stays++; len(l.stay) < maxFailures {
		l.stay = append(l.stay, leftMessage{m.ID, strings.Join(reasons, "; ")})
	}
}

// close waits until the messages of what was converted are deleted and the others visible again. No
// outcome may come after it.
func (l *deadLetters) close() error {
	close(l.over)
	if !l.begun {
		return nil
	}
	<-l.drained
	l.cancel(nil)
	if errors.Is(l.err, context.Canceled) {
		return nil // whoever called Each knows
	}
	return l.err
}

// report says what became of the messages, after close.
func (l *deadLetters) report(w io.Writer) {
	s := &l.summary
	fmt.Fprintf(w, "messages    %s received: %s deleted, %s stay, %s of which are not understood\n",
		comma(s.Received), comma(s.Deleted), comma(s.Left), comma(s.NotUnderstood))
	for _, m := range l.stay {
		fmt.Fprintf(w, "  stays     message %s: %s\n", m.ID, m.Error)
	}
	if n := l.stays - len(l.stay); n > 0 {
		fmt.Fprintf(w, "  stays     ... and %s more\n", comma(n))
	}
}
