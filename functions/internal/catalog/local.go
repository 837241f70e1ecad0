package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// Local is the catalog of a local lake: a JSON file per table, `<lake>/_catalog/<table>.json`, which
// is replaced as a whole and never changed in place. It may be shared by goroutines, and several
// processes may change one catalog at the same time.
//
// Who changes a file holds the lock of `<lake>/_catalog/<table>.lock` meanwhile; who reads it needs
// none. Lock files stay, as removing one would let two processes hold it.
//
// What a file holds is remembered. Every call looks at the file's identity, size and modification
// time, and reads it again if any of them has changed; so changes by other processes are seen by the
// next call, and a partition that somebody has removed is registered again. As a file that replaces
// another may look the same if it comes soon after, a memory counts only if the file had not been
// modified for two seconds when it was read. To add partitions that are all registered takes
// neither the lock nor a write.
type Local struct {
	objects *store.Local
	// writing holds an element while a goroutine of this process changes a table, so that only one
	// of them polls for the file's lock.
	writing chan struct{}

	mu    sync.Mutex
	known map[string]*snapshot // by table
}

// OpenLocal gives the catalog of the lake in that directory, which need not exist: it is made by the
// first change, and until then holds no tables.
func OpenLocal(dir string) (*Local, error) {
	objects, err := store.OpenLocal(dir)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return &Local{objects: objects, writing: make(chan struct{}, 1), known: map[string]*snapshot{}}, nil
}

// EnsureTable creates a table that does not exist. If it does, its columns and partition keys must
// be those declared: else the error is a [*TableError] that names the first which is not. When it
// returns nil the table is durable and visible to queries.
func (l *Local) EnsureTable(ctx context.Context, t *schema.Table) error {
	_, err := l.AddPartitions(ctx, t, nil)
	return err
}

// AddPartitions registers what is not registered yet and gives how many were new; first it does what
// [Local.EnsureTable] does. When it returns nil all of the partitions are durable and visible to
// queries. It registers all of them or, when it gives an error, most likely none. Doing it again
// does nothing.
//
// A partition is known by its values: one that is registered stays as it is, whatever its location.
func (l *Local) AddPartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (added int, err error) {
	if err := CheckPartitions(t.Name, partitions); err != nil {
		return 0, err
	}
	return l.update(ctx, t.Name, func(d *document) (*document, int, error) {
		if d == nil {
			d = newDocument(t)
		} else if err := d.compare(t); err != nil {
			return nil, 0, err
		}
		d, added := d.with(partitions)
		return d, added, nil
	})
}

// RemovePartitions removes partitions from the catalog, by their values, and gives how many were
// registered. Their objects stay where they are. When it returns nil the change is durable. The
// error is [ErrNoTable] if the table does not exist.
func (l *Local) RemovePartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (removed int, err error) {
	return l.update(ctx, t.Name, func(d *document) (*document, int, error) {
		if d == nil {
			return nil, 0, &TableError{Table: t.Name, Err: ErrNoTable}
		}
		d, removed := d.without(partitions)
		return d, removed, nil
	})
}

// Partitions gives all registered partitions in the order of their values, which the caller owns.
// The error is [ErrNoTable] if the table does not exist.
func (l *Local) Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error) {
	s, err := l.load(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, &TableError{Table: t.Name, Err: ErrNoTable}
	}
	partitions := make([]schema.Partition, len(s.doc.Partitions))
	for i, p := range s.doc.Partitions {
		partitions[i] = schema.Partition{Values: slices.Clone(p.Values), Location: p.Location}
	}
	return partitions, nil
}

// Tables gives the names of all tables, sorted.
func (l *Local) Tables(ctx context.Context) ([]string, error) {
	var names []string
	err := l.objects.List(ctx, folder, func(o store.Object) error {
		name, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, folder), ".json")
		if ok && checkName(name) == nil {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	slices.Sort(names) // "a-b.json" comes before "a.json"
	return names, nil
}

// update changes a table and gives what the change counted. The change gets what is registered, nil
// if the table does not exist, and gives what is to stand instead: the same if nothing is to be done.
// It is called without the lock first, and again with it if there is something to do.
func (l *Local) update(ctx context.Context, table string, change changeFunc) (n int, err error) {
	d, _, err := l.apply(ctx, table, change)
	if d == nil || err != nil {
		return 0, err
	}
	unlock, err := l.lock(ctx, table)
	if err != nil {
		return 0, fmt.Errorf("lock table %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	d, n, err = l.apply(ctx, table, change)
	if d == nil || err != nil {
		return 0, err
	}
	if err := l.write(ctx, d); err != nil {
		return 0, fmt.Errorf("write table %s: %w", table, err)
	}
	return n, nil
}

type changeFunc func(*document) (*document, int, error)

// apply gives what a change makes of a table, without writing it. It gives nil if there is nothing
// to write; then what is registered is durable.
func (l *Local) apply(ctx context.Context, table string, change changeFunc) (*document, int, error) {
	s, err := l.load(ctx, table)
	if err != nil {
		return nil, 0, err
	}
	if s == nil {
		return change(nil)
	}
	d, n, err := change(s.doc)
	if err != nil || d != s.doc {
		return d, n, err
	}
	if err := l.settle(s); err != nil {
		return nil, 0, fmt.Errorf("sync table %s: %w", table, err)
	}
	return nil, 0, nil
}
