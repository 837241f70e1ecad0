package columnar

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// Options says how to write.
type Options struct {
	// Codec compresses pages; the zero value stands for [Zstd].
	Codec Codec
	// Threads is the number of columns that are encoded at the same time; 0 stands for 1. It does
	// not change the bytes.
	Threads int
}

// pageBytes is the size of a data page before compression. Pages are the unit in which readers skip
// rows by the page index.
const pageBytes = 256 << 10

// Writer writes one Parquet file. It is used by one goroutine.
type Writer struct {
	table   *schema.Table
	threads int
	out     *tailWriter
	file    *parquet.GenericWriter[any]
	group   *parquet.ConcurrentRowGroupWriter // of the last row group, whose buffers the next reuses
	workers []*encoder
	want    footer
}

// NewWriter begins a file. Bytes go to w as row groups are finished; w sees no other calls than
// Write. A file without a row group is valid, too.
func NewWriter(w io.Writer, t *schema.Table, o Options) (*Writer, error) {
	codec, err := o.Codec.codec()
	if err != nil {
		return nil, err
	}
	wr := &Writer{table: t, threads: max(1, o.Threads), out: &tailWriter{w: w}, want: newFooter(t)}
	wr.file = parquet.NewGenericWriter[any](wr.out,
		parquetSchema(t),
		parquet.Compression(codec),
		parquet.CreatedBy("flowlake", "1", "0"),
		parquet.DataPageVersion(1),
		parquet.DataPageStatistics(false),
		parquet.PageBufferSize(pageBytes),
		parquet.ColumnIndexSizeLimit(func([]string) int { return maxBound }),
	)
	return wr, nil
}

// maxBound is where the index cuts the bounds of text, in bytes.
const maxBound = 64

// Write writes a batch as one row group. The batch may be reused when Write returns.
func (w *Writer) Write(b *batch.Batch) error {
	if b.Rows == 0 {
		return nil
	}
	if w.group == nil {
		w.group = w.file.BeginRowGroup()
	}
	for len(w.workers) < w.threads {
		w.workers = append(w.workers, new(encoder))
	}
	// Columns go to whichever worker is free; a column's bytes do not depend on its worker.
	columns := make(chan int, len(b.Columns))
	for i := range b.Columns {
		columns <- i
	}
	close(columns)
	writers := w.group.ColumnWriters()
	var g errgroup.Group
	for _, worker := range w.workers {
		g.Go(func() error {
			for i := range columns {
				if err := worker.column(writers[i], i, b); err != nil {
					return fmt.Errorf("encode column %s: %w", w.table.Columns[i].Name, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if _, err := w.group.Commit(); err != nil {
		return fmt.Errorf("write row group: %w", err)
	}
	w.want.add(b)
	return nil
}

// Release drops the buffers that are kept for the next row group. Call it where the next row group
// may be long in coming.
func (w *Writer) Release() { w.group, w.workers = nil, nil }

// Metadata is a key and its value in a file's footer.
type Metadata struct{ Key, Value string }

// Close ends the file with its index and its footer, which carries the metadata in the given order.
// It then reads the footer back and compares it with what was written, column by column; a file that
// differs must not be published. It gives the size of the file in bytes.
func (w *Writer) Close(metadata []Metadata) (size int64, err error) {
	for _, m := range metadata {
		w.file.SetKeyValueMetadata(m.Key, m.Value)
	}
	w.out.keep = true
	if err := w.file.Close(); err != nil {
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
