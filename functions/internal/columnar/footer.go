package columnar

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/schema"
)

// footer is what a file's footer must say: rows and nulls of every column in every row group.
type footer struct {
	table  *schema.Table
	groups []groupCounts
	rows   int64
}

type groupCounts struct {
	rows  int64
	nulls []int64 // by column
}

// add expects a row group.
func (f *footer) add(group *rowGroup) {
	g := groupCounts{rows: int64(len(group.rows)), nulls: make([]int64, len(group.chunks))}
	for i, c := range group.chunks {
		g.nulls[i] = int64(c.known.nulls)
	}
	f.groups = append(f.groups, g)
	f.rows += g.rows
}

// check reads the footer at the end of tail, the last bytes of a file of that size, and compares it
// with what is expected. It finds values that a column lost, row groups and pages that were counted
// wrongly, and chunks that lie outside the file: bugs that Parquet writers have had.
func (f *footer) check(tail []byte, size int64) error {
	const trailer = 8 // length of the footer, then PAR1
	if len(tail) < trailer || string(tail[len(tail)-4:]) != magic {
		return fmt.Errorf("file does not end in PAR1")
	}
	length := int(binary.LittleEndian.Uint32(tail[len(tail)-trailer:]))
	if length > len(tail)-trailer {
		return fmt.Errorf("footer of %d bytes is longer than the %d bytes written last", length, len(tail))
	}
	var m format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), tail[len(tail)-trailer-length:len(tail)-trailer], &m); err != nil {
		return err
	}
	if m.NumRows != f.rows || len(m.RowGroups) != len(f.groups) {
		return fmt.Errorf("have %d rows in %d row groups, want %d in %d", m.NumRows, len(m.RowGroups), f.rows, len(f.groups))
	}
	if len(m.Schema) != 1+len(f.table.Columns) {
		return fmt.Errorf("have %d columns, want %d", len(m.Schema)-1, len(f.table.Columns))
	}
	tailStart := size - int64(len(tail))
	for i, g := range m.RowGroups {
		want := f.groups[i]
		if g.NumRows != want.rows || len(g.Columns) != len(f.table.Columns) {
			return fmt.Errorf("row group %d: have %d rows of %d columns, want %d of %d", i, g.NumRows, len(g.Columns), want.rows, len(f.table.Columns))
		}
		for c := range g.Columns {
			if err := checkChunk(&g.Columns[c], f.table.Columns[c].Name, want.rows, want.nulls[c], tail, tailStart); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", i, f.table.Columns[c].Name, err)
			}
		}
	}
	return nil
}

func checkChunk(chunk *format.ColumnChunk, name string, rows, nulls int64, tail []byte, tailStart int64) error {
	m := &chunk.MetaData
	if len(m.PathInSchema) != 1 || m.PathInSchema[0] != name {
		return fmt.Errorf("chunk is of column %q", m.PathInSchema)
	}
	if m.NumValues != rows || m.Statistics.NullCount != nulls {
		return fmt.Errorf("have %d values, %d of them NULL, want %d and %d", m.NumValues, m.Statistics.NullCount, rows, nulls)
	}
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = m.DictionaryPageOffset
	}
	if start < 4 || start+m.TotalCompressedSize > chunk.ColumnIndexOffset {
		return fmt.Errorf("%d bytes at %d reach into the index at %d", m.TotalCompressedSize, start, chunk.ColumnIndexOffset)
	}
	// The offset index was written by Close, so it lies in the tail.
	at := chunk.OffsetIndexOffset - tailStart
	if at < 0 || at+int64(chunk.OffsetIndexLength) > int64(len(tail)) {
		return fmt.Errorf("offset index of %d bytes at %d lies outside the end of the file", chunk.OffsetIndexLength, chunk.OffsetIndexOffset)
	}
	var index format.OffsetIndex
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), tail[at:at+int64(chunk.OffsetIndexLength)], &index); err != nil {
		return fmt.Errorf("offset index: %w", err)
	}
	pages := index.PageLocations
	if len(pages) == 0 || pages[0].FirstRowIndex != 0 || pages[0].Offset != m.DataPageOffset {
		return fmt.Errorf("offset index of %d pages does not begin at row 0, byte %d", len(pages), m.DataPageOffset)
	}
	for i, p := range pages {
		next, nextRow := start+m.TotalCompressedSize, rows
		if i+1 < len(pages) {
			next, nextRow = pages[i+1].Offset, pages[i+1].FirstRowIndex
		}
		if p.Offset+int64(p.CompressedPageSize) != next || p.FirstRowIndex >= nextRow {
			return fmt.Errorf("page %d of %d: %d bytes at %d from row %d do not meet byte %d, row %d",
				i, len(pages), p.CompressedPageSize, p.Offset, p.FirstRowIndex, next, nextRow)
		}
	}
	return nil
}
