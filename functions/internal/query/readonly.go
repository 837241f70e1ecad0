package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// ErrNotQuery is the cause of the error that a statement gives that does more than read.
var ErrNotQuery = errors.New("not a single query: want one SELECT, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN of such a one (without ANALYZE)")

// refused is the error of a query with a function that may do more than read. It is [ErrNotQuery].
type refused string

func (f refused) Error() string {
	return fmt.Sprintf("function %s is refused; in FROM, want one of these: %s", string(f), strings.Join(readers, ", "))
}

func (refused) Is(target error) bool { return target == ErrNotQuery }

// readers are the functions that a query may read from. By others a SELECT changes a setting, which
// can end the process (a log to a file that cannot be written), runs a text as SQL, or reads memory by
// its address. A function that a later DuckDB brings is refused until it stands here.
var readers = []string{
	"duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_extensions", "duckdb_functions",
	"duckdb_keywords", "duckdb_memory", "duckdb_optimizers", "duckdb_schemas", "duckdb_settings",
	"duckdb_tables", "duckdb_temporary_files", "duckdb_types", "duckdb_views",
	"generate_series", "glob", "histogram", "histogram_values", "json_each", "json_tree",
	"parquet_bloom_probe", "parquet_file_metadata", "parquet_full_metadata", "parquet_kv_metadata",
	"parquet_metadata", "parquet_scan", "parquet_schema", "pg_timezone_names",
	"pragma_database_size", "pragma_table_info", "pragma_version",
	"range", "read_parquet", "repeat", "repeat_row", "summary", "test_all_types", "unnest",
}

// explained matches an EXPLAIN, perhaps with its format, and what it explains; before it may stand
// comments, but none in another, for those nest.
var explained = regexp.MustCompile(`(?is)^(?:\s|--[^\r\n]*[\r\n]|/\*(?:[^*/]|\*+[^*/]|/+[^*/])*\*+/)*(explain\b(?:\s*\(\s*format\s+\w+\s*\))?)(.*)$`)

// readOnly gives the text to run for a statement, and an error for one that does more than read.
//
// DuckDB itself takes the statement apart: who looks for words in it takes texts and names for calls,
// and overlooks a call that a comment hides. It only does that to what selects, so what an EXPLAIN
// explains is looked at by itself; it cannot begin with ANALYZE, or ANALYSE, which would run it.
func (c *conn) readOnly(ctx context.Context, sql string) (string, error) {
	if err := checkText(sql); err != nil {
		return "", err
	}
	selects := sql
	if m := explained.FindStringSubmatch(sql); m != nil {
		selects = m[2]
		sql = m[1] + selects // and not what stands before, which may not be the comment it looks like
	}
	statements, err := c.parse(ctx, selects)
	if err != nil {
		return "", err
	}
	if len(statements) != 1 {
		other, err := c.extract(sql) // which is an error where it is no SQL, or more than one statement
		if err == nil {
			duckdb.DestroyExtracted(&other)
			err = ErrNotQuery
		}
		return "", err
	}
	for name, from := range functionsOf(statements[0]) {
		if from && !slices.Contains(readers, strings.ToLower(name)) || strings.EqualFold(name, "json_serialize_plan") { // which plans a text
			return "", refused(name)
		}
	}
	return sql, nil
}

// parse gives the trees of statements that select, and none where there are others or it is no SQL.
func (c *conn) parse(ctx context.Context, sql string) ([]any, error) {
	rows, err := c.run(ctx, "SELECT json_serialize_sql("+literal(sql)+", skip_default := true, skip_null := true, skip_empty := true)::VARCHAR")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	var answer struct{ Statements []any }
	if err := json.Unmarshal([]byte(rows.Values()[0].(string)), &answer); err != nil {
		return nil, fmt.Errorf("take the statement apart: %w", err)
	}
	return answer.Statements, nil
}

// functionsOf gives the functions in a part of a tree, each as often as it stands there, and whether
// it stands in FROM.
func functionsOf(part any) iter.Seq2[string, bool] {
	return func(yield func(name string, from bool) bool) {
		var each func(part any) bool
		each = func(part any) bool {
			switch part := part.(type) {
			case []any:
				return !slices.ContainsFunc(part, func(p any) bool { return !each(p) })
			case map[string]any:
				function, from := part, part["type"] == "TABLE_FUNCTION"
				if from {
					function, _ = part["function"].(map[string]any)
				}
				name, named := function["function_name"].(string)
				if (from || named) && !yield(name, from) {
					return false
				}
				for _, p := range part {
					if !each(p) {
						return false
					}
				}
			}
			return true
		}
		each(part)
	}
}
