package catalogtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

func testDiffers(t *testing.T, c Catalog) {
	declared := schema.GlobalAccelerator()
	add(t, c, declared, days(declared, 0, 1), 1)
	for _, test := range []struct {
		name   string
		change func(columns []schema.Column) []schema.Column
		want   catalog.TableError
	}{
		{"type", func(columns []schema.Column) []schema.Column {
			columns[declared.Column("bytes")].Type = schema.Int32
			columns[declared.Column("endtime")].Type = schema.String
			return columns
		}, catalog.TableError{Column: "bytes", Declared: "int", Registered: "bigint"}},
		{"column missing in the catalog", func(columns []schema.Column) []schema.Column {
			return append(columns, schema.Column{Name: "tlsversion", Type: schema.String})
		}, catalog.TableError{Column: "tlsversion", Declared: "string"}},
		{"column missing in the declaration", func(columns []schema.Column) []schema.Column {
			return columns[:len(columns)-1]
		}, catalog.TableError{Column: "rejectreason", Registered: "string"}},
		{"other order", func(columns []schema.Column) []schema.Column {
			columns[0], columns[1] = columns[1], columns[0]
			return columns
		}, catalog.TableError{Column: "awsaccountid", Declared: "string, number 1", Registered: "string, number 2"}},
		{"other name", func(columns []schema.Column) []schema.Column {
			columns[3].Name = "srcaddr"
			return columns
		}, catalog.TableError{Column: "srcaddr", Declared: "string"}},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			table := *declared
			table.Columns = test.change(slices.Clone(declared.Columns))
			added, err := c.AddPartitions(t.Context(), &table, days(&table, 0, 2))
			if added != 0 {
				t.Errorf("AddPartitions adds %d", added)
			}
			test.want.Table = table.Name
			for call, err := range map[string]error{"AddPartitions": err, "EnsureTable": c.EnsureTable(t.Context(), &table)} {
				var got *catalog.TableError
				if !errors.As(err, &got) || *got != test.want || retryable(err) {
					t.Errorf("%s gives %v, want %v", call, err, &test.want)
					continue
				}
				for _, part := range []string{table.Name, test.want.Column, test.want.Declared, test.want.Registered} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%s gives %q, which does not tell of %q", call, err, part)
					}
				}
			}
		})
	}
	wantPartitions(t, c, declared, days(declared, 0, 1))
}

func testNoTable(t *testing.T, c Catalog) {
	table := schema.GlobalAccelerator()
	if err := c.EnsureTable(t.Context(), table.Rejects()); err != nil {
		t.Fatal(err)
	}
	_, list := c.Partitions(t.Context(), table)
	_, remove := c.RemovePartitions(t.Context(), table, days(table, 0, 1))
	for name, err := range map[string]error{"Partitions": list, "RemovePartitions": remove} {
		if !errors.Is(err, catalog.ErrNoTable) || retryable(err) || !strings.Contains(err.Error(), table.Name) {
			t.Errorf("%s gives %v, want one that is ErrNoTable, names the table and is not retryable", name, err)
		}
	}
}
