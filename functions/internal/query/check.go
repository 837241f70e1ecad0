package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/flowlake/flowlake/schema"
)

// TypeError is a column of a file that has another type than the table's. DuckDB would cast what it
// can, and Athena would fail when it reads the column.
type TypeError struct {
	// File is the file's path.
	File string
	// Column is the column's name.
	Column string
	// Have and Want are the file's type and the table's.
	Have, Want string
}

// Error gives file, column and both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("file %s: column %s is %s, want %s", e.File, e.Column, e.Have, e.Want)
}

// checkTypes reads the footers of files and gives a [*TypeError] for the first one, by path, that has
// a column of the table with another type. Columns that are missing, or that the table does not have,
// are fine: Athena gives NULL for the ones and does not see the others.
//
// A timestamp must be in milliseconds, which is as fine as Athena reads, be it marked as UTC or not.
func checkTypes(ctx context.Context, c *conn, t *schema.Table, files []string) error {
	if len(files) == 0 {
		return nil
	}
	want := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		want[i] = fmt.Sprintf("(%s, %s)", literal(strings.ToLower(col.Name)), literal(parquetType(col.Type)))
	}
	rows, err := c.query(ctx, fmt.Sprintf(`
WITH file AS (
	SELECT file_name, name, CASE
		WHEN num_children IS NOT NULL THEN 'nested'
		WHEN duckdb_type LIKE 'TIMESTAMP%%' AND contains(logical_type, 'MILLIS=Milli') THEN 'TIMESTAMP(MILLIS)'
		WHEN duckdb_type LIKE 'TIMESTAMP%%' AND contains(logical_type, 'MICROS=Micro') THEN 'TIMESTAMP(MICROS)'
		WHEN duckdb_type LIKE 'TIMESTAMP%%' AND contains(logical_type, 'NANOS=Nano') THEN 'TIMESTAMP(NANOS)'
		WHEN duckdb_type LIKE 'TIMESTAMP%%' THEN coalesce(converted_type, type)
		ELSE duckdb_type
	END AS type
	FROM parquet_schema(%s)
	WHERE column_id > 0 -- not the root
)
SELECT file.file_name, file.name, file.type, want.type
FROM file JOIN (VALUES %s) AS want(name, type) ON lower(file.name) = want.name
WHERE file.type IS DISTINCT FROM want.type
ORDER BY ALL LIMIT 1`, patterns(files), strings.Join(want, ", ")))
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		v := rows.Values()
		return &TypeError{File: v[0].(string), Column: v[1].(string), Have: fmt.Sprint(v[2]), Want: v[3].(string)}
	}
	return rows.Err()
}

// parquetType gives the type that a file must have for a column, as checkTypes calls it.
func parquetType(t schema.Type) string {
	if t == schema.Timestamp {
		return "TIMESTAMP(MILLIS)"
	}
	return typesOf(t).file
}
