package columnar

import (
	"github.com/parquet-go/parquet-go"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// stretch is the number of rows that are handed to the library at a time: their values fit a
// first-level cache, and a page is cut at most this much too late.
const stretch = 1024

// encoder hands columns to the library, value by value but without allocating. It is used by one
// goroutine at a time.
type encoder struct {
	values [stretch]parquet.Value
	dict   []parquet.Value // one prepared value for each entry of a dictionary
}

// column writes column i of a batch.
func (e *encoder) column(w *parquet.ColumnWriter, i int, b *batch.Batch) error {
	column := &b.Columns[i]
	kind := b.Table.Columns[i].Type
	if kind == schema.String {
		e.dict = e.dict[:0]
		for id := range column.Dict.Len() {
			e.dict = append(e.dict, parquet.ByteArrayValue(column.Dict.Text(uint32(id))).Level(0, 1, i))
		}
		if len(e.dict) == 0 { // every row is NULL and has id 0
			e.dict = append(e.dict, parquet.NullValue())
		}
	}
	null := parquet.NullValue().Level(0, 0, i)
	nulls := column.Nulls
	for from := 0; from < b.Rows; from += stretch {
		to := min(from+stretch, b.Rows)
		values := e.values[:to-from]
		switch kind {
		case schema.String:
			for j, id := range column.IDs[from:to] {
				values[j] = e.dict[id]
			}
		case schema.Int32:
			for j, v := range column.Int32s[from:to] {
				values[j] = parquet.Int32Value(v).Level(0, 1, i)
			}
		default:
			for j, v := range column.Int64s[from:to] {
				values[j] = parquet.Int64Value(v).Level(0, 1, i)
			}
		}
		for len(nulls) > 0 && int(nulls[0]) < to {
			values[int(nulls[0])-from] = null
			nulls = nulls[1:]
		}
		if _, err := w.WriteRowValues(values); err != nil {
			return err
		}
	}
	// The last page is compressed here, beside other columns, rather than by Commit.
	return w.Flush()
}
