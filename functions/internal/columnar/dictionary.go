package columnar

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/batch"
)

// A sorted dictionary costs a sort of its entries, few beside the rows, and makes the bounds of a
// page those of its ids.

// textDictionary sorts the texts of a batch's dictionary.
type textDictionary struct {
	source *batch.Dict
	keys   []textKey
	rank   []uint32 // by id in source: the place in the sorted order
	plain  []byte   // the texts in sorted order, each after its length
}

type textKey struct {
	prefix uint64 // the first eight bytes, so that most comparisons are of two numbers
	id     uint32
}

// build takes a dictionary over. It is valid until the next call, and as long as source is.
func (d *textDictionary) build(source *batch.Dict) {
	d.source, d.keys = source, d.keys[:0]
	for id := range source.Len() {
		var prefix [8]byte
		copy(prefix[:], source.Text(uint32(id)))
		d.keys = append(d.keys, textKey{binary.BigEndian.Uint64(prefix[:]), uint32(id)})
	}
	slices.SortFunc(d.keys, func(a, b textKey) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return bytes.Compare(source.Text(a.id), source.Text(b.id))
	})
	d.rank = resize(d.rank, len(d.keys))
	d.plain = d.plain[:0]
	for rank, key := range d.keys {
		d.rank[key.id] = uint32(rank)
		text := source.Text(key.id)
		d.plain = binary.LittleEndian.AppendUint32(d.plain, uint32(len(text)))
		d.plain = append(d.plain, text...)
	}
}

func (d *textDictionary) bound(rank int64) []byte { return d.source.Text(d.keys[rank].id) }

// numberDictionary numbers distinct numbers, and sorts them.
type numberDictionary struct {
	slots   []uint32 // open addressing; code + 1, 0 marks a free slot
	numbers []int64  // by code
	order   []uint32 // codes in the order of their numbers
	codes   []uint32 // by row
	rank    []uint32 // by code
	plain   []byte
	width   int // of a number in plain, bytes
}

// buildNumbers numbers the values. It gives false where there are so many distinct ones that a
// dictionary would not pay: more than half as many as rows.
func buildNumbers[T int32 | int64](d *numberDictionary, values []T, nulls []uint32) bool {
	most := len(values)/2 + 16
	d.slots = resize(d.slots, 1<<bits.Len(uint(2*most)))
	clear(d.slots)
	d.numbers, d.codes = d.numbers[:0], resize(d.codes, len(values))
	shift := uint(64 - bits.TrailingZeros(uint(len(d.slots))))
	mask := uint64(len(d.slots) - 1)
	last, lastCode := T(0), uint32(0)
	for row, v := range values {
		if len(nulls) > 0 && int(nulls[0]) == row {
			nulls = nulls[1:]
			d.codes[row] = 0
			continue
		}
		if v == last && len(d.numbers) > 0 { // neighbours often are alike
			d.codes[row] = lastCode
			continue
		}
		for i := uint64(v) * 0x9e3779b97f4a7c15 >> shift; ; i++ {
			slot := &d.slots[i&mask]
			if *slot == 0 {
				if len(d.numbers) == most {
					return false
				}
				d.numbers = append(d.numbers, int64(v))
				*slot = uint32(len(d.numbers))
			}
			if d.numbers[*slot-1] == int64(v) {
				last, lastCode = v, *slot-1
				break
			}
		}
		d.codes[row] = lastCode
	}
	d.order = d.order[:0]
	for code := range d.numbers {
		d.order = append(d.order, uint32(code))
	}
	slices.SortFunc(d.order, func(a, b uint32) int { return cmp.Compare(d.numbers[a], d.numbers[b]) })
	d.rank = resize(d.rank, len(d.numbers))
	d.plain = d.plain[:0]
	for rank, code := range d.order {
		d.rank[code] = uint32(rank)
		d.plain = appendNumber(d.plain, T(d.numbers[code]))
	}
	d.width = len(d.plain) / max(1, len(d.order))
	return true
}

func (d *numberDictionary) bound(rank int64) []byte {
	return d.plain[int(rank)*d.width : (int(rank)+1)*d.width]
}

// resize gives a slice of that length, of which nothing is known.
func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
