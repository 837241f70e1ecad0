package gluecatalog

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/schema"
)

// memory is what a process remembers of one table.
//
// Ages are taken by the wall clock, because a function's monotonic clock may stand still while the
// function is frozen between two events. A clock that was set back makes everything too old.
type memory struct {
	// changing holds an element while a goroutine reads the table from Glue or changes its
	// partitions, so that others that want the same find it done.
	changing chan struct{}

	mu    sync.Mutex
	table *types.Table         // as registered when it was read; nil if it was not, or is gone
	read  time.Time            // when that was
	known map[string]time.Time // when a partition was seen registered, by its values
}

func newMemory() *memory {
	return &memory{changing: make(chan struct{}, 1), known: map[string]time.Time{}}
}

// lock waits until no other goroutine holds the table, or until the context ends.
func (m *memory) lock(ctx context.Context) error {
	select {
	case m.changing <- struct{}{}:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *memory) unlock() { <-m.changing }

// recall gives the table, unless it was read before that time or after now, which is nil then.
func (m *memory) recall(now time.Time, maxAge time.Duration) *types.Table {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.table == nil || !recent(m.read, now, maxAge) {
		return nil
	}
	return m.table
}

// keep remembers the table that was read at that time, and drops what has become too old. The
// partitions of another table of the same name are not this one's.
func (m *memory) keep(t *types.Table, now time.Time, maxAge time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	same := m.table != nil && (m.table.CreateTime == nil || t.CreateTime == nil || m.table.CreateTime.Equal(*t.CreateTime))
	for key, seen := range m.known {
		if !same || !recent(seen, now, maxAge) {
			delete(m.known, key)
		}
	}
	m.table, m.read = t, now
}

// drop forgets the table, and so its partitions: those of the next one are others.
func (m *memory) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table = nil
}

// unknown gives those of the partitions that are not known to be registered, each once.
func (m *memory) unknown(partitions []schema.Partition, now time.Time, maxAge time.Duration) []schema.Partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	var fresh []schema.Partition
	var listed map[string]bool
	for _, p := range partitions {
		key := valuesKey(p.Values)
		if seen, ok := m.known[key]; (ok && recent(seen, now, maxAge)) || listed[key] {
			continue
		}
		if listed == nil {
			listed = map[string]bool{}
		}
		listed[key] = true
		fresh = append(fresh, p)
	}
	return fresh
}

// remember notes that a partition is registered.
func (m *memory) remember(values []string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[valuesKey(values)] = now
}

// forget notes that partitions may not be registered any more.
func (m *memory) forget(partitions []schema.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range partitions {
		delete(m.known, valuesKey(p.Values))
	}
}

// recent says whether what was seen then still counts.
func recent(seen, now time.Time, maxAge time.Duration) bool {
	age := now.Sub(seen)
	return age >= 0 && age < maxAge
}

// valuesKey gives a string for a partition's values. They hold no NUL, which Glue refuses.
func valuesKey(values []string) string { return strings.Join(values, "\x00") }
