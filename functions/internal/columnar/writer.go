package columnar

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// Writer writes one Parquet file. It is used by one goroutine. Between row groups it holds nothing
// but the index of those that are written.
type Writer struct {
	pool   *Pool
	table  *schema.Table
	out    *tailWriter
	codecs []format.CompressionCodec // by column, as the first row group chose them
	groups []format.RowGroup
	pages  [][]pageIndex // by row group and column
	want   footer
}

// maxGroups bounds the row groups of a file, whose index is held in memory until the file ends: some
// 20 KB for each.
const maxGroups = 4096

// errTooManyGroups says that the rows come in too small row groups: because of the settings, of too many
// days, or of too long texts in one file.
type errTooManyGroups struct{}

func (errTooManyGroups) Error() string {
	return fmt.Sprintf("want at most %d row groups in a file: too few rows in a row group or sorted together, too many days, or too long texts", maxGroups)
}

// Retryable says that trying again cannot help.
func (errTooManyGroups) Retryable() bool { return false }

// magic begins and ends a Parquet file.
const magic = "PAR1"

// Write writes a batch, sorted by the table's sort column, as one or more row groups, with at most so
// many goroutines; 0 stands for 1. Their number does not change the bytes. The batch may be reused when
// Write returns.
func (w *Writer) Write(b *batch.Batch, threads int) error {
	threads = max(1, threads)
	if b.Rows == 0 {
		return nil
	}
	window := w.pool.window()
	defer w.pool.putWindow(window)
	window.prepare(b, threads)
	for _, g := range window.groups(w.pool.rows) {
		if err := w.group(&g, threads); err != nil {
			return err
		}
	}
	return nil
}

// group writes a row group.
func (w *Writer) group(group *rowGroup, threads int) error {
	if len(w.groups) == maxGroups {
		return errTooManyGroups{}
	}
	if err := w.encode(group, threads); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	g := format.RowGroup{
		NumRows:    int64(len(group.rows)),
		FileOffset: w.out.size,
		Ordinal:    int16(len(w.groups)),
		Columns:    make([]format.ColumnChunk, len(group.chunks)),
	}
	if sorted := w.table.Column(w.table.SortColumn); sorted >= 0 {
		g.SortingColumns = []format.SortingColumn{{ColumnIdx: int32(sorted)}}
	}
	index := make([]pageIndex, len(group.chunks))
	for _, c := range group.chunks {
		c.place(w.out.size)
		if _, err := w.out.Write(c.bytes); err != nil {
			return fmt.Errorf("write row group: %w", err)
		}
		g.TotalByteSize += c.metadata.TotalUncompressedSize
		g.TotalCompressedSize += c.metadata.TotalCompressedSize
	}
	for i, c := range group.chunks {
		if len(c.bloom) > 0 {
			c.metadata.BloomFilterOffset, c.metadata.BloomFilterLength = w.out.size, int32(len(c.bloom))
			if _, err := w.out.Write(c.bloom); err != nil {
				return fmt.Errorf("write bloom filter: %w", err)
			}
		}
		g.Columns[i].MetaData = c.metadata
		index[i] = c.index
	}
	if w.codecs == nil {
		for _, c := range group.chunks {
			w.codecs = append(w.codecs, c.metadata.Codec)
		}
	}
	w.groups = append(w.groups, g)
	w.pages = append(w.pages, index)
	w.want.add(group)
	return nil
}

// begin writes the beginning of the file, once.
func (w *Writer) begin() error {
	if w.out.size > 0 {
		return nil
	}
	if _, err := io.WriteString(w.out, magic); err != nil {
		return fmt.Errorf("begin file: %w", err)
	}
	return nil
}

// encode encodes the columns of a row group, several at the same time.
func (w *Writer) encode(group *rowGroup, threads int) error {
	// Columns go to whichever encoder is free, those that take long first, so that all encoders end
	// at about the same time. A chunk's bytes do not depend on its encoder.
	columns := make(chan int, len(w.table.Columns))
	for _, plain := range []bool{true, false} {
		for i := range w.table.Columns {
			if w.table.Columns[i].Plain == plain {
				columns <- i
			}
		}
	}
	close(columns)
	var g errgroup.Group
	for range min(threads, len(w.table.Columns)) {
		g.Go(func() error {
			e, err := w.pool.get()
			if err != nil {
				return err
			}
			defer w.pool.put(e)
			for i := range columns {
				if err := e.column(group.chunks[i], group, i, w.codec(i)); err != nil {
					return fmt.Errorf("encode column %s: %w", w.table.Columns[i].Name, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// codec gives the codec that a column has in the row groups so far, or nil if there is none yet. The
// format lets every chunk have its own, but some readers, parquet-go's among them, take the first
// chunk's for that of the whole column.
func (w *Writer) codec(column int) *format.CompressionCodec {
	if w.codecs == nil {
		return nil
	}
	return &w.codecs[column]
}

// Metadata is a key and its value in a file's footer.
type Metadata struct{ Key, Value string }

// Close ends the file with its index and its footer, which carries the metadata, ordered by key. It
// then reads the footer back and compares it with what was written, column by column; a file that
// differs must not be published. It gives the size of the file in bytes.
func (w *Writer) Close(metadata []Metadata) (size int64, err error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	metadata = slices.SortedFunc(slices.Values(metadata), func(a, b Metadata) int { return strings.Compare(a.Key, b.Key) })
	w.out.keep = true
	if err := w.writeFooter(metadata); err != nil {
		return 0, fmt.Errorf("write footer: %w", err)
	}
	if err := w.want.check(w.out.tail, w.out.size); err != nil {
		return 0, fmt.Errorf("check footer: %w", err)
	}
	return w.out.size, nil
}

// tailWriter counts what is written, and keeps it once keep is set.
type tailWriter struct {
	w    io.Writer
	size int64
	keep bool
	tail []byte
}

func (t *tailWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.size += int64(n)
	if t.keep {
		t.tail = append(t.tail, p[:n]...)
	}
	return n, err
}
