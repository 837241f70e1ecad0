package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"time"
	"unicode"

	"github.com/flowlake/flowlake/functions/internal/query/format"
)

// unit is the length of the page's time steps, by the name that SQL has for it.
type unit string

const (
	hour  unit = "hour"
	day   unit = "day"
	month unit = "month"
	year  unit = "year"
)

// Limits of the steps. A page of hours has as many as a person can tell apart.
const (
	maxHours  = 14 * 24
	maxDays   = 400
	maxMonths = 600
)

// unitFor gives the step for records between two instants.
func unitFor(first, last time.Time) unit {
	switch d := last.Sub(first); {
	case d < maxHours*time.Hour:
		return hour
	case d < maxDays*24*time.Hour:
		return day
	case last.Year()-first.Year() < maxMonths/12:
		return month
	}
	return year
}

// coarser gives the next longer step; there is none after a year.
func (u unit) coarser() unit {
	switch u {
	case hour:
		return day
	case day:
		return month
	}
	return year
}

// start gives the start of the step that an instant lies in.
func (u unit) start(t time.Time) time.Time {
	y, m, d := t.Date()
	switch u {
	case hour:
		return time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC)
	case day:
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	case month:
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
}

// next gives the start of the step after the one that starts at t.
func (u unit) next(t time.Time) time.Time {
	switch u {
	case hour:
		return t.Add(time.Hour)
	case day:
		return t.AddDate(0, 0, 1)
	case month:
		return t.AddDate(0, 1, 0)
	}
	return t.AddDate(1, 0, 0)
}

// aside is the step of records that are in no picture over time: those that have none, and strays.
const aside = math.MinInt64

// value is a text of a column, or NULL, or all of those that are not told apart.
type value struct {
	text   string
	null   bool
	others bool
}

// others are the values of a column that are not told apart.
var others = value{others: true}

// valueOf gives the value that a row has for a text.
func valueOf(v any) value {
	s, ok := v.(string)
	return value{text: s, null: !ok}
}

// coordinates say what a cell counts.
type coordinates struct {
	member, accelerator, direction value
	step                           int64 // seconds since 1970, or aside
}

// sums are what the records of a cell add up to. They are exact.
type sums struct{ rows, bytes, packets *big.Int }

func (s *sums) add(o sums) {
	if s.rows == nil {
		s.rows, s.bytes, s.packets = new(big.Int), new(big.Int), new(big.Int)
	}
	s.rows.Add(s.rows, o.rows)
	s.bytes.Add(s.bytes, o.bytes)
	s.packets.Add(s.packets, o.packets)
}

// cells are the sums of one dimension.
type cells map[coordinates]*sums

func (c cells) add(at coordinates, s sums) {
	have := c[at]
	if have == nil {
		have = new(sums)
		c[at] = have
	}
	have.add(s)
}

// mapped gives the cells with other coordinates; those that become one add up.
func (c cells) mapped(to func(coordinates) coordinates) cells {
	m := cells{}
	for at, s := range c {
		m.add(to(at), *s)
	}
	return m
}

// ranked gives the values of a coordinate by their sums, the largest first, without others.
func (c cells) ranked(of func(coordinates) value, size func(*sums) *big.Int) []value {
	totals := map[value]*big.Int{}
	for at, s := range c {
		v := of(at)
		if v.others {
			continue
		}
		if totals[v] == nil {
			totals[v] = new(big.Int)
		}
		totals[v].Add(totals[v], size(s))
	}
	return slices.SortedFunc(maps.Keys(totals), func(a, b value) int {
		if n := totals[b].Cmp(totals[a]); n != 0 {
			return n
		}
		if a.null != b.null {
			return map[bool]int{true: 1, false: -1}[a.null]
		}
		return cmp.Compare(a.text, b.text)
	})
}

// fold keeps as many members, of those in order, as leave no more than limit cells, and makes the rest
// others. It gives the members that it kept.
func (c cells) fold(ranked []value, limit int) ([]value, cells) {
	count := map[value]int{}
	for at := range c {
		count[at.member]++
	}
	// What becomes others is counted as if nothing of it fell together, which it does; so the first
	// count may be too large, and never too small.
	kept := ranked
	for {
		keep := map[value]bool{}
		for _, v := range kept {
			keep[v] = true
		}
		folded := c.mapped(func(at coordinates) coordinates {
			if !keep[at.member] {
				at.member = others
			}
			return at
		})
		if len(folded) <= limit || len(kept) == 0 {
			return kept, folded
		}
		for excess := len(folded) - limit; excess > 0 && len(kept) > 0; kept = kept[:len(kept)-1] {
			excess -= count[kept[len(kept)-1]]
		}
	}
}

// amount gives a number as the page's JSON has it: a text of its digits where JavaScript would round it.
func amount(n *big.Int) any { return format.JavaScript(n) }

// bigOf gives a number of a row.
func bigOf(v any) (*big.Int, error) {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v), nil
	case *big.Int:
		return v, nil
	}
	return nil, fmt.Errorf("want an integer, have %T", v)
}

// visible gives a text in which nothing hides: characters that print nothing, break lines or turn the
// direction of writing stand as their code, such as \u0007.
func visible(s string) string {
	var b []byte
	for _, r := range s {
		switch {
		case unicode.IsPrint(r):
			b = append(b, string(r)...)
		case r > 0xffff:
			b = fmt.Appendf(b, `\U%08x`, r)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return string(b)
}
