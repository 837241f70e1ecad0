package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/event"
)

// work does one message.
func (d *drain) work(ctx context.Context, m Message) {
	err := d.convertAll(ctx, m)
	d.mu.Lock()
	e := d.known[m.ID]
	handle := e.handle
	d.mu.Unlock()
	if err == nil {
		if err = d.queue.Delete(ctx, handle); err != nil {
			err = fmt.Errorf("converted, but the message is not deleted: %w", err)
		}
	}
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.summary.Deleted++
		delete(d.known, m.ID)
		return
	}
	_ = d.queue.Hide(ctx, handle, leftFor(d.Hidden)) // else it only comes again
	var odd *event.Error
	d.mu.Lock()
	e.left = true
	d.summary.Left++
	if errors.As(err, &odd) {
		d.summary.NotUnderstood++
	}
	d.mu.Unlock()
	if d.Left != nil {
		d.telling.Lock()
		defer d.telling.Unlock()
		d.Left(m, err)
	}
}

// convertAll converts the objects of a message, one after the other, and keeps it hidden meanwhile. All
// are tried, whatever fails.
func (d *drain) convertAll(ctx context.Context, m Message) error {
	decoded, err := decode(m)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var hiding sync.WaitGroup
	hiding.Go(func() { d.keepHidden(ctx, m.ID, done) })
	var errs []error
	for _, o := range decoded.Objects {
		if err := d.convert(ctx, o); err != nil {
			errs = append(errs, err)
		}
	}
	close(done)
	hiding.Wait()
	d.mu.Lock()
	for _, reason := range decoded.Skipped {
		d.summary.Skipped[reason]++
	}
	d.mu.Unlock()
	return errors.Join(errs...)
}

// keepHidden extends the time for which a message is hidden, until done. That it cannot is no reason to
// give the conversion up: should somebody else get the message, it writes the same bytes.
func (d *drain) keepHidden(ctx context.Context, id string, done <-chan struct{}) {
	t := time.NewTicker(d.Hidden / 3)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			d.mu.Lock()
			handle := d.known[id].handle
			d.mu.Unlock()
			_ = d.queue.Hide(ctx, handle, d.Hidden)
		}
	}
}

// decode reads the body as that of a message of a queue that invokes the Lambda.
func decode(m Message) (event.Message, error) {
	type record struct {
		MessageID   string `json:"messageId"`
		EventSource string `json:"eventSource"`
		Body        string `json:"body"`
	}
	payload, err := json.Marshal(struct{ Records []record }{[]record{{m.ID, "aws:sqs", m.Body}}})
	if err != nil {
		return event.Message{}, err
	}
	batch, err := event.Decode(payload)
	if err != nil {
		return event.Message{}, err
	}
	return batch.Messages[0], batch.Messages[0].Err
}
