package columnar

import (
	"bytes"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/schema"
)

// A row group says by what its rows are sorted, and they are; and where it begins.
func TestRowGroupsTellTheirOrder(t *testing.T) {
	table := schema.GlobalAccelerator()
	sorted := table.Column(table.SortColumn)
	first, _ := sample(table, 5000, 3)
	second, _ := sample(table, 10, 4)
	for row := range 500 { // NULL wherever seeds lead
		first.Columns[sorted].SetNull(row * 10)
	}
	data := write(t, table, Options{RowGroupRows: 1000}, nil, first, second)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	_, rows, err := columnartest.Rows(data)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Metadata().RowGroups); n != 6 {
		t.Fatalf("%d row groups", n)
	}
	at := 0
	for g, group := range f.Metadata().RowGroups {
		if want := []format.SortingColumn{{ColumnIdx: int32(sorted)}}; !slices.Equal(group.SortingColumns, want) {
			t.Errorf("row group %d is sorted by %+v, want %+v", g, group.SortingColumns, want)
		}
		m := group.Columns[0].MetaData
		start := m.DataPageOffset
		if m.DictionaryPageOffset > 0 {
			start = m.DictionaryPageOffset
		}
		if group.FileOffset != start {
			t.Errorf("row group %d begins at %d, its first column at %d", g, group.FileOffset, start)
		}
		var texts []string
		nulls := 0
		for _, row := range rows[at : at+int(group.NumRows)] {
			switch {
			case row[sorted] == columnartest.Null:
				nulls++
			case nulls > 0:
				t.Fatalf("row group %d: a text follows NULL", g)
			default:
				texts = append(texts, row[sorted])
			}
		}
		if !slices.IsSorted(texts) { // quotes come before all that the texts hold
			t.Errorf("row group %d is not sorted", g)
		}
		at += int(group.NumRows)
	}

	rejected, _ := sample(table.Rejects(), 10, 1)
	data = write(t, table.Rejects(), Options{}, nil, rejected)
	if f, err = parquet.OpenFile(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	if order := f.Metadata().RowGroups[0].SortingColumns; len(order) > 0 {
		t.Errorf("rejects, which are in the order of the lines, are sorted by %+v", order)
	}
}
