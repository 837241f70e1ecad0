package report

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"time"
)

// page is the data in the page, which its script reads.
type page struct {
	Table  string `json:"table"`
	Totals struct {
		Rows         any `json:"rows"`
		Bytes        any `json:"bytes"`
		Packets      any `json:"packets"`
		Accelerators any `json:"accelerators"`
		Clients      any `json:"clients"`
		Endpoints    any `json:"endpoints"`
		First        any `json:"first"` // ms since 1970, or null
		Last         any `json:"last"`
	} `json:"totals"`

	Unit unit `json:"unit"`
	// Steps are the starts of the steps, in seconds since 1970.
	Steps []int64 `json:"steps"`
	// First and Last are the instants, in ms since 1970 or null, of the first and the last record that
	// has a step.
	First any `json:"first"`
	Last  any `json:"last"`
	// Aside are the records that have none. In the numbers below their step is the one after the last.
	Aside struct {
		Timeless any `json:"timeless"` // the number of those without a time
		Strays   any `json:"strays"`   // the number of those with one, see withoutStrays
		First    any `json:"first"`    // of the strays, in ms since 1970, or null
		Last     any `json:"last"`
	} `json:"aside"`
	Accelerators []*string `json:"accelerators"` // null is NULL; the index after the last is that of others
	Directions   []*string `json:"directions"`
	// Base has, for each accelerator and direction, their indexes, then step, rows, bytes and packets
	// again and again; a step is given as its distance from the one before, the first from 0.
	Base    [][]any         `json:"base"`
	Cubes   map[string]cube `json:"cubes"`
	Rejects rejects         `json:"rejects"`
	Slots   slots           `json:"slots"`
}

// cube is the sums of one measure by step, accelerator, direction and member.
type cube struct {
	Members []*string `json:"members"` // as page.Accelerators
	// Series have, for each member, accelerator and direction, their indexes, then step and sum again
	// and again, the steps as in page.Base.
	Series [][]any `json:"series"`
}

// rejects are the rejected lines by day and reason.
type rejects struct {
	Reasons []*string `json:"reasons"`
	Cells   [][3]any  `json:"cells"` // day in seconds since 1970 or null, index of the reason, lines
}

// axes give the indexes of coordinates.
type axes struct {
	unit                     unit
	steps                    map[int64]int
	accelerators, directions map[value]int
}

// maxGap is how many steps are at most made for a range in which some have no records.
const maxGap = 1500

// newAxes gives the axes of a page: its steps are all from the first to the last that has records,
// or, where those are too many, those that have records.
func newAxes(u unit, base cells, accelerators, directions []value) *axes {
	a := &axes{unit: u, steps: map[int64]int{}, accelerators: indexes(accelerators), directions: indexes(directions)}
	used := map[int64]bool{}
	for at := range base {
		if at.step != aside {
			used[at.step] = true
		}
	}
	steps := slices.Sorted(maps.Keys(used))
	if len(steps) > 0 {
		var every []int64
		last := steps[len(steps)-1]
		for t := time.Unix(steps[0], 0).UTC(); t.Unix() <= last && len(every) <= maxGap; t = u.next(t) {
			every = append(every, t.Unix())
		}
		if len(every) <= maxGap {
			steps = every
		}
	}
	for i, s := range steps {
		a.steps[s] = i
	}
	return a
}

// indexes gives the index of each value; that of others is behind them.
func indexes(values []value) map[value]int {
	m := map[value]int{others: len(values)}
	for i, v := range values {
		m[v] = i
	}
	return m
}

// list gives the steps.
func (a *axes) list() []int64 {
	steps := slices.AppendSeq([]int64{}, maps.Keys(a.steps)) // [] in JSON where there are none
	slices.Sort(steps)
	return steps
}

// step gives the index of a step.
func (a *axes) step(s int64) int {
	if s == aside {
		return len(a.steps)
	}
	return a.steps[s]
}

// base gives page.Base.
func (a *axes) base(c cells) [][]any {
	return a.series(c, nil, func(s *sums) []any { return []any{amount(s.rows), amount(s.bytes), amount(s.packets)} })
}

// cube gives the cube of a dimension.
func (a *axes) cube(c cells, members []value, size func(*sums) *big.Int) cube {
	return cube{
		Members: labels(members),
		Series:  a.series(c, indexes(members), func(s *sums) []any { return []any{amount(size(s))} }),
	}
}

// series gives cells as [cube.Series] has them; without the index of the member if members is nil.
func (a *axes) series(c cells, members map[value]int, numbers func(*sums) []any) [][]any {
	type cell struct {
		at   [4]int // member, accelerator, direction, step
		sums *sums
	}
	all := make([]cell, 0, len(c))
	for at, s := range c {
		all = append(all, cell{[4]int{members[at.member], a.accelerators[at.accelerator], a.directions[at.direction], a.step(at.step)}, s})
	}
	slices.SortFunc(all, func(x, y cell) int { return slices.Compare(x.at[:], y.at[:]) })
	series := [][]any{}
	previous := 0
	for i, x := range all {
		if i == 0 || !slices.Equal(all[i-1].at[:3], x.at[:3]) {
			head := []any{x.at[1], x.at[2]}
			if members != nil {
				head = []any{x.at[0], x.at[1], x.at[2]}
			}
			series = append(series, head)
			previous = 0
		}
		last := &series[len(series)-1]
		*last = append(append(*last, x.at[3]-previous), numbers(x.sums)...)
		previous = x.at[3]
	}
	return series
}

// rejectsOf puts the rejected lines in order: by reason, the most frequent first, and day.
func rejectsOf(lines map[rejectedKey]*big.Int) rejects {
	byReason := cells{}
	for at, n := range lines {
		byReason.add(coordinates{member: at.reason}, sums{n, new(big.Int), new(big.Int)})
	}
	reasons := byReason.ranked(func(at coordinates) value { return at.member }, ofRows)
	index := indexes(reasons)
	r := rejects{Reasons: labels(reasons), Cells: [][3]any{}}
	keys := slices.SortedFunc(maps.Keys(lines), func(x, y rejectedKey) int {
		return cmp.Or(cmp.Compare(index[x.reason], index[y.reason]), cmp.Compare(x.day, y.day))
	})
	for _, at := range keys {
		var d any
		if at.day != aside {
			d = at.day
		}
		r.Cells = append(r.Cells, [3]any{d, index[at.reason], amount(lines[at])})
	}
	return r
}

// labels gives values as the page shows them.
func labels(values []value) []*string {
	l := make([]*string, len(values))
	for i, v := range values {
		if !v.null {
			s := visible(v.text)
			l[i] = &s
		}
	}
	return l
}
