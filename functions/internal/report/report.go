// Package report makes a web page of a lake: one file with the pictures of the AWS article's dashboard
// and more, that works where there is no network and asks for nothing.
//
// Collect gathers the data by SQL over the registered partitions, and Write writes the page: the data
// as JSON, Apache ECharts (see the folder echarts) and a script of our own, which filters by time,
// accelerator and direction. The page depends on the lake, to which the times belong at which its objects
// were written, and on the day on which it is looked at, before which files are missed: no other clock,
// no machine.
//
// What it holds is bounded, whatever the lake holds, and what it shows is exact: each picture's cube
// has the sums of records, bytes or packets by time step, accelerator, direction and member, the
// members being the values with the largest sums over the whole range, and one for all others. Longer
// ranges have longer steps (hour, day, month, year). A few records far from all others in time do not
// make them longer: they count with the whole range, as those without a time do, which the page states.
// So filtered numbers are those that SQL gives, with this exception, which the page states: the client
// addresses of a filtered range are chosen among those with most bytes over the whole one.
//
// Texts of the lake are shown as texts. What would not print in them stands as its code, such as
// \u0007. The page's policy lets it run no other script than its own, and load nothing.
//
// # Hooks
//
// For programs that look at the page in a browser, these names stay:
//
//   - document.documentElement.dataset.ready is "true" once all is drawn.
//   - window.flowlake.state is the filter: from and to, the first instant and the one after the last,
//     as ISO 8601; accelerator and direction, the chosen label or null.
//   - window.flowlake.totals has rows, bytes and packets of the filtered records, as texts of digits.
//   - The filters are the form elements with the ids from, to, accelerator and direction, selects all;
//     their events are those that a person causes (change). The select with the id scale has linear
//     and log. The button with the id reset undoes them all, and the one with the id theme goes from
//     light to dark and back.
//   - Each chart's container has data-chart="name" and data-marks="number of bars, of parts of stacked
//     ones, or of points of lines"; it is hidden where that is 0. Its table has data-table="name". Cells
//     that show a number have it in data-value, as digits without separators; a time is in seconds. The
//     names are those of [Charts].
//   - Each total has data-total="name", and data-value as cells do; the times of the first and the last
//     record are in milliseconds since 1970, "" where there is none.
//
// Decisions, with what lost:
//   - Sums are integers of any size, in Go as in the page (BigInt): a float would be off by some bytes
//     from 9 PB on, and pages are compared with SQL.
//   - Members and steps are counted in SQL and put together here, in five passes over the columns that
//     they need; one pass with GROUPING SETS took three times as long.
//   - The lag of a source file is told by the time at which its Parquet file was written, which every
//     store keeps, and not by a column: what is converted again has the same bytes. So the lag of what
//     was replayed, or copied, is that of the replay or the copy, which the page states.
package report

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/schema"
)

// Engine answers SQL over the registered partitions of a lake.
type Engine interface {
	// Query gives the rows of a statement; the caller closes them.
	Query(ctx context.Context, sql string) (*query.Rows, error)
}

// ErrEmpty is the error of a lake, or of a range of days in it, that has no records.
var ErrEmpty = errors.New("no records")

// Data is what a page shows. It is made by [Collect] and not changed after that.
type Data struct {
	page page
}

// Collect gathers the data of a page from a lake, and from the files that were seen when it was
// opened. The error is [ErrEmpty] if there are no records.
func Collect(ctx context.Context, db Engine, slots *Slots) (*Data, error) {
	c := &collector{db: db, table: schema.GlobalAccelerator(), cubes: map[string]cells{}, clientCount: new(big.Int)}
	if err := c.totals(ctx); errors.Is(err, ErrEmpty) {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("collect totals: %w", err)
	}
	if err := c.days(ctx); err != nil {
		return nil, fmt.Errorf("collect days: %w", err)
	}
	for _, s := range scans() {
		if err := c.scan(ctx, scanSQL(c.table.Name, c.unit, s), s.dimensions); err != nil {
			return nil, fmt.Errorf("collect %s: %w", s.columns, err)
		}
	}
	if err := c.scan(ctx, clientsSQL(c.table.Name, c.unit), []dimension{clients()}); err != nil {
		return nil, fmt.Errorf("collect client addresses: %w", err)
	}
	if err := c.rejects(ctx); err != nil {
		return nil, fmt.Errorf("collect rejected lines: %w", err)
	}
	return &Data{page: c.put(slots)}, nil
}

// collector gathers the data of one page.
type collector struct {
	db    Engine
	table *schema.Table

	all         page // its totals and their times
	unit        unit
	first, last time.Time        // of the records that are no strays
	cubes       map[string]cells // by the name of the dimension
	rejected    map[rejectedKey]*big.Int
	clientCount *big.Int
}

// rejectedKey says what a number of rejected lines counts.
type rejectedKey struct {
	day    int64 // seconds since 1970, or aside where there is none
	reason value
}

// each calls fn for the rows of a query. An error of fn ends it and is returned.
func (c *collector) each(ctx context.Context, sql string, fn func(values []any) error) error {
	rows, err := c.db.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Values()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// totals reads the totals.
func (c *collector) totals(ctx context.Context) error {
	return c.each(ctx, totalsSQL(c.table.Name), func(v []any) error {
		s, err := sumsOf(v)
		if err != nil {
			return err
		}
		if s.rows.Sign() == 0 {
			return ErrEmpty
		}
		t := &c.all.Totals
		t.Rows, t.Bytes, t.Packets = amount(s.rows), amount(s.bytes), amount(s.packets)
		t.First, t.Last = milliseconds(v[3]), milliseconds(v[4])
		t.Accelerators, t.Endpoints = v[5], v[6]
		return nil
	})
}

// scan reads the cells of dimensions.
func (c *collector) scan(ctx context.Context, sql string, dimensions []dimension) error {
	for _, d := range dimensions {
		c.cubes[d.name] = cells{}
	}
	return c.each(ctx, sql, func(v []any) error {
		s, err := sumsOf(v[6:])
		if err != nil {
			return err
		}
		at := coordinates{member: others, accelerator: valueOf(v[2]), direction: valueOf(v[3]), step: c.step(v[1])}
		if v[4].(bool) {
			at.member = valueOf(v[5])
		}
		c.cubes[dimensions[v[0].(int64)].name].add(at, s)
		if len(v) > 9 {
			c.clientCount, err = bigOf(v[9])
		}
		return err
	})
}

// rejects reads the numbers of rejected lines.
func (c *collector) rejects(ctx context.Context) error {
	c.rejected = map[rejectedKey]*big.Int{}
	return c.each(ctx, rejectsSQL(c.table.Rejects().Name), func(v []any) error {
		n, err := bigOf(v[3])
		if err != nil {
			return err
		}
		at := rejectedKey{seconds(v[0]), others}
		if v[1].(bool) {
			at.reason = valueOf(v[2])
		}
		c.rejected[at] = n
		return nil
	})
}

// sumsOf gives the records, bytes and packets of a row.
func sumsOf(v []any) (s sums, err error) {
	for i, to := range []**big.Int{&s.rows, &s.bytes, &s.packets} {
		if *to, err = bigOf(v[i]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// seconds gives a day of a row.
func seconds(v any) int64 {
	t, ok := v.(time.Time)
	if !ok {
		return aside
	}
	return t.Unix()
}

// milliseconds gives an instant of a row as JavaScript has it, nil where it is NULL.
func milliseconds(v any) any {
	t, ok := v.(time.Time)
	if !ok {
		return nil
	}
	return t.UnixMilli()
}
