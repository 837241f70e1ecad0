package synth

import (
	"math/bits"
	"math/rand/v2"
)

// source draws random numbers. What it draws follows from its seed by integer arithmetic alone:
// PCG-DXSM as math/rand/v2 documents it, and multiplication.
type source struct{ pcg rand.PCG }

// Purposes of generators, the first of the numbers that a generator is derived from.
const (
	forClients = iota + 1
	forVPCs
	forEdges
	forAccelerator
	forPlan
	forFile
	forFileHash
)

// newSource gives a generator that is independent of those derived from any other numbers.
func newSource(from ...uint64) *source {
	s := new(source)
	s.seed(from...)
	return s
}

func (s *source) seed(from ...uint64) {
	d := digest(from...)
	s.pcg.Seed(d, mix(d))
}

// digest joins numbers into one in which every bit depends on every bit of theirs.
func digest(from ...uint64) uint64 {
	var d uint64
	for _, n := range from {
		d = mix(d ^ n)
	}
	return d
}

// mix is a step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// bits gives 64 random bits.
func (s *source) bits() uint64 { return s.pcg.Uint64() }

// below gives a number from 0 to n-1. The bias is under n in 2^64.
func (s *source) below(n uint64) uint64 {
	high, _ := bits.Mul64(s.pcg.Uint64(), n)
	return high
}

// oneIn gives true once in n times.
func (s *source) oneIn(n uint64) bool { return s.below(n) == 0 }

// hex appends n random hexadecimal digits, at most 16.
func (s *source) hex(b []byte, n int) []byte {
	for x := s.bits(); n > 0; n-- {
		b = append(b, "0123456789abcdef"[x>>60])
		x <<= 4
	}
	return b
}

// table picks indices in proportion to weights, each in the same short time: the alias method
// (Vose, "A linear algorithm for generating random numbers with a given distribution", 1991), in
// units of 2^-32.
type table []aliased

// aliased is an index's share of the table: with probability keep/2^32 that index, else the other.
type aliased struct{ keep, other uint32 }

// newTable gives the table of 1 to 2^31 weights, below 2^40 each, at least one of them not zero.
func newTable(weights []uint64) table {
	const one = 1 << 32 // the share of an index of average weight
	var total uint64
	for _, w := range weights {
		total += w
	}
	t := make(table, len(weights))
	shares := make([]uint64, len(weights))
	var poor, rich []uint32
	for i, w := range weights {
		high, low := bits.Mul64(w, uint64(len(weights))*one)
		shares[i], _ = bits.Div64(high, low, total)
		t[i].other = uint32(i)
		if shares[i] < one {
			poor = append(poor, uint32(i))
		} else {
			rich = append(rich, uint32(i))
		}
	}
	for len(poor) > 0 && len(rich) > 0 {
		p, r := poor[len(poor)-1], rich[len(rich)-1]
		poor = poor[:len(poor)-1]
		t[p] = aliased{keep: uint32(shares[p]), other: r}
		shares[r] -= one - shares[p]
		if shares[r] < one {
			rich = rich[:len(rich)-1]
			poor = append(poor, r)
		}
	}
	return t // what is left, rounding made poor or rich: it keeps its whole share
}

func (t table) pick(s *source) int {
	x := s.bits()
	i := (x >> 32) * uint64(len(t)) >> 32
	if uint32(x) < t[i].keep {
		return int(i)
	}
	return int(t[i].other)
}

// band is a range of numbers, high excluded, that are equally probable.
type band struct{ weight, low, high uint64 }

// bands draws numbers from a distribution that is given band by band.
type bands struct {
	table table
	rows  []band
}

func newBands(rows []band) bands {
	weights := make([]uint64, len(rows))
	for i, r := range rows {
		weights[i] = r.weight
	}
	return bands{newTable(weights), rows}
}

func (b *bands) draw(s *source) uint64 {
	r := &b.rows[b.table.pick(s)]
	return r.low + s.below(r.high-r.low)
}
