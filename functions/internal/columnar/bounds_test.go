package columnar

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// A trap as well: page counts that are wrong across row groups.
//
// The index of a file tells of each page how many NULLs it has, and bounds that hold for each value:
// the values themselves up to the length where texts are cut.
func TestTrapPageIndexIsExactAcrossRowGroups(t *testing.T) {
	table := schema.GlobalAccelerator()
	first, _ := sample(table, 3*pageRows+17, 5)
	second, _ := sample(table, 20, 6)
	ascending := batch.New(table)
	ascending.Reset(0)
	ascending.Extend(3 * pageRows)
	for i := range ascending.Columns {
		c := &ascending.Columns[i]
		for row := range ascending.Rows {
			switch table.Columns[i].Type {
			case schema.String:
				c.SetText(row, fmt.Appendf(nil, "%08d", row/100))
			case schema.Int32:
				c.SetNumber(row, int64(row))
			default:
				c.SetNumber(row, int64(ascending.Rows-row))
			}
		}
	}
	checkIndex(t, write(t, table, Options{}, nil, first, second, ascending))
	checkIndex(t, write(t, table, Options{RowGroupRows: 10_000}, nil, first, ascending))

	rejects := table.Rejects()
	long := batch.New(rejects)
	long.Reset(0)
	long.Extend(2 * pageRows)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range long.Columns {
		c := &long.Columns[i]
		for row := range long.Rows {
			if rejects.Columns[i].Type == schema.String {
				texts := []string{"a", strings.Repeat("z", 200), strings.Repeat("é", 40), strings.Repeat("\U0010FFFF", 17), strings.Repeat("x", 63) + "\uD7FF" + "rest"}
				c.SetText(row, []byte(texts[r.IntN(len(texts))]))
			} else {
				c.SetNumber(row, r.Int64())
			}
		}
	}
	checkIndex(t, write(t, rejects, Options{}, nil, long))
}

func checkIndex(t *testing.T, data []byte) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	columns := len(f.Schema().Fields())
	for g, group := range f.RowGroups() {
		for c, chunk := range group.ColumnChunks() {
			name := fmt.Sprintf("row group %d, column %s", g, f.Schema().Columns()[c])
			kind := chunk.Type()
			index, places := f.ColumnIndexes()[g*columns+c], f.OffsetIndexes()[g*columns+c]
			pages := chunk.Pages()
			row, p := int64(0), 0
			var lows, highs []parquet.Value
			for ; ; p++ {
				page, err := pages.ReadPage()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(name, err)
				}
				values := make([]parquet.Value, page.NumValues())
				if n, err := page.Values().ReadValues(values); n < len(values) {
					t.Fatal(name, n, err)
				}
				if places.PageLocations[p].FirstRowIndex != row {
					t.Errorf("%s: page %d begins at row %d, the index says %d", name, p, row, places.PageLocations[p].FirstRowIndex)
				}
				row += page.NumRows()
				nulls := int64(0)
				var low, high parquet.Value
				if !index.NullPages[p] {
					low, high = kind.Kind().Value(index.MinValues[p]), kind.Kind().Value(index.MaxValues[p])
				}
				isLow, isHigh := false, false
				for _, v := range values {
					if v.IsNull() {
						nulls++
						continue
					}
					if kind.Compare(v, low) < 0 || kind.Compare(v, high) > 0 {
						t.Fatalf("%s: page %d holds %v, the index says %v to %v", name, p, v, low, high)
					}
					isLow = isLow || kind.Compare(v, low) == 0
					isHigh = isHigh || kind.Compare(v, high) == 0
				}
				if index.NullCounts[p] != nulls || index.NullPages[p] != (nulls == int64(len(values))) {
					t.Errorf("%s: page %d has %d NULLs among %d, the index says %d, %v", name, p, nulls, len(values), index.NullCounts[p], index.NullPages[p])
				}
				if index.NullPages[p] {
					continue
				}
				if !isLow && len(index.MinValues[p]) < maxBound-3 || !isHigh && len(index.MaxValues[p]) < maxBound-3 {
					t.Errorf("%s: page %d: bounds %v to %v are not among its values", name, p, low, high)
				}
				if len(index.MinValues[p]) > maxBound {
					t.Errorf("%s: page %d: bounds of %d bytes", name, p, len(index.MinValues[p]))
				}
				lows, highs = append(lows, low.Clone()), append(highs, high.Clone())
			}
			if p != len(places.PageLocations) {
				t.Errorf("%s has %d pages, the index %d", name, p, len(places.PageLocations))
			}
			ascending, descending := true, true
			for i := 1; i < len(lows); i++ {
				ascending = ascending && kind.Compare(lows[i-1], lows[i]) <= 0 && kind.Compare(highs[i-1], highs[i]) <= 0
				descending = descending && kind.Compare(lows[i-1], lows[i]) >= 0 && kind.Compare(highs[i-1], highs[i]) >= 0
			}
			if order := index.BoundaryOrder; order == format.Ascending && !ascending || order == format.Descending && !descending {
				t.Errorf("%s: bounds are not %v", name, order)
			} else if order == format.Unordered && (ascending || descending) && len(lows) > 1 && len(index.MinValues[0]) < maxBound-3 {
				t.Errorf("%s: bounds are in an order that the index does not tell", name)
			}
			// The chunk's statistics are exact or absent.
			s := f.Metadata().RowGroups[g].Columns[c].MetaData.Statistics
			if s.MinValue != nil && len(lows) > 0 {
				least, greatest := lows[0], highs[0]
				for i := range lows {
					if kind.Compare(lows[i], least) < 0 {
						least = lows[i]
					}
					if kind.Compare(highs[i], greatest) > 0 {
						greatest = highs[i]
					}
				}
				if kind.Compare(least, kind.Kind().Value(s.MinValue)) != 0 || kind.Compare(greatest, kind.Kind().Value(s.MaxValue)) != 0 {
					t.Errorf("%s: statistics %q to %q, pages %v to %v", name, s.MinValue, s.MaxValue, least, greatest)
				}
			}
		}
	}
}

func TestUpperBound(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"short", "short"},
		{strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{strings.Repeat("a", 65), strings.Repeat("a", 63) + "b"},
		{strings.Repeat("é", 33), strings.Repeat("é", 31) + "ê"},
		{strings.Repeat("a", 61) + "\uD7FFx", strings.Repeat("a", 61) + "\uE000"},
		{strings.Repeat("a", 60) + "\U0010FFFFx", strings.Repeat("a", 59) + "b"},
		{strings.Repeat("\U0010FFFF", 17), strings.Repeat("\U0010FFFF", 17)},
	} {
		if got := string(upperBound([]byte(test.value), true)); got != test.want || got < test.value {
			t.Errorf("upperBound(%q) = %q, want %q", test.value, got, test.want)
		}
	}
}
