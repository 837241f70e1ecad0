package sqs

import (
	"context"
	"fmt"
)

// Mapping gives the messages of a queue to a function.
type Mapping struct {
	// Queue is the source.
	Queue *Queue
	// BatchSize is the most messages in an invocation, 1 to 10,000; 10 if 0.
	BatchSize int
	// MaximumConcurrency is the most invocations at once, 1 to 1000; 5 if 0, with which Lambda
	// begins. Lambda takes no less than 2; with 1 a test knows the order of things.
	MaximumConcurrency int
	// ReportBatchItemFailures makes the function's response count.
	ReportBatchItemFailures bool
	// Invoke invokes the function. An error, whatever it is, says that the invocation failed.
	Invoke func(ctx context.Context, payload []byte) (response []byte, err error)
	// Observe, if not nil, is told of each batch after its messages were deleted or left. It is called
	// by one goroutine at a time, which runs the mapping.
	Observe func(Delivery)
}

// Delivery is what came of one batch.
type Delivery struct {
	// Batch is what was received.
	Batch []Message
	// Failed is what was left in the queue.
	Failed []Message
	// Stale is what should have been deleted, but was received again meanwhile: it stays.
	Stale []Message
	// Err is why all of it failed, or nil.
	Err error
}

// Summary counts what a mapping did.
type Summary struct {
	// Invocations is the number of batches, and Errors that of those that failed as a whole.
	Invocations, Errors int
	// Deliveries is the number of messages in all batches.
	Deliveries int
	// Deleted is how many messages were deleted.
	Deleted int
}

// Run invokes the function until the queue is drained, with nothing visible and nothing in flight. A
// message that always fails keeps it running, unless the queue has a dead-letter queue. When the
// context ends, Run waits for the invocations under way, whose context it is too, and gives its error;
// what they worked at is still in flight.
func (m *Mapping) Run(ctx context.Context) (Summary, error) {
	size, concurrency, err := m.limits()
	if err != nil {
		return Summary{}, err
	}
	var s Summary
	running := 0
	done := make(chan Delivery)
	for {
		for running < concurrency && ctx.Err() == nil {
			batch := m.receive(size)
			if len(batch) == 0 {
				break
			}
			running++
			go func() { done <- m.deliver(ctx, batch) }()
		}
		if running == 0 {
			if err := ctx.Err(); err != nil {
				return s, fmt.Errorf("run mapping of %s: %w", m.Queue.options.Name, err)
			}
			if !m.Queue.advanceToNext() {
				return s, nil
			}
			continue
		}
		select {
		case d := <-done:
			running--
			s.add(d)
			if m.Observe != nil {
				m.Observe(d)
			}
		case <-m.Queue.changed:
		}
	}
}

// limits checks the configuration.
func (m *Mapping) limits() (size, concurrency int, err error) {
	size, concurrency = m.BatchSize, m.MaximumConcurrency
	if size == 0 {
		size = 10
	}
	if concurrency == 0 {
		concurrency = 5
	}
	if size < 1 || size > mostPerWindow || concurrency < 1 || concurrency > 1000 {
		return 0, 0, fmt.Errorf("mapping of %s: batch size %d, want 1 to %d, or concurrency %d, want 1 to 1000", m.Queue.options.Name, size, mostPerWindow, concurrency)
	}
	return size, concurrency, nil
}

// receive fills a batch, with as many calls as its size needs. It makes no further one to fill it up: a
// message that is delivered twice would be received again, and be in it twice.
func (m *Mapping) receive(size int) []Message {
	var batch []Message
	for len(batch) < size {
		ask := min(size-len(batch), mostPerCall)
		more := m.Queue.Receive(ask)
		for _, r := range more {
			batch = merge(batch, r)
		}
		if len(more) < ask {
			break
		}
	}
	return batch
}

// merge adds a message to a batch. If it is there already, the newer receipt counts.
func merge(batch []Message, r Message) []Message {
	for i := range batch {
		if batch[i].ID == r.ID {
			batch[i] = r
			return batch
		}
	}
	return append(batch, r)
}

// deliver invokes the function with a batch and deletes what it is done with.
func (m *Mapping) deliver(ctx context.Context, batch []Message) Delivery {
	d := Delivery{Batch: batch}
	var failed map[string]bool
	payload, err := Event(m.Queue, batch)
	if err == nil {
		var response []byte
		response, err = m.Invoke(ctx, payload)
		if err == nil && m.ReportBatchItemFailures {
			failed, err = failures(response, batch)
		}
	}
	if err != nil {
		d.Failed, d.Err = batch, err
		return d
	}
	for _, message := range batch {
		if failed[message.ID] {
			d.Failed = append(d.Failed, message)
			continue
		}
		if deleted, _ := m.Queue.Delete(message.ReceiptHandle); !deleted { // the handle is the queue's own
			d.Stale = append(d.Stale, message)
		}
	}
	return d
}

func (s *Summary) add(d Delivery) {
	s.Invocations++
	s.Deliveries += len(d.Batch)
	s.Deleted += len(d.Batch) - len(d.Failed) - len(d.Stale)
	if d.Err != nil {
		s.Errors++
	}
}
