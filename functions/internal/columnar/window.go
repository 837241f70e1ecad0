package columnar

import (
	"unsafe"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// window is a batch on its way into row groups: its rows in their order in the file, and its texts in
// the order of their bytes. Its memory serves one batch after the other.
type window struct {
	batch  *batch.Batch
	order  []uint32         // rows of the batch, in the order in which they are written
	texts  []textDictionary // by column
	counts []uint32
	chunks []*chunk // by column, of the row group that is being encoded
	spare  []*chunk // all chunks that there are
}

// rowGroup is the part of a window that becomes a row group.
type rowGroup struct {
	*window
	rows  []uint32 // a part of order
	whole bool     // it is the only one of the window
}

// prepare takes a batch over: it sorts its texts and then its rows, with so many goroutines.
func (w *window) prepare(b *batch.Batch, threads int) {
	w.batch = b
	for len(w.texts) < len(b.Columns) {
		w.texts = append(w.texts, textDictionary{})
		w.spare = append(w.spare, new(chunk))
	}
	w.chunks = w.spare[:len(b.Columns)]
	var g errgroup.Group
	g.SetLimit(threads)
	for i := range b.Columns {
		if b.Table.Columns[i].Type == schema.String {
			g.Go(func() error {
				w.texts[i].build(&b.Columns[i].Dict)
				return nil
			})
		}
	}
	_ = g.Wait() // none of them fails
	w.order = resize(w.order, b.Rows)
	if sorted := b.Table.Column(b.Table.SortColumn); sorted >= 0 {
		w.sort(&b.Columns[sorted].Values, w.texts[sorted].rank)
		return
	}
	for row := range w.order {
		w.order[row] = uint32(row)
	}
}

// release forgets the batch.
func (w *window) release() {
	w.batch = nil
	for i := range w.texts {
		w.texts[i].source = nil
	}
}

// memory gives the bytes that the window holds on to.
func (w *window) memory() int {
	n := 4 * (cap(w.order) + cap(w.counts))
	for i := range w.texts {
		n += int(unsafe.Sizeof(textKey{}))*cap(w.texts[i].keys) + 4*cap(w.texts[i].rank)
	}
	for _, c := range w.spare {
		n += cap(c.bytes) + cap(c.bloom)
	}
	return n
}

// sort orders the rows by the ranks of a column's texts, NULL last, and otherwise as they are.
func (w *window) sort(v *batch.Values, rank []uint32) {
	switch v.Width() {
	case batch.Width8:
		w.counts = sortRows(w.order, w.counts, v.U8, rank)
	case batch.Width16:
		w.counts = sortRows(w.order, w.counts, v.U16, rank)
	default:
		w.counts = sortRows(w.order, w.counts, v.U32, rank)
	}
}

// sortRows is a counting sort: it counts the rows of each rank, and so knows where those of each begin.
func sortRows[T unsigned](order, counts []uint32, ids []T, rank []uint32) []uint32 {
	null := uint32(len(rank)) // behind all ranks, which start at 1
	counts = resize(counts, len(rank)+2)
	clear(counts)
	for _, id := range ids {
		r := rank[id]
		if r == 0 {
			r = null
		}
		counts[r+1]++
	}
	for r := 1; r < len(counts); r++ {
		counts[r] += counts[r-1]
	}
	for row, id := range ids {
		r := rank[id]
		if r == 0 {
			r = null
		}
		order[counts[r]] = uint32(row)
		counts[r]++
	}
	return counts
}

// groups cuts the window into row groups of so many rows; the last one takes a short rest along.
func (w *window) groups(rows int) []rowGroup {
	var groups []rowGroup
	for rest := w.order; len(rest) > 0; {
		n := min(rows, len(rest))
		if len(rest)-n < rows/4 {
			n = len(rest)
		}
		groups = append(groups, rowGroup{w, rest[:n], n == len(w.order)})
		rest = rest[n:]
	}
	return groups
}
