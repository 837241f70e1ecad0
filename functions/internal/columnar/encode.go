package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// pageRows is the number of rows of a page, NULLs included. Pages are the unit in which readers skip
// rows by the index. All columns have the same rows in a page, so that a reader that skips one in a
// column skips whole ones in the others.
const pageRows = 32 << 10

// chunk is one column of a row group, encoded.
type chunk struct {
	bytes    []byte // the dictionary page, if there is one, and the data pages
	metadata format.ColumnMetaData
	index    pageIndex
}

// pageIndex holds the bounds and the places of a chunk's data pages.
type pageIndex struct {
	bounds format.ColumnIndex
	places format.OffsetIndex
}

// place moves the offsets, which so far count from the start of the chunk, to its place in the file.
func (c *chunk) place(offset int64) {
	m := &c.metadata
	m.DataPageOffset += offset
	if len(m.EncodingStats) > 0 && m.EncodingStats[0].PageType == format.DictionaryPage {
		m.DictionaryPageOffset = offset
	}
	for i := range c.index.places.PageLocations {
		c.index.places.PageLocations[i].Offset += offset
	}
}

// encoder encodes columns, one after the other. Its fields are memory that it keeps from one column
// to the next.
type encoder struct {
	codec Codec
	zstd  *zstd.Encoder // for Zstd

	header  bytes.Buffer
	thrift  *thrift.Encoder
	texts   textDictionary
	numbers numberDictionary
	ids     []int32
	plain   []byte // the values of one page
	pages   []page
	raw     []byte // all pages of a chunk
	packed  []byte // the same, compressed
}

func newEncoder(codec Codec) (*encoder, error) {
	e := &encoder{codec: codec}
	e.thrift = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.header))
	if codec == Zstd {
		var err error
		// The window is that of the largest pages, and smaller tables serve small pages as well.
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, fmt.Errorf("make a ZSTD encoder: %w", err)
		}
	}
	return e, nil
}

// compress appends the compressed form of src to dst.
func (e *encoder) compress(dst, src []byte) []byte {
	if e.codec == Zstd {
		return e.zstd.EncodeAll(src, dst)
	}
	at := len(dst)
	dst = slices.Grow(dst, snappy.MaxEncodedLen(len(src)))
	return dst[:at+len(snappy.Encode(dst[at:cap(dst)], src))]
}

// column encodes column i of a batch, with that codec, or with the better one of the encoder's and
// none where it is nil.
func (e *encoder) column(b *batch.Batch, i int, codec *format.CompressionCodec) (*chunk, error) {
	column, declared := &b.Columns[i], &b.Table.Columns[i]
	e.pages, e.raw = e.pages[:0], e.raw[:0]
	c := &chunk{metadata: format.ColumnMetaData{
		Type:         physicalType(declared.Type),
		PathInSchema: []string{declared.Name},
		NumValues:    int64(b.Rows),
		Statistics:   format.Statistics{NullCount: int64(len(column.Nulls))},
	}}
	var values encoding
	switch {
	case len(column.Nulls) == b.Rows:
		values = noValues{}
	case declared.Type == schema.String:
		e.texts.build(&column.Dict)
		values = dictionaryValues{e, e.texts.plain, column.IDs, e.texts.rank, e.texts.bound}
	case declared.Type == schema.Int32:
		values = numberValues(e, column.Int32s, column.Nulls, declared.Plain)
	default:
		values = numberValues(e, column.Int64s, column.Nulls, declared.Plain)
	}
	if dictionary, size := values.dictionary(); size > 0 {
		e.addPage(page{rows: size, dictionary: true}, dictionary)
	}
	nulls := column.Nulls
	for from := 0; from < b.Rows; from += pageRows {
		to := min(from+pageRows, b.Rows)
		n := 0
		for n < len(nulls) && int(nulls[n]) < to {
			n++
		}
		body, low, high := values.page(from, to, nulls[:n])
		e.addDataPage(page{firstRow: from, rows: to - from, nulls: n, low: low, high: high}, levels(nil, from, to, nulls[:n]), body)
		nulls = nulls[n:]
	}
	if err := e.finish(c, values, codec); err != nil {
		return nil, err
	}
	return c, nil
}

// encoding is how the values of a column are represented in its pages. Values are compared by keys:
// the order of keys is the order of values.
type encoding interface {
	// dictionary gives the dictionary page and its number of entries, 0 if there is none.
	dictionary() ([]byte, int)
	// page gives the body of the page of those rows, less the rows that are NULL, and the keys of
	// its least and greatest value. The body is valid until the next call.
	page(from, to int, nulls []uint32) (body []byte, low, high int64)
	// bound gives the value of a key in PLAIN encoding, a text without its length.
	bound(key int64) []byte
	// kind is the encoding's name in the format.
	kind() format.Encoding
}

// noValues encodes a column of nothing but NULL.
type noValues struct{}

func (noValues) dictionary() ([]byte, int)                      { return nil, 0 }
func (noValues) page(int, int, []uint32) ([]byte, int64, int64) { return nil, 0, 0 }
func (noValues) bound(int64) []byte                             { return nil }
func (noValues) kind() format.Encoding                          { return format.Plain }

// dictionaryValues encodes codes, one for each row, as the ranks that the codes have in a sorted
// dictionary. The keys are ranks.
type dictionaryValues struct {
	e      *encoder
	sorted []byte // the dictionary in PLAIN encoding
	codes  []uint32
	rank   []uint32
	bounds func(rank int64) []byte
}

func (d dictionaryValues) dictionary() ([]byte, int) { return d.sorted, len(d.rank) }
func (d dictionaryValues) bound(key int64) []byte    { return d.bounds(key) }
func (d dictionaryValues) kind() format.Encoding     { return format.RLEDictionary }

func (d dictionaryValues) page(from, to int, nulls []uint32) ([]byte, int64, int64) {
	ids := d.e.ids[:0]
	low, high := int32(1<<31-1), int32(-1)
	next := from
	for i := 0; ; i++ { // the rows between two NULLs, and behind the last
		end := to
		if i < len(nulls) {
			end = int(nulls[i])
		}
		for _, code := range d.codes[next:end] {
			id := int32(d.rank[code])
			low, high = min(low, id), max(high, id)
			ids = append(ids, id)
		}
		if i == len(nulls) {
			break
		}
		next = end + 1
	}
	d.e.ids = ids
	d.e.plain = appendIDs(d.e.plain[:0], ids, max(0, high))
	return d.e.plain, int64(low), int64(high)
}

// plainValues encodes numbers as they are. The keys are the numbers.
type plainValues[T int32 | int64] struct {
	e      *encoder
	values []T
}

func (plainValues[T]) dictionary() ([]byte, int) { return nil, 0 }
func (plainValues[T]) kind() format.Encoding     { return format.Plain }
func (plainValues[T]) bound(key int64) []byte    { return appendNumber(nil, T(key)) }

func (p plainValues[T]) page(from, to int, nulls []uint32) ([]byte, int64, int64) {
	out := p.e.plain[:0]
	low, high := int64(1<<63-1), int64(-1<<63)
	next := from
	for i := 0; ; i++ {
		end := to
		if i < len(nulls) {
			end = int(nulls[i])
		}
		for _, v := range p.values[next:end] {
			low, high = min(low, int64(v)), max(high, int64(v))
			out = appendNumber(out, v)
		}
		if i == len(nulls) {
			break
		}
		next = end + 1
	}
	p.e.plain = out
	return out, low, high
}

// appendNumber appends a number in PLAIN encoding: little endian, as wide as its type.
func appendNumber[T int32 | int64](b []byte, v T) []byte {
	switch v := any(v).(type) {
	case int32:
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	case int64:
		return binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// numberValues chooses the encoding of a column of numbers.
func numberValues[T int32 | int64](e *encoder, values []T, nulls []uint32, plain bool) encoding {
	if !plain && buildNumbers(&e.numbers, values, nulls) {
		return dictionaryValues{e, e.numbers.plain, e.numbers.codes, e.numbers.rank, e.numbers.bound}
	}
	return plainValues[T]{e, values}
}
