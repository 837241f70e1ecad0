package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver "duckdb"

	"github.com/flowlake/flowlake/schema"
)

// duckdbMain converts a gzip log to ZSTD Parquet, partitioned by year, month and day, as somebody
// would who has DuckDB at hand: arguments are input, output directory and threads.
func duckdbMain(ctx context.Context, args []string) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("duckdb: want input, output directory and threads, have %q", args)
	}
	in, out, threads := args[0], args[1], args[2]
	db, err := sql.Open("duckdb", "?threads="+threads)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, statement := range []string{
		"SET TimeZone = 'UTC'",
		"SET preserve_insertion_order = false", // lets it write while it reads, in less memory
		fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (year, month, day))", readText(in), quote(out)),
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil, nil
}

// readText gives the query that reads a gzip log with DuckDB's own CSV reader: our columns and the
// partition's.
func readText(in string) string {
	t := schema.GlobalAccelerator()
	var columns, selected []string
	for _, c := range t.Columns {
		kind := map[schema.Type]string{schema.String: "VARCHAR", schema.Int32: "INTEGER", schema.Int64: "BIGINT", schema.Timestamp: "BIGINT"}[c.Type]
		columns = append(columns, fmt.Sprintf("'%s': '%s'", c.Name, kind))
		if c.Type == schema.Timestamp {
			selected = append(selected, fmt.Sprintf("make_timestamp_ms(%s * 1000) AS %s", c.Name, c.Name))
		} else {
			selected = append(selected, c.Name)
		}
	}
	text := fmt.Sprintf("SELECT %s FROM read_csv(%s, delim = ' ', header = true, auto_detect = false, quote = '', escape = '', nullstr = ['-', ''], null_padding = true, columns = {%s})",
		strings.Join(selected, ", "), quote(in), strings.Join(columns, ", "))
	return fmt.Sprintf("SELECT *, strftime(%s, '%%Y') AS year, strftime(%s, '%%m') AS month, strftime(%s, '%%d') AS day FROM (%s)",
		t.TimeColumn, t.TimeColumn, t.TimeColumn, text)
}

// readParquet gives the query that reads all Parquet files below a directory, and the partition's
// columns from their paths.
func readParquet(dir string) string {
	return fmt.Sprintf("SELECT * FROM read_parquet(%s, hive_partitioning = true, hive_types_autocast = false)",
		quote(filepath.Join(dir, "**", "*.parquet")))
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
