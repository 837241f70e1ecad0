package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// written runs a query into a file, and gives a connection by which to read the file, as the table
// written.
func written(t *testing.T, sql string) (n int64, read *conn, err error) {
	t.Helper()
	l := newLake(t, t.TempDir())
	l.write(l9, "a.parquet", "clientip, bytes, starttime", "('10.0.0.2', 4000000000, TIMESTAMP '2026-01-09 00:00:01')", "('10.0.0.1', NULL, NULL)")
	l.register(day(9))
	temp := filepath.Join(t.TempDir(), "it's [a] directory*", "made when needed")
	var file bytes.Buffer
	n, err = l.open(Options{TempDirectory: temp}).WriteParquet(t.Context(), &file, sql)
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("%s: left %v", sql, left)
	}
	if err != nil {
		if n != 0 || file.Len() > 0 {
			t.Errorf("%s: %d rows and %d bytes beside the error %v", sql, n, file.Len(), err)
		}
		return n, nil, err
	}
	out := filepath.Join(t.TempDir(), "answer.parquet")
	if err := os.WriteFile(out, file.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	c := unconfined(t)
	if err := c.exec(t.Context(), "CREATE VIEW written AS FROM read_parquet("+literal(pattern(out))+", file_row_number = true); CREATE VIEW kept AS FROM parquet_schema("+literal(pattern(out))+")"); err != nil {
		t.Fatal(err)
	}
	return n, c, nil
}

func lines(t *testing.T, c *conn, sql string) string {
	t.Helper()
	rows, err := c.query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line []string
		for _, v := range rows.Values() {
			s, _ := v.(string)
			line = append(line, s)
		}
		all = append(all, strings.Join(line, " "))
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return strings.Join(all, "\n")
}

func TestWriteParquet(t *testing.T) {
	for _, test := range []struct {
		sql, want, schema string
		rows              int64
	}{
		{"SELECT clientip, sum(bytes) AS bytes, max(starttime) AS last FROM aga_flow_logs GROUP BY clientip ORDER BY clientip; -- the end",
			"10.0.0.1 NULL NULL\n10.0.0.2 4000000000 2026-01-09 00:00:01", "clientip VARCHAR\nbytes BIGINT\nlast TIMESTAMP_MS", 2},
		{"SELECT clientip FROM aga_flow_logs WHERE false", "", "clientip VARCHAR", 0},
		{`FROM (VALUES (1, 'it''s'), (NULL, '')) AS v(a, "a ""b""")`, "1 it's\nNULL ", "a INTEGER\na \"b\" VARCHAR", 2},
		{"WITH a AS (SELECT i FROM range(5) AS r(i)) SELECT 4 - i AS i FROM a /* no end */ ORDER BY i DESC", "4\n3\n2\n1\n0", "i BIGINT", 5},
	} {
		n, c, err := written(t, test.sql)
		if err != nil || n != test.rows {
			t.Errorf("%s: %d rows, error %v", test.sql, n, err)
			continue
		}
		if got := lines(t, c, "SELECT coalesce(CAST(COLUMNS(* EXCLUDE file_row_number) AS VARCHAR), 'NULL') FROM written ORDER BY file_row_number"); got != test.want {
			t.Errorf("%s wrote:\n%s\nwant:\n%s", test.sql, got, test.want)
		}
		if got := lines(t, c, "SELECT name, CASE duckdb_type WHEN 'TIMESTAMP' THEN 'TIMESTAMP_' || substr(converted_type, 11, 1) || 'S' ELSE duckdb_type END FROM kept WHERE column_id > 0"); got != test.schema {
			t.Errorf("%s has columns:\n%s\nwant:\n%s", test.sql, got, test.schema)
		}
	}
	many := "SELECT i FROM range(300000) AS r(i) ORDER BY i % 1000, i"
	n, c, err := written(t, many)
	if err != nil || n != 300000 {
		t.Fatalf("%d rows, error %v", n, err)
	}
	if got := lines(t, c, "SELECT CAST(count(*) AS VARCHAR) FROM (SELECT i, lag(i) OVER (ORDER BY file_row_number) AS before FROM written) WHERE before IS NOT NULL AND (before % 1000, before) > (i % 1000, i)"); got != "0" {
		t.Errorf("%s rows are out of order", got)
	}
}

// TestWriteParquetOnlyReads says that what is not a query is not run, and that no other file is
// written.
func TestWriteParquetOnlyReads(t *testing.T) {
	other := literal(filepath.Join(t.TempDir(), "other.parquet"))
	for _, sql := range []string{
		"", "SELECT 1; SELECT 2", "CREATE TABLE t AS SELECT 1", "COPY (SELECT 1) TO " + other, "SELECT 1) TO " + other + " (FORMAT parquet); --", "SELECT 1 /*",
		"FROM read_text('/etc/passwd')", "SELECT nothing FROM aga_flow_logs", "SELECT sum(9223372036854775807::HUGEINT * n) AS bytes FROM (VALUES (2)) AS v(n)",
		"EXPLAIN SELECT 1", "DESCRIBE aga_flow_logs",
	} {
		if n, _, err := written(t, sql); err == nil {
			t.Errorf("%s: wrote %d rows", sql, n)
		} else if known := new(Error); !errors.Is(err, ErrNotQuery) && !errors.As(err, &known) {
			t.Errorf("%s: error is %v", sql, err)
		} else if strings.Contains(err.Error(), "COPY (SELECT") || strings.Contains(err.Error(), "LINE 2") {
			t.Errorf("%s: error quotes what is not in it: %v", sql, err)
		}
	}
	if _, err := os.Stat(strings.Trim(other, "'")); err == nil {
		t.Error("another file was written")
	}
	l := newLake(t, t.TempDir())
	if _, err := l.open(Options{}).WriteParquet(t.Context(), io.Discard, "SELECT 1 AS a"); err == nil {
		t.Error("without a temporary directory something was written")
	}
	db := l.open(Options{TempDirectory: t.TempDir()})
	if _, err := db.WriteParquet(t.Context(), failingWriter{}, "SELECT 1 AS a"); !errors.Is(err, errTest) {
		t.Errorf("full: error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.WriteParquet(ctx, io.Discard, "SELECT 1 AS a"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error is %v", err)
	}
	var g errgroup.Group
	for i := range 8 {
		g.Go(func() error {
			n, err := db.WriteParquet(t.Context(), io.Discard, fmt.Sprintf("FROM range(%d)", i))
			if n != int64(i) {
				t.Errorf("%d rows, want %d", n, i)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errTest }

// TestTwoColumnsOfOneName says what becomes of names that a file cannot have twice.
func TestTwoColumnsOfOneName(t *testing.T) {
	_, c, err := written(t, "SELECT 1 AS a, 2 AS a, 3 AS A")
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(t, c, "SELECT name FROM kept WHERE column_id > 0"); got != "a\na_1\nA_2" {
		t.Errorf("columns are\n%s", got)
	}
}

func TestEmptyTables(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.register(day(8), day(9))
	if db := l.open(Options{}); !db.Empty("aga_flow_logs") {
		t.Error("a table without files is not empty")
	}
	l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
	if db := l.open(Options{}); db.Empty("aga_flow_logs") || !db.Empty("aga_flow_logs_rejects") {
		t.Error("a table with files is empty, or one without is not")
	}
}
