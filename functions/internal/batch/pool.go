package batch

import (
	"sync"

	"github.com/flowlake/flowlake/schema"
)

// Pool keeps emptied batches of one table for their next use. It may be used by goroutines at the
// same time.
type Pool struct {
	table *schema.Table
	max   int

	mu   sync.Mutex
	free []*Batch
}

// maxPooled bounds the memory, in bytes, that an idle batch may hold on to: a batch that met a hostile
// file, or that sorted a very large one, is not kept.
const maxPooled = 64 << 20

// NewPool gives a pool that keeps at most max idle batches.
func NewPool(t *schema.Table, max int) *Pool { return &Pool{table: t, max: max} }

// Get gives an empty batch for that day, which the caller owns until it calls Put.
func (p *Pool) Get(day schema.Day) *Batch {
	p.mu.Lock()
	var b *Batch
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	}
	p.mu.Unlock()
	if b == nil {
		b = New(p.table)
	}
	b.Reset(day)
	return b
}

// Put takes a batch back. The caller must not use it any more.
func (p *Pool) Put(b *Batch) {
	if b.memory() > maxPooled {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < p.max {
		p.free = append(p.free, b)
	}
}
