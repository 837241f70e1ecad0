package columnar

import (
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// The check of a finished file finds each kind of difference between what was written and what the
// footer says.
func TestFooterCheckFindsDifferences(t *testing.T) {
	table := schema.GlobalAccelerator()
	first, _ := sample(table, 20_000, 1)
	second, _ := sample(table, 30, 2)
	data := write(t, table, Options{}, nil, first, second)
	expect := func() footer {
		f := footer{table: table}
		for _, b := range []*batch.Batch{first, second} {
			g := groupCounts{rows: int64(b.Rows), nulls: make([]int64, len(b.Columns))}
			for c := range b.Columns {
				for row := range b.Rows {
					if b.Columns[c].IsNull(row) {
						g.nulls[c]++
					}
				}
			}
			f.groups = append(f.groups, g)
			f.rows += g.rows
		}
		return f
	}
	f := expect()
	if err := f.check(data, int64(len(data))); err != nil {
		t.Fatalf("of a good file: %v", err)
	}
	for _, test := range []struct {
		name   string
		change func(f *footer, data []byte) []byte
		want   string
	}{
		{"a row group too few", func(f *footer, data []byte) []byte { f.groups = f.groups[:1]; return data }, "row groups"},
		{"a row lost", func(f *footer, data []byte) []byte { f.rows++; return data }, "rows"},
		{"rows in the wrong row group", func(f *footer, data []byte) []byte { f.groups[0].rows++; f.groups[1].rows--; return data }, "row group 0"},
		{"a NULL more", func(f *footer, data []byte) []byte { f.groups[1].nulls[3]++; return data }, "column clientip"},
		{"another table", func(f *footer, data []byte) []byte { f.table = table.Rejects(); return data }, "columns"},
		{"cut off", func(f *footer, data []byte) []byte { return data[:len(data)-1] }, "PAR1"},
		{"cut in front", func(f *footer, data []byte) []byte { return data[len(data)-100:] }, "longer than"},
		{"bytes missing in the middle", func(f *footer, data []byte) []byte { return append(data[:100:100], data[200:]...) }, ""},
	} {
		f := expect()
		changed := test.change(&f, data)
		if err := f.check(changed, int64(len(changed))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}
