package columnar

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// File is what a Parquet file says of itself.
type File struct {
	Size      int64 // in bytes
	Rows      int64
	CreatedBy string
	Metadata  []Metadata
	Groups    []RowGroup
}

// RowGroup is one row group of a file.
type RowGroup struct {
	Rows    int64
	Columns []Chunk
}

// Chunk is one column of a row group.
type Chunk struct {
	Name string
	// Type is the physical type, with the annotation if there is one: INT64 TIMESTAMP(MILLIS).
	Type      string
	Codec     string
	Encodings []string // of its pages, dictionary page included
	Pages     int      // data pages
	Indexed   bool     // the file has bounds and places of each page
	Bloom     bool     // the file has a bloom filter for it
	Values    int64    // NULLs included
	Nulls     int64
	// Min and Max are the bounds of the values as text, "" where the file does not tell. Times are
	// RFC 3339 in UTC.
	Min, Max string
	// Compressed and Uncompressed are sizes in bytes, page headers included.
	Compressed, Uncompressed int64
}

// Inspect reads the footer and the index of a Parquet file of that size. It accepts files of any
// maker, and damaged ones, which are an error.
func Inspect(r io.ReaderAt, size int64) (file *File, err error) {
	defer func() { // the library trusts the lengths that a footer states
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("read footer: damaged: %v", p)
		}
	}()
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	m := f.Metadata()
	out := &File{Size: size, Rows: m.NumRows, CreatedBy: m.CreatedBy}
	for _, kv := range m.KeyValueMetadata {
		out.Metadata = append(out.Metadata, Metadata{kv.Key, kv.Value})
	}
	leaves := leafElements(m.Schema)
	offsetIndexes := f.OffsetIndexes()
	for g := range m.RowGroups {
		group := RowGroup{Rows: m.RowGroups[g].NumRows}
		for c := range m.RowGroups[g].Columns {
			chunk := describeChunk(&m.RowGroups[g].Columns[c], leaves[c])
			if at := g*len(leaves) + c; at < len(offsetIndexes) && chunk.Indexed {
				chunk.Pages = len(offsetIndexes[at].PageLocations)
			}
			group.Columns = append(group.Columns, chunk)
		}
		out.Groups = append(out.Groups, group)
	}
	return out, nil
}

func leafElements(elements []format.SchemaElement) []*format.SchemaElement {
	var leaves []*format.SchemaElement
	for i := range elements {
		if elements[i].Type.Valid {
			leaves = append(leaves, &elements[i])
		}
	}
	return leaves
}

func describeChunk(c *format.ColumnChunk, element *format.SchemaElement) Chunk {
	m := &c.MetaData
	chunk := Chunk{
		Name:         strings.Join(m.PathInSchema, "."),
		Type:         m.Type.String(),
		Codec:        m.Codec.String(),
		Indexed:      c.OffsetIndexOffset > 0 && c.ColumnIndexOffset > 0,
		Bloom:        m.BloomFilterOffset > 0,
		Values:       m.NumValues,
		Nulls:        m.Statistics.NullCount,
		Compressed:   m.TotalCompressedSize,
		Uncompressed: m.TotalUncompressedSize,
	}
	seen := map[format.Encoding]bool{}
	for _, s := range m.EncodingStats {
		if s.PageType == format.DictionaryPage {
			chunk.Encodings = slices.Insert(chunk.Encodings, 0, "DICTIONARY")
		} else if !seen[s.Encoding] {
			seen[s.Encoding] = true
			chunk.Encodings = append(chunk.Encodings, s.Encoding.String())
			chunk.Pages += int(s.Count)
		}
	}
	text := func(b []byte) string { return strconv.Quote(string(b)) }
	switch logical := element.LogicalType.Value.(type) {
	case *format.StringType:
		chunk.Type += " STRING"
		text = func(b []byte) string { return string(b) }
	case *format.TimestampType:
		unit := logical.Unit.Value
		chunk.Type += " TIMESTAMP(" + unit.String() + ")"
		perSecond := int64(time.Second / unit.Duration())
		text = func(b []byte) string {
			n := number(b)
			return time.Unix(n/perSecond, n%perSecond*int64(unit.Duration())).UTC().Format(time.RFC3339Nano)
		}
	default:
		if m.Type == format.Int32 || m.Type == format.Int64 {
			text = func(b []byte) string { return strconv.FormatInt(number(b), 10) }
		}
	}
	if m.Statistics.MinValue != nil {
		chunk.Min = text(m.Statistics.MinValue)
	}
	if m.Statistics.MaxValue != nil {
		chunk.Max = text(m.Statistics.MaxValue)
	}
	return chunk
}

// number reads a bound of an integer column.
func number(b []byte) int64 {
	switch len(b) {
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case 8:
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}
