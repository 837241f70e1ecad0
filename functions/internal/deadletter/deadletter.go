// Package deadletter drains a dead-letter queue: it has the objects of its messages converted, and
// deletes the messages that are done with.
//
// The messages are events that the Lambda was invoked with, and failed at; [event.Decode] reads them as
// it does there. The package converts nothing itself.
//
// Decisions: a message that fails again must not come again while the queue is being drained, or it
// would never be empty. So it is hidden for a while, and known by its id if it comes all the same; at
// the end it is made visible. Counting the messages beforehand lost: SQS counts approximately.
package deadletter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/event"
)

// Queue is the queue, of which a message that was received stays hidden for some time.
type Queue interface {
	// Receive gives up to max messages, 1 to 10, and hides them for that time. It waits for some, and
	// gives none if none is visible.
	Receive(ctx context.Context, max int, hidden time.Duration) ([]Message, error)
	// Delete deletes a message. It is no error if the message is gone.
	Delete(ctx context.Context, handle string) error
	// Hide has a message hidden for that time from now on; 0 makes it visible.
	Hide(ctx context.Context, handle string, hidden time.Duration) error
}

// Message is one message, as it was received.
type Message struct {
	// ID is the same each time that the message is received; Handle is not, and only the newest one
	// deletes it.
	ID, Handle string
	// Body is an event.
	Body string
}

// Config says how to drain. The zero value of each field stands for its default.
type Config struct {
	// Messages is the number of messages in hand at the same time; default 100. Each takes a goroutine.
	Messages int
	// Hidden is how long a message is hidden from others; while its objects are being converted, that is
	// extended again and again. Default 5 minutes. After a crash it is visible after so long.
	Hidden time.Duration
	// Left is called for each message that stays, with the reason: an [*event.Error] if it was not
	// understood. No two calls run at the same time.
	Left func(m Message, err error)
}

const (
	defaultMessages = 100
	defaultHidden   = 5 * time.Minute
	// releaseTime bounds the time for making messages visible at the end, and releases how many at once.
	releaseTime = time.Minute
	releases    = 16
	// mostPerCall is what SQS gives in one answer.
	mostPerCall = 10
)

// Summary counts messages.
type Summary struct {
	// Received = Deleted + Left.
	Received int `json:"received"`
	Deleted  int `json:"deleted"`
	Left     int `json:"left"`
	// NotUnderstood are a part of Left.
	NotUnderstood int `json:"not_understood"`
	// Skipped counts, by reason, what messages hold that is no creation of an object.
	Skipped map[string]int `json:"skipped,omitempty"`
}

// Convert converts one object, or finds out that it need not be: then it returns nil, too. It is called
// by several goroutines at the same time.
type Convert func(ctx context.Context, o event.Object) error

// Drain receives messages until the queue gives none, has their objects converted, and deletes those of
// which all were. The others stay, and are visible again when Drain returns; only those of an answer that
// ctx broke off are so later, when they have been hidden long enough.
//
// When ctx ends, no more are received, and its error is returned after all conversions in progress have;
// convert gets a context that lives on, as what it does is of use only when the message is deleted, too.
// An error of the queue ends it in the same way. Memory grows with the number of messages that stay, of
// which SQS hides 120,000 at most.
func Drain(ctx context.Context, q Queue, cfg Config, convert Convert) (Summary, error) {
	if cfg.Messages == 0 {
		cfg.Messages = defaultMessages
	}
	if cfg.Hidden == 0 {
		cfg.Hidden = defaultHidden
	}
	d := drain{
		Config: cfg, queue: q, convert: convert,
		free:    make(chan struct{}, cfg.Messages),
		known:   map[string]*entry{},
		summary: Summary{Skipped: map[string]int{}},
	}
	err := d.receive(ctx)
	d.working.Wait()
	if released := d.release(context.WithoutCancel(ctx)); err == nil {
		err = released
	}
	return d.summary, err
}

// drain is one call of Drain.
type drain struct {
	Config
	queue   Queue
	convert Convert
	free    chan struct{} // holds one for each message in hand
	working sync.WaitGroup

	mu      sync.Mutex
	known   map[string]*entry // the messages in hand and those that stay, by id
	summary Summary

	telling sync.Mutex // held during calls of Left
}

// entry is a message that is hidden from others.
type entry struct {
	handle string // the newest
	left   bool
}

// receive receives messages and has them worked at until there are none.
func (d *drain) receive(ctx context.Context) error {
	for {
		room := 0
		for room < mostPerCall && d.take(ctx, room == 0) {
			room++
		}
		if room == 0 {
			return ctx.Err()
		}
		messages, err := d.queue.Receive(ctx, room, d.Hidden)
		for range room - len(messages) {
			<-d.free
		}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		for _, m := range messages {
			if d.again(ctx, m) {
				<-d.free
				continue
			}
			d.working.Go(func() {
				defer func() { <-d.free }()
				d.work(context.WithoutCancel(ctx), m)
			})
		}
		// None is visible. Those in hand may yet fail, but they do not come again.
		if len(messages) == 0 {
			return nil
		}
	}
}

// take takes room for a message; it waits for some if it has to.
func (d *drain) take(ctx context.Context, wait bool) bool {
	select {
	case d.free <- struct{}{}:
		return true
	default:
	}
	if !wait || ctx.Err() != nil {
		return false
	}
	select {
	case d.free <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// again says whether the message is one that came before, whose newest handle is kept. One that stays is
// hidden once more.
func (d *drain) again(ctx context.Context, m Message) bool {
	d.mu.Lock()
	e, known := d.known[m.ID]
	if known {
		e.handle = m.Handle
	} else {
		d.known[m.ID] = &entry{handle: m.Handle}
		d.summary.Received++
	}
	left := known && e.left
	d.mu.Unlock()
	if left {
		_ = d.queue.Hide(ctx, m.Handle, leftFor(d.Hidden)) // else it only comes again
	}
	return known
}

// leftFor is how long a message that stays is hidden, for the drain to come to an end meanwhile.
func leftFor(hidden time.Duration) time.Duration { return 3 * hidden }

// release makes the messages that stay visible.
func (d *drain) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(releases) // each waits for an answer of some ms
	for _, e := range d.known {
		g.Go(func() error { return d.queue.Hide(ctx, e.handle, 0) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("show the messages that stay again, which they do by themselves within %v: %w", leftFor(d.Hidden), err)
	}
	return nil
}
