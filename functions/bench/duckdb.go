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
func duckdbMain(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("duckdb: want input, output directory and threads, have %q", args)
	}
	in, out, threads := args[0], strings.ReplaceAll(args[1], "'", "''"), args[2]
	db, err := sql.Open("duckdb", "?threads="+threads)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"SET TimeZone = 'UTC'",
		"SET preserve_insertion_order = false", // lets it write while it reads, in less memory
		fmt.Sprintf("COPY (SELECT *, strftime(starttime, '%%Y') AS year, strftime(starttime, '%%m') AS month, strftime(starttime, '%%d') AS day FROM (%s)) TO '%s' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (year, month, day))", readText(in), out),
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// readText gives the query that reads a gzip log with DuckDB's own CSV reader, with our columns.
func readText(in string) string {
	var columns, selected []string
	for _, c := range schema.GlobalAccelerator().Columns {
		kind := map[schema.Type]string{schema.String: "VARCHAR", schema.Int32: "INTEGER", schema.Int64: "BIGINT", schema.Timestamp: "BIGINT"}[c.Type]
		columns = append(columns, fmt.Sprintf("'%s': '%s'", c.Name, kind))
		if c.Type == schema.Timestamp {
			selected = append(selected, fmt.Sprintf("make_timestamp_ms(%s * 1000) AS %s", c.Name, c.Name))
		} else {
			selected = append(selected, c.Name)
		}
	}
	return fmt.Sprintf("SELECT %s FROM read_csv('%s', delim = ' ', header = true, auto_detect = false, quote = '', escape = '', nullstr = ['-', ''], null_padding = true, columns = {%s})",
		strings.Join(selected, ", "), strings.ReplaceAll(in, "'", "''"), strings.Join(columns, ", "))
}

// compare says whether two lakes hold the same rows: it compares, for each column, the number of
// values that are not NULL and the sum of their hashes, and of the partitions the same.
func compare(ctx context.Context, a, b string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	var sums []string
	for _, c := range append(schema.GlobalAccelerator().Columns, schema.PartitionKeys()...) {
		value := c.Name
		if c.Type == schema.Timestamp {
			value = "epoch_ms(" + c.Name + ")"
		}
		sums = append(sums, fmt.Sprintf("count(%s), sum(hash(%s)::HUGEINT)", c.Name, value))
	}
	fingerprint := func(dir string) (string, error) {
		query := fmt.Sprintf("SELECT (count(*), sum(hash(clientip, clientport, bytes, packets, direction, epoch_ms(starttime))::HUGEINT), %s)::VARCHAR FROM read_parquet('%s', hive_partitioning = true, hive_types_autocast = false)",
			strings.Join(sums, ", "), strings.ReplaceAll(filepath.Join(dir, "**", "*.parquet"), "'", "''"))
		var s string
		err := db.QueryRowContext(ctx, query).Scan(&s)
		return s, err
	}
	want, err := fingerprint(a)
	if err != nil {
		return err
	}
	got, err := fingerprint(b)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("they differ:\n%s\n%s", want, got)
	}
	return nil
}
