package etl

import (
	"bytes"
	"context"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/schema"
)

// Bounds of a batch of rejects: a file of nothing but long lines must not fill the memory.
const (
	rejectRows = 8 << 10
	rejectText = 4 << 20
)

// sink takes what flowlog reads, turns rejects into records of their table, and passes batches on to
// the encoding stage. It is used by the reading goroutine.
type sink struct {
	*journey
	ctx      context.Context
	batches  chan<- *batch.Batch
	firstDay schema.Day // of the first batch, where rejects go whose object's key names no day
	rejected *batch.Batch
	open     int // batches that the reader fills
}

// pooledBatches is the number of open batches that may come from the pool, with the memory of as many
// rows as are sorted together each. Further ones, of an object with many days, grow as they are filled:
// all open batches together hold no more rows.
const pooledBatches = 3

// gzipPerRow is less gzip than a record takes, in bytes: 33 are usual.
const gzipPerRow = 30

// NewBatch gives an empty batch.
func (s *sink) NewBatch(day schema.Day) *batch.Batch {
	if s.firstDay == schema.NoDay {
		s.firstDay = day
	}
	s.open++
	if s.open > pooledBatches {
		b := batch.New(s.config.Table)
		b.Reset(day)
		return b
	}
	b := s.journey.batches[s.config.Table].Get(day)
	b.Reserve(min(s.config.SortRows, int(s.object.Size/gzipPerRow)))
	return b
}

// Batch passes a batch on.
func (s *sink) Batch(b *batch.Batch) error {
	s.open--
	return s.pass(b)
}

func (s *sink) pass(b *batch.Batch) error {
	select {
	case s.batches <- b:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// Reject adds a row to the rejects.
func (s *sink) Reject(r flowlog.Reject) error {
	if s.rejected == nil {
		s.rejected = s.journey.batches[s.rejects].Get(schema.NoDay)
	}
	b := s.rejected
	row := b.Extend(1)
	for i := range b.Columns {
		c := &b.Columns[i]
		switch s.rejects.Columns[i].Name {
		case schema.RejectSource:
			c.SetText(row, []byte(s.url))
		case schema.RejectLine:
			c.SetNumber(row, r.Line)
		case schema.RejectReason:
			c.SetText(row, []byte(r.Reason))
		case schema.RejectRaw:
			c.SetText(row, bytes.ToValidUTF8(r.Raw, []byte("\uFFFD")))
		}
	}
	if b.Rows >= rejectRows || b.DictBytes() >= rejectText {
		return s.handOverRejects()
	}
	return nil
}

// handOverRejects passes the rejects so far on. They go to the day that the object's key names,
// because a line that could not be read has no day of its own; or else to the day of the object's
// first record; or else to no day.
func (s *sink) handOverRejects() error {
	if s.rejected == nil {
		return nil
	}
	b := s.rejected
	s.rejected = nil
	b.Day = s.day
	if b.Day == schema.NoDay {
		b.Day = s.firstDay
	}
	return s.pass(b)
}
