package columnar

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/batch"
)

// Dictionaries are sorted: that costs a sort of their entries, few beside the rows, and makes the
// bounds of a page those of its ids.

// textDictionary is the dictionary of a batch's column, sorted.
type textDictionary struct {
	source *batch.Dict
	keys   []textKey
	rank   []uint32 // by id in source: the place in the sorted order from 1 on; 0 for NULL's id
}

type textKey struct {
	high, low uint64 // the first 16 bytes, so that nearly all comparisons are of numbers
	id        uint32
}

// build takes a dictionary over. It is valid until the next call, and as long as source is.
func (d *textDictionary) build(source *batch.Dict) {
	d.source, d.keys = source, resize(d.keys, source.Len())
	for i := range d.keys {
		var prefix [16]byte
		copy(prefix[:], source.Text(uint32(i+1)))
		d.keys[i] = textKey{binary.BigEndian.Uint64(prefix[:]), binary.BigEndian.Uint64(prefix[8:]), uint32(i + 1)}
	}
	slices.SortFunc(d.keys, func(a, b textKey) int {
		switch {
		case a.high != b.high:
			return cmp.Compare(a.high, b.high)
		case a.low != b.low:
			return cmp.Compare(a.low, b.low)
		}
		return bytes.Compare(source.Text(a.id), source.Text(b.id))
	})
	d.rank = resize(d.rank, len(d.keys)+1)
	d.rank[0] = 0
	for i, key := range d.keys {
		d.rank[key.id] = uint32(i + 1)
	}
}

// text gives the text of a rank.
func (d *textDictionary) text(rank uint32) []byte { return d.source.Text(d.keys[rank-1].id) }

// numberDictionary is the dictionary of a row group's numbers.
type numberDictionary struct {
	numbers []uint64 // sorted
	places  []uint32 // by code: the place in numbers from 1 on; the code 0 is NULL's
	slots   []uint32 // open addressing; code, 0 marks a free slot
	keys    []numberKey
}

type numberKey struct {
	number uint64
	code   uint32
}

// build sets codes to the place of each number among the distinct ones, from 1 on, and to 0 for a
// NULL, which is 0 among the numbers. It gives false where there are so many distinct numbers that a
// dictionary would not pay: more than half as many as rows.
func (d *numberDictionary) build(codes []uint32, numbers []uint64) bool {
	most := len(numbers)/2 + 16
	d.slots = resize(d.slots, 1<<bits.Len(uint(2*most)))
	clear(d.slots)
	d.keys = d.keys[:0]
	shift := uint(64 - bits.TrailingZeros(uint(len(d.slots))))
	mask := uint64(len(d.slots) - 1)
	for row, n := range numbers {
		if n == 0 {
			codes[row] = 0
			continue
		}
		for i := n * 0x9e3779b97f4a7c15 >> (shift & 63); ; i++ {
			slot := &d.slots[i&mask]
			if *slot == 0 {
				if len(d.keys) == most {
					return false
				}
				*slot = uint32(len(d.keys) + 1)
				d.keys = append(d.keys, numberKey{n, *slot})
			}
			if d.keys[*slot-1].number == n {
				codes[row] = *slot
				break
			}
		}
	}
	slices.SortFunc(d.keys, func(a, b numberKey) int { return cmp.Compare(a.number, b.number) })
	d.places = resize(d.places, len(d.keys)+1)
	d.places[0] = 0
	d.numbers = d.numbers[:0]
	for _, key := range d.keys {
		d.numbers = append(d.numbers, key.number)
		d.places[key.code] = uint32(len(d.numbers))
	}
	for row, code := range codes {
		codes[row] = d.places[code]
	}
	return true
}

// memory gives the bytes that the dictionary holds on to.
func (d *numberDictionary) memory() int {
	return 8*cap(d.numbers) + 4*(cap(d.places)+cap(d.slots)) + 16*cap(d.keys)
}

// resize gives a slice of that length, of which nothing is known.
func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
