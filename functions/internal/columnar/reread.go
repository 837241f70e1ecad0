package columnar

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Contents is what a Parquet file really holds.
type Contents struct {
	// Rows is the number of rows, which every column has.
	Rows int64
	// Metadata is what the writer noted.
	Metadata []Metadata
	// Columns are the columns, in their order.
	Columns []Column
	// Sums are the sums of the columns that were asked for, in their order. A NULL adds nothing.
	Sums []*big.Int
}

// Column is a column of a Parquet file.
type Column struct {
	// Name is the column's name, with those of the groups that it lies in in front.
	Name string
	// Type is the physical type with the annotation if there is one, such as INT64
	// TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS), and with REPEATED in front of lists.
	Type string
}

// Reread decodes every page of every column of a Parquet file of that size, by parquet-go's readers and by
// none of the code that writes here, and adds up the named columns, which are of integers. It checks each
// page's checksum, and that the rows, the NULLs and the sizes of all pages are what the footer says. The
// error says where the file is damaged, or is the reader's.
//
// Memory depends on the largest page and dictionary, if the footer is not damaged: the library makes room
// for the lists in it, of whatever length they say.
func Reread(r io.ReaderAt, size int64, sums []string) (c *Contents, err error) {
	defer func() { // the library trusts what it decodes
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("damaged: %v", p)
		}
	}()
	if err := checkTrailer(r, size); err != nil {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	m := f.Metadata()
	c = &Contents{Rows: m.NumRows}
	for _, kv := range m.KeyValueMetadata {
		c.Metadata = append(c.Metadata, Metadata{kv.Key, kv.Value})
	}
	columns := f.Schema().Columns()
	for i, element := range leafElements(m.Schema) {
		c.Columns = append(c.Columns, Column{strings.Join(columns[i], "."), describeType(element)})
	}
	byColumn := make([]*big.Int, len(columns)) // nil: not asked for
	for _, name := range sums {
		i := slices.IndexFunc(columns, func(path []string) bool { return len(path) == 1 && path[0] == name })
		if i < 0 {
			return nil, fmt.Errorf("no column %s", name)
		}
		if byColumn[i] == nil {
			byColumn[i] = new(big.Int)
		}
		c.Sums = append(c.Sums, byColumn[i])
	}
	var rows int64
	for g, group := range f.RowGroups() {
		said := &m.RowGroups[g]
		if len(said.Columns) != len(columns) {
			return nil, fmt.Errorf("row group %d: have %d columns, want %d", g, len(said.Columns), len(columns))
		}
		rows += said.NumRows
		for i, chunk := range group.ColumnChunks() {
			err := checkPages(r, size, &said.Columns[i].MetaData, said.NumRows)
			if err == nil {
				err = decode(chunk, said.NumRows, said.Columns[i].MetaData.Statistics.NullCount, byColumn[i])
			}
			if err != nil {
				return nil, fmt.Errorf("row group %d, column %s: %w", g, columns[i][0], err)
			}
		}
	}
	if rows != m.NumRows {
		return nil, fmt.Errorf("row groups have %d rows, the footer says %d", rows, m.NumRows)
	}
	return c, nil
}

// describeType gives the type of a column.
func describeType(e *format.SchemaElement) string {
	s := e.Type.V.String()
	if e.RepetitionType.V == format.Repeated {
		s = "REPEATED " + s
	}
	switch {
	case e.LogicalType.Value != nil:
		return s + " " + e.LogicalType.String()
	case e.ConvertedType.Valid: // of an older writer
		return s + fmt.Sprintf(" converted type %d", e.ConvertedType.V)
	}
	return s
}

// checkTrailer looks at the end of the file, because the library makes room for a footer of whatever
// length it says.
func checkTrailer(r io.ReaderAt, size int64) error {
	var trailer [8]byte // length of the footer, then PAR1
	if size < int64(len(magic)+len(trailer)) {
		return fmt.Errorf("file of %d bytes is cut off", size)
	}
	if n, err := r.ReadAt(trailer[:], size-int64(len(trailer))); n < len(trailer) {
		return err
	}
	if string(trailer[4:]) != magic {
		return errors.New("file does not end in PAR1: it is cut off or no Parquet")
	}
	if n := int64(binary.LittleEndian.Uint32(trailer[:])); n > size-int64(len(magic)+len(trailer)) {
		return fmt.Errorf("footer of %d bytes is longer than the file of %d", n, size)
	}
	return nil
}

// checkPages goes through the headers of a chunk's pages and holds them against the footer: places,
// sizes and rows. No checksum covers them, and the library makes room for whatever they say.
func checkPages(r io.ReaderAt, size int64, m *format.ColumnMetaData, rows int64) error {
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = m.DictionaryPageOffset
	}
	switch m.Codec {
	case format.Uncompressed, format.Snappy, format.Zstd:
	default: // the library's LZ4 makes ever more room for what is none
		return fmt.Errorf("codec %s is none of flowlake's", m.Codec)
	}
	if start < 0 || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size-start {
		return fmt.Errorf("%d bytes at %d reach beyond the file of %d", m.TotalCompressedSize, start, size)
	}
	chunk := io.NewSectionReader(r, start, m.TotalCompressedSize)
	in := bufio.NewReaderSize(chunk, 512)
	var at, raw, values int64 // at is the place in the chunk
	for at < m.TotalCompressedSize {
		if _, err := chunk.Seek(at, io.SeekStart); err != nil {
			return err
		}
		in.Reset(chunk)
		var h format.PageHeader
		if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(in)).Decode(&h); err != nil {
			return fmt.Errorf("page header at %d: %w", start+at, err)
		}
		read, err := chunk.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		header := read - int64(in.Buffered()) - at
		if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 {
			return fmt.Errorf("page at %d: damaged header", start+at)
		}
		at += header + int64(h.CompressedPageSize)
		raw += header + int64(h.UncompressedPageSize)
		if h.DataPageHeader.Valid {
			values += int64(h.DataPageHeader.V.NumValues)
		}
		if h.DataPageHeaderV2.Valid {
			values += int64(h.DataPageHeaderV2.V.NumValues)
		}
	}
	if at != m.TotalCompressedSize || raw != m.TotalUncompressedSize || values != rows {
		return fmt.Errorf("pages have %d bytes, inflated %d, with %d values; the footer says %d, %d and %d",
			at, raw, values, m.TotalCompressedSize, m.TotalUncompressedSize, rows)
	}
	return nil
}

// decode reads all values of a chunk, which must be so many, NULLs among them, and adds them to sum,
// unless it is nil.
func decode(chunk parquet.ColumnChunk, rows, nulls int64, sum *big.Int) error {
	pages := chunk.Pages()
	defer pages.Close()
	var gotRows, gotNulls int64
	var buf [256]parquet.Value
	term := new(big.Int)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		values := page.Values()
		for err == nil {
			var n int
			n, err = values.ReadValues(buf[:])
			gotRows += int64(n)
			for _, v := range buf[:n] {
				switch {
				case v.IsNull():
					gotNulls++
				case sum == nil:
				case v.Kind() == parquet.Int32:
					sum.Add(sum, term.SetInt64(int64(v.Int32())))
				case v.Kind() == parquet.Int64:
					sum.Add(sum, term.SetInt64(v.Int64()))
				default:
					return fmt.Errorf("want integers, have %s", v.Kind())
				}
			}
		}
		parquet.Release(page)
		if err != io.EOF {
			return err
		}
	}
	if gotRows != rows || gotNulls != nulls {
		return fmt.Errorf("have %d values, %d of them NULL; the footer says %d and %d", gotRows, gotNulls, rows, nulls)
	}
	return nil
}
