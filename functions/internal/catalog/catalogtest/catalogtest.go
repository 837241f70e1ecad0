// Package catalogtest says what a catalog promises, as a suite of tests that every catalog passes.
package catalogtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/schema"
)

// Catalog is what the suite runs on: what all catalogs have in common. The packages that use a
// catalog declare the few of these methods that they need.
type Catalog interface {
	// EnsureTable creates a table that does not exist. If it does, its columns and partition keys
	// must be those declared: else the error is a [*catalog.TableError] that names the first which
	// is not.
	EnsureTable(ctx context.Context, t *schema.Table) error
	// AddPartitions registers what is not registered yet and gives how many were new; first it does
	// what EnsureTable does. When it returns nil all of the partitions are durable and visible to
	// queries. A partition is known by its values.
	AddPartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (added int, err error)
	// Partitions gives all registered partitions in the order of their values. The error is
	// [catalog.ErrNoTable] if the table does not exist.
	Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error)
	// RemovePartitions removes partitions, by their values, and gives how many were registered. The
	// error is [catalog.ErrNoTable] if the table does not exist.
	RemovePartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (removed int, err error)
}

// Run checks that a catalog keeps its promises. For each of them open gives a catalog without
// tables, which the suite does not share between tests.
func Run(t *testing.T, open func(t *testing.T) Catalog) {
	for _, promise := range []struct {
		name string
		test func(t *testing.T, c Catalog)
	}{
		{"what is there is left alone", testIdempotence},
		{"adding to no table creates it", testCreates},
		{"partitions come in the order of their values", testOrder},
		{"a partition without a day is one like others", testNoDay},
		{"a call counts a partition once", testCountsOnce},
		{"partitions are known by their values", testValues},
		{"removed partitions are gone and can come back", testRemove},
		{"tables are apart", testTables},
		{"more partitions than any page holds", testMany},
		{"concurrent calls lose nothing and count once", testConcurrent},
		{"a table that differs is an error", testDiffers},
		{"no table is ErrNoTable", testNoTable},
		{"invalid partitions are errors", testInvalid},
		{"what is given is the caller's", testOwnership},
		{"a canceled context stops every call", testCanceled},
	} {
		t.Run(strings.ReplaceAll(promise.name, " ", "_"), func(t *testing.T) { promise.test(t, open(t)) })
	}
}

// days gives the partitions of that many days from 2024-01-01 on, leaving out skip of them.
func days(t *schema.Table, skip, n int) []schema.Partition {
	const start schema.Day = 19723
	partitions := make([]schema.Partition, n)
	for i := range partitions {
		partitions[i] = t.Partition(start + schema.Day(skip+i))
	}
	return partitions
}

func testTables(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	rejects := table.Rejects()
	add(t, c, table, days(table, 0, 2), 2)
	add(t, c, rejects, days(rejects, 1, 2), 2)
	wantPartitions(t, c, table, days(table, 0, 2))
	wantPartitions(t, c, rejects, days(rejects, 1, 2))
	remove(t, c, rejects, days(rejects, 0, 9), 2)
	wantPartitions(t, c, rejects, nil)
	wantPartitions(t, c, table, days(table, 0, 2))
}

func testCanceled(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	add(t, c, table, days(table, 0, 1), 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, addKnown := c.AddPartitions(ctx, table, days(table, 0, 1))
	_, addNew := c.AddPartitions(ctx, table, days(table, 0, 2))
	_, remove := c.RemovePartitions(ctx, table, days(table, 0, 1))
	_, list := c.Partitions(ctx, table)
	for name, err := range map[string]error{
		"AddPartitions, known": addKnown,
		"AddPartitions, new":   addNew,
		"RemovePartitions":     remove,
		"Partitions":           list,
		"EnsureTable":          c.EnsureTable(ctx, table.Rejects()),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s gives %v, want context.Canceled", name, err)
		}
	}
	wantPartitions(t, c, table, days(table, 0, 1))
}

func add(t *testing.T, c Catalog, table *schema.Table, partitions []schema.Partition, want int) {
	t.Helper()
	added, err := c.AddPartitions(t.Context(), table, partitions)
	if err != nil {
		t.Fatal(err)
	}
	if added != want {
		t.Errorf("adding %d partitions gives %d new, want %d", len(partitions), added, want)
	}
}

func remove(t *testing.T, c Catalog, table *schema.Table, partitions []schema.Partition, want int) {
	t.Helper()
	removed, err := c.RemovePartitions(t.Context(), table, partitions)
	if err != nil {
		t.Fatal(err)
	}
	if removed != want {
		t.Errorf("removing %d partitions gives %d removed, want %d", len(partitions), removed, want)
	}
}

func wantPartitions(t *testing.T, c Catalog, table *schema.Table, want []schema.Partition) {
	t.Helper()
	got, err := c.Partitions(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	same := func(p, q schema.Partition) bool { return slices.Equal(p.Values, q.Values) && p.Location == q.Location }
	for i := range min(len(got), len(want)) {
		if !same(got[i], want[i]) {
			t.Errorf("partition %d of %d is %+v, want %+v", i, len(got), got[i], want[i])
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d partitions, want %d", len(got), len(want))
	}
}

// retryable says what an error says of itself; an error that says nothing may be retried.
func retryable(err error) bool {
	var r interface{ Retryable() bool }
	return !errors.As(err, &r) || r.Retryable()
}
