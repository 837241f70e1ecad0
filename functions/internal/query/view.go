package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowlake/flowlake/schema"
)

// pathColumn is the name under which read_parquet gives a file's path; no table has such a column. By
// another name DuckDB does not use it to skip files.
const pathColumn = "filename"

// createView gives the statement that makes a table's view: the schema's columns in their order, then
// the partition keys.
func createView(database string, t *schema.Table, l *listing) string {
	var selects []string
	if len(l.hive) > 0 {
		selects = append(selects, selectFiles(t, l.hive, l.keys()))
	}
	for _, p := range l.other {
		keys := make([]string, len(p.values))
		for i, v := range p.values {
			keys[i] = literal(v)
			if v == hiveNull {
				keys[i] = "CAST(NULL AS VARCHAR)"
			}
		}
		selects = append(selects, selectFiles(t, p.files, keys))
	}
	if len(selects) == 0 {
		selects = append(selects, selectNothing(t))
	}
	return fmt.Sprintf("CREATE VIEW %s.%s AS\n%s", identifier(database), identifier(t.Name), strings.Join(selects, "\nUNION ALL\n"))
}

// createAlias gives the statement that makes a view of a database's name over the one in main.
func createAlias(database string, t *schema.Table) string {
	return fmt.Sprintf("CREATE VIEW IF NOT EXISTS %s.%s AS FROM main.%s", identifier(database), identifier(t.Name), identifier(t.Name))
}

// selectFiles gives the query over files whose partition keys have those expressions.
func selectFiles(t *schema.Table, files, keys []string) string {
	var columns, declared []string
	for _, c := range t.Columns {
		name := identifier(c.Name)
		value := name
		if c.Type == schema.Timestamp {
			value = fmt.Sprintf("make_timestamp(epoch_us(%s))", name)
		}
		columns = append(columns, value+" AS "+name)
		declared = append(declared, fmt.Sprintf("%s: {name: %[1]s, type: %s, default_value: NULL}", literal(c.Name), literal(typesOf(c.Type).file)))
	}
	for i, k := range schema.PartitionKeys() {
		columns = append(columns, keys[i]+" AS "+identifier(k.Name))
	}
	return fmt.Sprintf("SELECT %s\nFROM read_parquet(%s, hive_partitioning = false, filename = %s, schema = MAP {%s})",
		strings.Join(columns, ", "), patterns(files), literal(pathColumn), strings.Join(declared, ", "))
}

// selectNothing gives a query with the columns of a table and no rows.
func selectNothing(t *schema.Table) string {
	var columns []string
	for _, c := range slices.Concat(t.Columns, schema.PartitionKeys()) {
		columns = append(columns, fmt.Sprintf("CAST(NULL AS %s) AS %s", typesOf(c.Type).view, identifier(c.Name)))
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE false"
}

// types are DuckDB's names for a column's type: in a file, where a timestamp is an instant, and in
// the view, where it is the wall clock of UTC, as Athena shows it.
type types struct{ file, view string }

func typesOf(t schema.Type) types {
	switch t {
	case schema.String:
		return types{"VARCHAR", "VARCHAR"}
	case schema.Int32:
		return types{"INTEGER", "INTEGER"}
	case schema.Int64:
		return types{"BIGINT", "BIGINT"}
	case schema.Timestamp:
		return types{"TIMESTAMP WITH TIME ZONE", "TIMESTAMP"}
	}
	panic(fmt.Sprintf("query: no type %d", t))
}
