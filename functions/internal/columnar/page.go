package columnar

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// page is one page of a chunk, before its place in the file is known.
type page struct {
	dictionary bool
	firstRow   int
	rows       int // or the entries of a dictionary
	nulls      int
	low, high  int64 // keys of the bounds, meaningless where all rows are NULL
	raw        int   // end of the page's bytes in encoder.raw
}

// addPage appends a page of those bytes to the chunk.
func (e *encoder) addPage(p page, parts ...[]byte) {
	for _, part := range parts {
		e.raw = append(e.raw, part...)
	}
	p.raw = len(e.raw)
	e.pages = append(e.pages, p)
}

// addDataPage appends a data page: the length of its levels, the levels, the values.
func (e *encoder) addDataPage(p page, levels, values []byte) {
	e.addPage(p, binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels, values)
}

// levels appends the definition levels of so many rows: 0 for a NULL and 1 for a value, in runs (the
// RLE half of Parquet's RLE and bit-packing hybrid). A column without NULLs has one run.
func levels(b []byte, rows int, nulls []uint32) []byte {
	run := func(n int, level byte) {
		if n > 0 {
			b = append(binary.AppendUvarint(b, uint64(n)<<1), level)
		}
	}
	from := 0
	for i := 0; i < len(nulls); {
		first := int(nulls[i])
		last := first
		for i++; i < len(nulls) && int(nulls[i]) == last+1; i++ {
			last++
		}
		run(first-from, 1)
		run(last+1-first, 0)
		from = last + 1
	}
	run(rows-from, 1)
	return b
}

// noLevels appends the definition levels of so many rows that are all NULL.
func noLevels(b []byte, rows int) []byte {
	return append(binary.AppendUvarint(b, uint64(rows)<<1), 0)
}

// saves is how much of a chunk a codec must save to be worth the reader's time, one in so many.
const saves = 25

// pack compresses the pages with that codec, and gives their bytes and where each of them ends. Where
// the codec is nil, it chooses one by what the dictionary and the first data page come to: to compress
// everything first takes 1 % more time in all, and saves 0.2 % of the bytes.
func (e *encoder) pack(codec *format.CompressionCodec) (packed []byte, ends []int, chosen format.CompressionCodec) {
	own := map[Codec]format.CompressionCodec{Zstd: format.Zstd, Snappy: format.Snappy}[e.codec]
	if codec == nil || *codec == own {
		e.packed = e.packed[:0]
		start := 0
		for _, p := range e.pages {
			e.packed = e.compress(e.packed, e.raw[start:p.raw])
			ends, start = append(ends, len(e.packed)), p.raw
			if codec == nil && !p.dictionary {
				if len(e.packed) > start-start/saves {
					break
				}
				codec = &own
			}
		}
		if codec != nil {
			return e.packed, ends, own
		}
	}
	ends = ends[:0]
	for _, p := range e.pages {
		ends = append(ends, p.raw)
	}
	return e.raw, ends, format.Uncompressed
}

// finish gives the chunk its bytes, sizes, bounds and index, from the pages.
func (e *encoder) finish(c *chunk, values encoding, codec *format.CompressionCodec) error {
	m := &c.metadata
	var body []byte
	var ends []int
	body, ends, m.Codec = e.pack(codec)
	c.bytes = slices.Grow(c.bytes, len(body)+64*len(e.pages))
	rawStart, start := 0, 0 // of the page, in the raw and in the packed bytes
	for i, p := range e.pages {
		at := len(c.bytes)
		header := format.PageHeader{
			UncompressedPageSize: int32(p.raw - rawStart),
			CompressedPageSize:   int32(ends[i] - start),
			CRC:                  int32(crc32.ChecksumIEEE(body[start:ends[i]])),
		}
		if p.dictionary {
			header.Type = format.DictionaryPage
			header.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: int32(p.rows), Encoding: format.Plain, IsSorted: true})
		} else {
			header.DataPageHeader = thrift.New(format.DataPageHeader{NumValues: int32(p.rows), Encoding: values.kind(),
				DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
				Statistics: format.Statistics{NullCount: int64(p.nulls)}})
		}
		e.header.Reset()
		if err := e.thrift.Encode(&header); err != nil {
			return fmt.Errorf("page header: %w", err)
		}
		c.bytes = append(append(c.bytes, e.header.Bytes()...), body[start:ends[i]]...)
		m.TotalUncompressedSize += int64(e.header.Len() + p.raw - rawStart)
		if p.dictionary {
			m.DataPageOffset = int64(len(c.bytes))
			m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
		} else {
			c.index.places.PageLocations = append(c.index.places.PageLocations, format.PageLocation{
				Offset: int64(at), CompressedPageSize: int32(len(c.bytes) - at), FirstRowIndex: int64(p.firstRow)})
		}
		rawStart, start = p.raw, ends[i]
	}
	m.TotalCompressedSize = int64(len(c.bytes))
	m.Encoding = []format.Encoding{format.Plain, format.RLE}
	if values.kind() != format.Plain {
		m.Encoding = append(m.Encoding, values.kind())
	}
	m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DataPage, Encoding: values.kind(), Count: int32(len(c.index.places.PageLocations))})
	e.setBounds(c, values)
	return nil
}
