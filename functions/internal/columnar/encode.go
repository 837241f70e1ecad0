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

	"github.com/flowlake/flowlake/schema"
)

// pageRows is the number of rows of a page, NULLs included. Pages are the unit in which readers skip
// rows by the index. All columns have the same rows in a page, so that a reader that skips one in a
// column skips whole ones in the others.
//
// Numbers of 32 bits just fit a ZSTD block of 128 KiB: with 32,768 rows there is a second block, and
// encoding takes 4 % more time. Half as many rows make files 0.3 % larger.
const pageRows = 32_000

// chunk is one column of a row group, encoded. Its memory serves one row group after the other.
type chunk struct {
	bytes    []byte // the dictionary page, if there is one, and the data pages
	bloom    []byte // the bloom filter with its header, or nothing
	known    gathered
	metadata format.ColumnMetaData
	index    pageIndex
}

// reset empties the chunk. What the footer needs of the last row group is left to it.
func (c *chunk) reset() { *c = chunk{bytes: c.bytes[:0], bloom: c.bloom[:0]} }

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
	codes   []uint32 // by row: 0 for NULL, else a place in a dictionary, from 1 on
	numbers []uint64 // by row: 0 for NULL, else a number plus 1
	present []uint32 // by place in a dictionary
	ranks   []uint32 // of the texts in a row group
	sorted  numberDictionary
	entries []byte   // a dictionary page
	nulls   []uint32 // the rows of one page that are NULL
	ids     []int32  // the dictionary ids of one page
	levels  []byte   // which of its rows are NULL
	body    []byte   // the values of one page
	pages   []page
	raw     []byte // all pages of a chunk
	packed  []byte // the same, compressed
}

// memory gives the bytes that the encoder holds on to, apart from the codec's, which are bounded by its
// window.
func (e *encoder) memory() int {
	return cap(e.raw) + cap(e.packed) + cap(e.entries) + cap(e.body) + cap(e.levels) +
		4*(cap(e.codes)+cap(e.present)+cap(e.ranks)+cap(e.nulls)+cap(e.ids)) + 8*cap(e.numbers) + e.sorted.memory()
}

func newEncoder(codec Codec) (*encoder, error) {
	e := &encoder{codec: codec}
	e.thrift = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.header))
	if codec == Zstd {
		var err error
		// A smaller window takes as much time.
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

// column encodes column i of a row group into c, with that codec, or with the better one of the
// encoder's and none where it is nil.
func (e *encoder) column(c *chunk, g *rowGroup, i int, codec *format.CompressionCodec) error {
	declared := &g.batch.Table.Columns[i]
	c.reset()
	e.pages, e.raw = e.pages[:0], e.raw[:0]
	var values encoding
	if declared.Type == schema.String {
		values = e.texts(c, g, i)
		if declared.Bloom && len(e.ranks) > 0 {
			if err := e.addBloom(c, &g.texts[i], e.ranks); err != nil {
				return err
			}
		}
	} else {
		values = e.integers(c, g, i)
	}
	c.metadata.Type = physicalType(declared.Type)
	c.metadata.PathInSchema = []string{declared.Name}
	c.metadata.NumValues = int64(len(g.rows))
	if entries, n := values.dictionary(); n > 0 {
		e.addPage(page{rows: n, dictionary: true}, entries)
	}
	for from := 0; from < len(g.rows); from += pageRows {
		to := min(from+pageRows, len(g.rows))
		p := page{firstRow: from, rows: to - from}
		p.nulls, p.low, p.high = values.page(from, to)
		c.metadata.Statistics.NullCount += int64(p.nulls)
		e.addDataPage(p, e.levels, e.body)
	}
	return e.finish(c, values, codec)
}

// texts prepares the encoding of a text column.
func (e *encoder) texts(c *chunk, g *rowGroup, i int) encoding {
	d := &g.texts[i]
	e.ranks = e.ranks[:0]
	value := func(id int64) []byte { return d.text(e.ranks[id]) }
	if len(d.keys) == 0 {
		c.known.nulls = len(g.rows)
		return noValues{e}
	}
	values := &g.batch.Columns[i].Values
	if g.whole {
		for rank := range d.keys {
			e.ranks = append(e.ranks, uint32(rank+1))
		}
		e.putTexts(d)
		return textValues{dictionaryValues{e, c, len(e.ranks), value}, values, g.rows, d.rank}
	}
	// The dictionary has the texts of this row group only.
	e.codes = resize(e.codes, len(g.rows))
	c.known = gatherRanks(e.codes, values, g.rows, d.rank)
	if c.known.nulls == len(g.rows) {
		return noValues{e}
	}
	e.present = resize(e.present, len(d.keys)+1)
	clear(e.present)
	for _, rank := range e.codes {
		e.present[rank] = 1
	}
	for rank := range d.keys {
		if rank++; e.present[rank] != 0 {
			e.ranks = append(e.ranks, uint32(rank))
			e.present[rank] = uint32(len(e.ranks))
		}
	}
	e.present[0] = 0
	for row, rank := range e.codes {
		e.codes[row] = e.present[rank]
	}
	e.putTexts(d)
	return dictionaryValues{e, c, len(e.ranks), value}
}

// putTexts makes the dictionary page, of the texts of the ranks.
func (e *encoder) putTexts(d *textDictionary) {
	e.entries = e.entries[:0]
	for _, rank := range e.ranks {
		text := d.text(rank)
		e.entries = binary.LittleEndian.AppendUint32(e.entries, uint32(len(text)))
		e.entries = append(e.entries, text...)
	}
}

// integers prepares the encoding of a column of numbers, of which it chooses one.
func (e *encoder) integers(c *chunk, g *rowGroup, i int) encoding {
	declared, values := &g.batch.Table.Columns[i], &g.batch.Columns[i].Values
	put := putter(declared.Type)
	if declared.Plain {
		return plainValues{e, c, values, g.rows, put}
	}
	e.numbers, e.codes = resize(e.numbers, len(g.rows)), resize(e.codes, len(g.rows))
	c.known = gatherNumbers(e.numbers, values, g.rows)
	switch {
	case c.known.nulls == len(g.rows):
		return noValues{e}
	case !e.sorted.build(e.codes, e.numbers):
		c.known = gathered{}
		return plainValues{e, c, values, g.rows, put}
	}
	e.entries = put(e.entries[:0], e.sorted.numbers)
	numbers := e.sorted.numbers
	return dictionaryValues{e, c, len(numbers), func(id int64) []byte { return put(nil, numbers[id:id+1]) }}
}
