package columnar

import (
	"encoding/binary"
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// encoding is how the values of a column are represented in its pages. Values are compared by keys:
// the order of keys is the order of values.
type encoding interface {
	// dictionary gives the dictionary page and its number of entries, 0 if there is none.
	dictionary() ([]byte, int)
	// page puts the levels of the page of those rows and its body into the encoder, and gives the
	// number of NULLs and the keys of its least and greatest value.
	page(from, to int) (nulls int, low, high int64)
	// bound gives the value of a key in PLAIN encoding, a text without its length.
	bound(key int64) []byte
	// kind is the encoding's name in the format.
	kind() format.Encoding
}

// noValues encodes a column of nothing but NULL.
type noValues struct{ e *encoder }

func (noValues) dictionary() ([]byte, int) { return nil, 0 }
func (noValues) bound(int64) []byte        { return nil }
func (noValues) kind() format.Encoding     { return format.Plain }

func (v noValues) page(from, to int) (nulls int, low, high int64) {
	v.e.levels, v.e.body = noLevels(v.e.levels[:0], to-from), v.e.body[:0]
	return to - from, 0, 0
}

// dictionaryValues encodes the encoder's codes as ids in a sorted dictionary: a code is an id plus 1,
// or 0 for NULL. The keys are the ids.
type dictionaryValues struct {
	e     *encoder
	c     *chunk
	size  int // of the dictionary
	value func(id int64) []byte
}

func (d dictionaryValues) dictionary() ([]byte, int) { return d.e.entries, d.size }
func (d dictionaryValues) bound(key int64) []byte    { return d.value(key) }
func (d dictionaryValues) kind() format.Encoding     { return format.RLEDictionary }

func (d dictionaryValues) page(from, to int) (nulls int, least, greatest int64) {
	d.e.nulls = d.e.nulls[:0]
	if d.c.known.hasNulls(from, to) {
		d.e.nulls = appendNulls(d.e.nulls, d.e.codes[from:to])
	}
	d.e.levels = levels(d.e.levels[:0], to-from, d.e.nulls)
	ids := resize(d.e.ids, to-from)
	low, high := ^uint32(0), uint32(0)
	n := 0
	if len(d.e.nulls) == 0 {
		n = len(ids)
		for i, code := range d.e.codes[from:to] {
			low, high = min(low, code), max(high, code)
			ids[i] = int32(code) - 1
		}
	} else {
		// As in gatherIDs: NULLs are written too, and overwritten by the next value.
		for _, code := range d.e.codes[from:to] {
			low, high = min(low, code-1), max(high, code) // NULL is the greatest
			ids[n] = int32(code) - 1
			if code != 0 {
				n++
			}
		}
		low++
	}
	ids = ids[:n]
	d.e.ids = ids
	d.e.body = appendIDs(d.e.body[:0], ids, max(1, int32(high))-1)
	return len(d.e.nulls), int64(low) - 1, int64(high) - 1
}

// textValues encodes a column of texts whose dictionary is that of the batch, so that the ids of a page
// can be gathered at once.
type textValues struct {
	dictionaryValues
	values *batch.Values
	rows   []uint32
	rank   []uint32
}

func (t textValues) page(from, to int) (nulls int, low, high int64) {
	e, rows := t.e, t.rows[from:to]
	ids := resize(e.ids, len(rows))
	n, least, greatest := gatherIDs(ids, t.values, rows, t.rank)
	e.ids, e.nulls = ids[:n], e.nulls[:0]
	if n < len(rows) {
		for i, row := range rows {
			if t.values.At(int(row)) == 0 {
				e.nulls = append(e.nulls, uint32(i))
			}
		}
	}
	t.c.known.nulls += len(rows) - n
	e.levels = levels(e.levels[:0], len(rows), e.nulls)
	e.body = appendIDs(e.body[:0], e.ids, max(1, int32(greatest))-1)
	return len(e.nulls), int64(least) - 1, int64(greatest) - 1
}

// plainValues encodes numbers as they are. The keys are the numbers.
type plainValues struct {
	e      *encoder
	c      *chunk
	values *batch.Values
	rows   []uint32
	put    putNumbers
}

func (plainValues) dictionary() ([]byte, int) { return nil, 0 }
func (plainValues) kind() format.Encoding     { return format.Plain }
func (p plainValues) bound(key int64) []byte  { return p.put(nil, []uint64{uint64(key) + 1}) }

func (p plainValues) page(from, to int) (nulls int, low, high int64) {
	p.e.numbers = resize(p.e.numbers, to-from)
	numbers := p.e.numbers
	known := gatherNumbers(numbers, p.values, p.rows[from:to])
	p.e.nulls = p.e.nulls[:0]
	if known.nulls > 0 {
		p.e.nulls = appendNulls(p.e.nulls, numbers)
		numbers = slices.DeleteFunc(numbers, func(n uint64) bool { return n == 0 })
	}
	p.c.known.nulls += known.nulls
	p.e.levels = levels(p.e.levels[:0], to-from, p.e.nulls)
	p.e.body = p.put(p.e.body[:0], numbers)
	return len(p.e.nulls), int64(known.low) - 1, int64(known.high) - 1
}

func appendNulls[T unsigned](rows []uint32, values []T) []uint32 {
	for i, v := range values {
		if v == 0 {
			rows = append(rows, uint32(i))
		}
	}
	return rows
}

// putNumbers appends numbers, each of them plus 1, in PLAIN encoding.
type putNumbers func(b []byte, numbers []uint64) []byte

// putter gives how numbers of a type are represented: little endian, as wide as the physical type,
// times in milliseconds.
func putter(t schema.Type) putNumbers {
	switch t {
	case schema.Int32:
		return putInt32s
	case schema.Timestamp:
		return func(b []byte, numbers []uint64) []byte { return putInt64s(b, numbers, 1000) }
	}
	return func(b []byte, numbers []uint64) []byte { return putInt64s(b, numbers, 1) }
}

func putInt32s(b []byte, numbers []uint64) []byte {
	at := len(b)
	b = slices.Grow(b, 4*len(numbers))[:at+4*len(numbers)]
	for out := b[at:]; len(numbers) > 0; out, numbers = out[4:], numbers[1:] {
		binary.LittleEndian.PutUint32(out, uint32(numbers[0]-1))
	}
	return b
}

func putInt64s(b []byte, numbers []uint64, scale uint64) []byte {
	at := len(b)
	b = slices.Grow(b, 8*len(numbers))[:at+8*len(numbers)]
	for out := b[at:]; len(numbers) > 0; out, numbers = out[8:], numbers[1:] {
		binary.LittleEndian.PutUint64(out, (numbers[0]-1)*scale)
	}
	return b
}
