package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowlake/flowlake/schema"
)

// dated are the records of one day.
type dated struct {
	day         int64 // since 1970-01-01
	rows        int64
	first, last time.Time // of them
}

// maxStrays is the part of the records that may be strays: one in so many.
const maxStrays = 100

// withoutStrays gives the days, which are in their order, without those of strays: of the few records
// whose times are so far from all others that the page's steps would be longer for them. A record of
// 1970 among those of a day is one.
//
// Where the largest gap between two days of records is longer than all of the side with more records,
// the other side is left out, and so on, as long as no more is left out than one record in a hundred.
// What is left out and does not make the steps shorter, in the end, is no stray.
func withoutStrays(days []dated) []dated {
	all, out := rowsOf(days), int64(0)
	kept := days
	for rest := days; len(rest) > 1; {
		at := 1 // the index of the day after the largest gap
		for i := range rest[1:] {
			if gap(rest, i+1) > gap(rest, at) {
				at = i + 1
			}
		}
		light, heavy := rest[:at], rest[at:]
		if rowsOf(light) > rowsOf(heavy) {
			light, heavy = heavy, light
		}
		out += rowsOf(light)
		if span := heavy[len(heavy)-1].day - heavy[0].day + 1; gap(rest, at) <= span || out*maxStrays > all {
			break
		}
		rest = heavy
		if stepFor(rest) != stepFor(kept) {
			kept = rest
		}
	}
	return kept
}

// gap gives the number of days between a day and the one before it in a list.
func gap(days []dated, i int) int64 { return days[i].day - days[i-1].day - 1 }

// rowsOf gives the number of records of some days.
func rowsOf(days []dated) (n int64) {
	for _, d := range days {
		n += d.rows
	}
	return n
}

// stepFor gives the step for the records of days, of which there is one at least.
func stepFor(days []dated) unit { return unitFor(days[0].first, days[len(days)-1].last) }

// days reads the days, and decides on the steps.
func (c *collector) days(ctx context.Context) error {
	var days []dated
	timeless := int64(0)
	err := c.each(ctx, daysSQL(c.table.Name), func(v []any) error {
		rows, ok := v[1].(int64)
		if !ok {
			return fmt.Errorf("want a number of records, have %T", v[1])
		}
		start, ok := v[0].(time.Time)
		if !ok {
			timeless += rows
			return nil
		}
		first, _ := v[2].(time.Time)
		last, _ := v[3].(time.Time)
		days = append(days, dated{int64(schema.DayOf(start.Unix())), rows, first, last})
		return nil
	})
	if err != nil {
		return err
	}
	a := &c.all.Aside
	a.Timeless, a.Strays = timeless, 0
	c.unit = hour
	if len(days) == 0 {
		return nil
	}
	kept := withoutStrays(days)
	c.unit = stepFor(kept)
	c.first, c.last = kept[0].first, kept[len(kept)-1].last
	c.all.First, c.all.Last = c.first.UnixMilli(), c.last.UnixMilli()
	strays := slices.DeleteFunc(slices.Clone(days), func(d dated) bool { return kept[0].day <= d.day && d.day <= kept[len(kept)-1].day })
	if n := len(strays); n > 0 {
		a.Strays, a.First, a.Last = rowsOf(strays), strays[0].first.UnixMilli(), strays[n-1].last.UnixMilli()
	}
	return nil
}

// step gives the step of a row that starts at an instant; strays are aside.
func (c *collector) step(start any) int64 {
	t, ok := start.(time.Time)
	// The gap around what is not strays is longer than a step.
	if !ok || t.Before(c.unit.start(c.first)) || t.After(c.last) {
		return aside
	}
	return t.Unix()
}
