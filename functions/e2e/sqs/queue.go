package sqs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Options describes a queue.
type Options struct {
	// Name is the queue's name.
	Name string
	// Region is its AWS region; eu-west-1 if empty.
	Region string
	// Visibility is how long a message that was received is hidden; 30 seconds if 0.
	Visibility time.Duration
	// MaxReceive is how often a message is received before it is moved to DLQ; 0 for as often as need
	// be.
	MaxReceive int
	// DLQ is the dead-letter queue; it must be set if and only if MaxReceive is.
	DLQ *Queue
	// Seed decides the order of delivery, and which messages are delivered twice.
	Seed uint64
	// Duplicates is the share of receipts, from 0 up to and without 1, after which a copy of the message
	// stays visible: it is delivered again, at once or later, whether the first delivery is deleted or not.
	Duplicates float64
}

// Queue is a standard queue. It may be shared by goroutines.
type Queue struct {
	options Options

	mu       sync.Mutex
	random   *rand.Rand
	now      time.Time
	messages []*message // in the order of their arrival
	handles  map[string]*message
	sent     int           // messages and receipts so far, for their ids
	changed  chan struct{} // holds a token if there may be something to receive that was not there before
}

// message is one message. What its newest handle is not for is never deleted by it.
type message struct {
	id, body, handle string
	sent, first      time.Time
	visible          time.Time
	receives         int
	source           string // ARN of the queue that it was moved from
}

// Message is a message as it was received, or as it lies in the queue.
type Message struct {
	// ID is the message id.
	ID string
	// Body is what was sent.
	Body string
	// ReceiptHandle is what deletes it; "" if it was not received.
	ReceiptHandle string
	// Receives is how often it was received from this queue, this time included.
	Receives int
	// Sent and FirstReceived are times of the queue; FirstReceived is zero before there was one.
	Sent, FirstReceived time.Time
	// Source is the ARN of the queue whose dead-letter queue this is, if it was moved here.
	Source string
}

// New gives an empty queue. Its time begins now.
func New(o Options) (*Queue, error) {
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	if o.Visibility == 0 {
		o.Visibility = 30 * time.Second
	}
	switch {
	case o.Name == "":
		return nil, fmt.Errorf("queue has no name")
	case o.Visibility < 0 || o.MaxReceive < 0:
		return nil, fmt.Errorf("queue %s: visibility %v and maximum of receives %d must not be negative", o.Name, o.Visibility, o.MaxReceive)
	case (o.DLQ == nil) != (o.MaxReceive == 0):
		return nil, fmt.Errorf("queue %s: a dead-letter queue and a maximum of receives need each other", o.Name)
	case o.Duplicates < 0 || o.Duplicates >= 1:
		return nil, fmt.Errorf("queue %s: share of duplicates is %v, want 0 up to and without 1", o.Name, o.Duplicates)
	}
	return &Queue{
		options: o,
		random:  rand.New(rand.NewPCG(o.Seed, 0x5e5)),
		now:     time.Now().Truncate(time.Millisecond),
		handles: map[string]*message{},
		changed: make(chan struct{}, 1),
	}, nil
}

// ARN gives the queue's Amazon Resource Name.
func (q *Queue) ARN() string {
	return "arn:aws:sqs:" + q.options.Region + ":" + account + ":" + q.options.Name
}

// Send puts a message into the queue and gives its id.
func (q *Queue) Send(body string) (id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := &message{id: q.newID(), body: body, sent: q.now, visible: q.now}
	q.add(m)
	return m.id
}

// add appends a message. The queue is locked.
func (q *Queue) add(m *message) {
	q.messages = append(q.messages, m)
	q.wake()
}

// wake tells a mapping to look again. The queue is locked.
func (q *Queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// newID gives a message id: it looks like SQS's, but depends on the queue and the number alone, so that a
// test that fails fails again. The queue is locked.
func (q *Queue) newID() string {
	q.sent++
	r := rand.New(rand.NewPCG(q.options.Seed, uint64(q.sent)))
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", uint32(a>>32), uint16(a>>16), a&0xfff, b>>52, b&0xffffffffffff)
}

// Receive gives some of the visible messages, up to max and up to 10, in any order, and hides them for
// the visibility timeout. Those that were received too often are moved to the dead-letter queue.
func (q *Queue) Receive(max int) []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	var visible []*message
	for _, m := range slices.Clone(q.messages) {
		switch {
		case m.visible.After(q.now):
		case q.options.MaxReceive > 0 && m.receives >= q.options.MaxReceive:
			q.moveToDLQ(m)
		default:
			visible = append(visible, m)
		}
	}
	q.random.Shuffle(len(visible), func(i, j int) { visible[i], visible[j] = visible[j], visible[i] })
	var received []Message
	taken := map[string]bool{}
	for _, m := range visible {
		if len(received) >= min(max, mostPerCall) {
			break
		}
		if taken[m.id] {
			continue // of copies, an answer has one
		}
		taken[m.id] = true
		q.sent++
		m.handle = fmt.Sprintf("%s/%s#%d", q.options.Name, m.id, q.sent)
		q.handles[m.handle] = m
		m.receives++
		if m.first.IsZero() {
			m.first = q.now
		}
		m.visible = q.now.Add(q.options.Visibility)
		if q.random.Float64() < q.options.Duplicates {
			c := *m
			c.handle, c.visible = "", q.now
			q.add(&c)
		}
		received = append(received, m.view())
	}
	return received
}

// moveToDLQ moves a message, of copies one. Both queues are locked meanwhile, the source first.
func (q *Queue) moveToDLQ(m *message) {
	q.remove(m)
	d := q.options.DLQ
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(d.messages, func(other *message) bool { return other.id == m.id }) {
		return
	}
	d.add(&message{id: m.id, body: m.body, sent: m.sent, visible: d.now, source: q.ARN()})
}

// remove takes a message out. Its handles stay known. The queue is locked.
func (q *Queue) remove(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
}

func (m *message) view() Message {
	return Message{m.id, m.body, m.handle, m.receives, m.sent, m.first, m.source}
}

// Delete deletes the message that was received with that handle, and says whether it did: a message
// that was received again since, or that is gone, is not deleted, which SQS does not tell. A handle
// that this queue never gave is [ErrReceiptHandle].
func (q *Queue) Delete(handle string) (deleted bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, known := q.handles[handle]
	if !known {
		return false, fmt.Errorf("delete message from %s by %q: %w", q.options.Name, handle, ErrReceiptHandle)
	}
	if m.handle != handle || !slices.Contains(q.messages, m) {
		return false, nil
	}
	q.remove(m)
	return true, nil
}

// Redrive sends all visible messages of a dead-letter queue that came from the queue "to" back to it, as
// new messages, and gives their number.
func Redrive(dlq, to *Queue) int {
	dlq.mu.Lock()
	var bodies []string
	for _, m := range slices.Clone(dlq.messages) {
		if m.source == to.ARN() && !m.visible.After(dlq.now) {
			bodies = append(bodies, m.body)
			dlq.remove(m)
		}
	}
	dlq.mu.Unlock()
	for _, body := range bodies {
		to.Send(body)
	}
	return len(bodies)
}

// Purge deletes all messages and gives their number.
func (q *Queue) Purge() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.messages)
	q.messages = nil
	return n
}

// Depth gives how many messages are visible, and how many are in flight: received, and neither deleted
// nor visible again.
func (q *Queue) Depth() (visible, inFlight int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.visible.After(q.now) {
			inFlight++
		} else {
			visible++
		}
	}
	return visible, inFlight
}

// Messages gives what is in the queue, in the order of arrival, without receiving it.
func (q *Queue) Messages() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]Message, len(q.messages))
	for i, m := range q.messages {
		all[i] = m.view()
	}
	return all
}

// Now gives the queue's time.
func (q *Queue) Now() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

// Advance lets time pass for the queue. Visibility timeouts may be over then, of messages too that a
// function is working at.
func (q *Queue) Advance(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = q.now.Add(max(d, 0))
	q.wake()
}

// advanceToNext moves time on to the next message that becomes visible, and says whether there is one.
func (q *Queue) advanceToNext() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		return false
	}
	next := slices.MinFunc(q.messages, func(a, b *message) int { return a.visible.Compare(b.visible) })
	if next.visible.After(q.now) {
		q.now = next.visible
	}
	return true
}
