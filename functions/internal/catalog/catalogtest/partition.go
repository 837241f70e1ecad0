package catalogtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

func testIdempotence(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	for range 2 {
		if err := c.EnsureTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
	wantPartitions(t, c, table, nil)
	add(t, c, table, days(table, 0, 3), 3)
	add(t, c, table, days(table, 0, 3), 0)
	add(t, c, table, days(table, 1, 5), 3)
	add(t, c, table, nil, 0)
	if err := c.EnsureTable(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	wantPartitions(t, c, table, days(table, 0, 6))
}

func testCreates(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	add(t, c, table, days(table, 0, 2), 2)
	wantPartitions(t, c, table, days(table, 0, 2))
}

func testOrder(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	all := days(table, 0, 400)
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	add(t, c, table, backwards[:150], 150)
	add(t, c, table, backwards[150:], 250)
	wantPartitions(t, c, table, all)
}

// testNoDay adds the partition of the records without a day, whose values are Hive's for NULL, and
// sort behind the digits.
func testNoDay(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	none := []schema.Partition{table.Partition(schema.NoDay)}
	add(t, c, table, none, 1)
	add(t, c, table, none, 0)
	wantPartitions(t, c, table, none)
	add(t, c, table, days(table, 0, 2), 2)
	wantPartitions(t, c, table, append(days(table, 0, 2), none...))
	remove(t, c, table, none, 1)
	wantPartitions(t, c, table, days(table, 0, 2))
}

func testCountsOnce(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	three := days(table, 0, 3)
	add(t, c, table, slices.Concat(three[:2], three, three[1:]), 3)
	wantPartitions(t, c, table, three)
	remove(t, c, table, slices.Concat(three[:2], three[:1]), 2)
	wantPartitions(t, c, table, three[2:])
}

func testValues(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	p := days(table, 0, 1)[0]
	add(t, c, table, []schema.Partition{p}, 1)
	elsewhere := schema.Partition{Values: p.Values, Location: "elsewhere/"}
	add(t, c, table, []schema.Partition{elsewhere}, 0)
	wantPartitions(t, c, table, []schema.Partition{p})
	remove(t, c, table, []schema.Partition{elsewhere}, 1)
	wantPartitions(t, c, table, nil)
}

func testRemove(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	add(t, c, table, days(table, 0, 60), 60)
	remove(t, c, table, days(table, 20, 60), 40)
	remove(t, c, table, days(table, 20, 60), 0)
	remove(t, c, table, nil, 0)
	wantPartitions(t, c, table, days(table, 0, 20))
	add(t, c, table, days(table, 0, 60), 40)
	wantPartitions(t, c, table, days(table, 0, 60))
}

// testMany takes seven years: Glue adds 100 partitions in a call, removes 25, and lists 1,000.
func testMany(t *testing.T, c Catalog) {
	const all = 2600
	table := schema.GlobalAccelerator()
	add(t, c, table, days(table, 0, 101), 101)
	add(t, c, table, days(table, 0, all), all-101)
	add(t, c, table, days(table, 0, all), 0)
	wantPartitions(t, c, table, days(table, 0, all))
	remove(t, c, table, days(table, 50, all), all-50)
	wantPartitions(t, c, table, days(table, 0, 50))
}

// testConcurrent has eight goroutines add sets that overlap, several days at a time.
func testConcurrent(t *testing.T, c Catalog) {
	const goroutines, calls, step, width = 8, 10, 3, 7
	table := schema.GlobalAccelerator()
	var wg sync.WaitGroup
	var sum atomic.Int64
	for g := range goroutines {
		wg.Go(func() {
			for i := range calls {
				added, err := c.AddPartitions(t.Context(), table, days(table, (g+i)*step, width))
				if err != nil {
					t.Error(err)
				}
				sum.Add(int64(added))
			}
		})
	}
	wg.Wait()
	union := (goroutines+calls-2)*step + width
	wantPartitions(t, c, table, days(table, 0, union))
	if sum.Load() != int64(union) {
		t.Errorf("all calls together added %d, want %d", sum.Load(), union)
	}
}

func testInvalid(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	good := days(table, 0, 1)[0]
	for _, bad := range []schema.Partition{
		{},
		{Values: []string{"2026", "01"}, Location: good.Location},
		{Values: []string{"2026", "01", "09", "10"}, Location: good.Location},
		{Values: []string{"2026", "", "09"}, Location: good.Location},
		{Values: good.Values},
		{Values: good.Values, Location: "t/no/slash"},
	} {
		added, err := c.AddPartitions(t.Context(), table, []schema.Partition{good, bad})
		if added != 0 || err == nil || retryable(err) || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad.Values)) {
			t.Errorf("adding %+v gives %d, %v, want an error that names it and is not retryable", bad, added, err)
		}
	}
	if _, err := c.Partitions(t.Context(), table); !errors.Is(err, catalog.ErrNoTable) {
		t.Errorf("a call that fails leaves a table (%v)", err)
	}
}

func testOwnership(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	given := days(table, 0, 2)
	add(t, c, table, given, 2)
	given[0].Values[0] = "changed"
	got, err := c.Partitions(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	got[1].Values[0], got[0].Location = "changed", "changed/"
	wantPartitions(t, c, table, days(table, 0, 2))
}
