package report

import (
	"math/big"
	"slices"
	"time"
)

// maxAccelerators and maxDirections are how many values of the filters are told apart.
const (
	maxAccelerators = 10
	maxDirections   = 4
)

// maxBase is how many cells time, accelerators and directions may make; steps get longer until they
// do.
const maxBase = 9000

// put puts the page together.
func (c *collector) put(slots *Slots) page {
	// Every record is in each cube without a filter but that of the clients, so any of those has the
	// accelerators, the directions and the steps.
	base := c.cubes["endpoints"].mapped(func(at coordinates) coordinates {
		at.member = value{}
		return at
	})
	accelerators := told(base.ranked(func(at coordinates) value { return at.accelerator }, ofBytes), maxAccelerators)
	directions := told(base.ranked(func(at coordinates) value { return at.direction }, ofBytes), maxDirections)
	merge := func(at coordinates) coordinates {
		if !slices.Contains(accelerators, at.accelerator) {
			at.accelerator = others
		}
		if !slices.Contains(directions, at.direction) {
			at.direction = others
		}
		if at.step != aside {
			at.step = c.unit.start(time.Unix(at.step, 0).UTC()).Unix()
		}
		return at
	}
	base = base.mapped(merge)
	folded, fits := c.fold(merge)
	for c.unit != year && (len(base) > maxBase || !fits) {
		c.unit = c.unit.coarser()
		base = base.mapped(merge)
		folded, fits = c.fold(merge)
	}

	p := c.all
	p.Table, p.Unit = c.table.Name, c.unit
	p.Totals.Clients = amount(c.clientCount)
	axes := newAxes(c.unit, base, accelerators, directions)
	p.Steps = axes.list()
	p.Accelerators, p.Directions = labels(accelerators), labels(directions)
	p.Base = axes.base(base)
	p.Cubes = map[string]cube{}
	for _, f := range folded {
		p.Cubes[f.name] = axes.cube(f.cells, f.members, f.size)
	}
	p.Rejects = rejectsOf(c.rejected)
	p.Slots = slots.put(accelerators)
	return p
}

// folded is a cube with no more cells than the page takes.
type folded struct {
	name    string
	cells   cells
	members []value // that it tells apart
	size    func(*sums) *big.Int
}

// fold gives the cubes, with their coordinates merged. It fits if each keeps as many members as the page
// promises.
func (c *collector) fold(merge func(coordinates) coordinates) (all []folded, fits bool) {
	fits = true
	for _, s := range append(scans(), scan{dimensions: []dimension{clients()}}) {
		for _, d := range s.dimensions {
			size := ofBytes
			if d.rows {
				size = ofRows
			}
			merged := c.cubes[d.name].mapped(merge)
			ranked := merged.ranked(func(at coordinates) value { return at.member }, size)
			members, kept := merged.fold(ranked, d.cells)
			fits = fits && len(members) >= min(d.least, len(ranked))
			all = append(all, folded{d.name, kept, members, size})
		}
	}
	return all, fits
}

func ofBytes(s *sums) *big.Int { return s.bytes }
func ofRows(s *sums) *big.Int  { return s.rows }

// told gives the first values, n of them, that are short enough to be told apart.
func told(ranked []value, n int) []value {
	short := slices.DeleteFunc(ranked, func(v value) bool { return len(v.text) > maxName })
	return short[:min(n, len(short))]
}
