package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // the driver "duckdb"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/schema"
)

// flowlake runs a command line and gives what it printed, both ways.
func flowlake(t *testing.T, wantCode exitCode, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if code := run(context.Background(), args, strings.NewReader(""), &out, &err); code != int(wantCode) {
		t.Fatalf("flowlake %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, wantCode, &out, &err)
	}
	return out.String(), err.String()
}

// files gives the SHA-256 of every file below a directory, by its path there.
func files(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && d.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		sums[filepath.ToSlash(name)] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// A synthetic day, converted, holds what DuckDB's own CSV reader finds in the same text: row by row,
// and in the answers to every named query.
func TestLakeEqualsTheTextAsDuckDBReadsIt(t *testing.T) {
	dir := t.TempDir()
	logs, lake := filepath.Join(dir, "logs"), filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--accelerators", "2", "--records", "200000", "--seed", "11")
	flowlake(t, exitOK, "replay", logs, "--lake", lake)

	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var declared, columns []string
	for _, c := range schema.GlobalAccelerator().Columns {
		kind := map[schema.Type]string{schema.String: "VARCHAR", schema.Int32: "INTEGER", schema.Int64: "BIGINT", schema.Timestamp: "BIGINT"}[c.Type]
		declared = append(declared, fmt.Sprintf("'%s': '%s'", c.Name, kind))
		if c.Type == schema.Timestamp {
			columns = append(columns, fmt.Sprintf("make_timestamp_ms(%s * 1000) AS %[1]s", c.Name))
		} else {
			columns = append(columns, c.Name)
		}
	}
	table := fmt.Sprintf("CREATE TABLE aga_flow_logs AS SELECT *, strftime(starttime, '%%Y') AS year, strftime(starttime, '%%m') AS month, strftime(starttime, '%%d') AS day FROM (SELECT %s FROM read_csv('%s', delim = ' ', header = true, auto_detect = false, quote = '', escape = '', nullstr = ['-', ''], null_padding = true, columns = {%s}))",
		strings.Join(columns, ", "), filepath.Join(logs, "AWSLogs/*/globalaccelerator/*/*/*/*/*.log.gz"), strings.Join(declared, ", "))
	if _, err := db.Exec(table); err != nil {
		t.Fatal(err)
	}

	all, err := queries.All()
	if err != nil || len(all) < 4 {
		t.Fatalf("%d named queries, error %v", len(all), err)
	}
	statements := map[string]string{
		"the whole table": "SELECT * FROM aga_flow_logs ORDER BY ALL",
		"partitions":      "SELECT year, month, day, count(*), min(starttime), max(endtime) FROM aga_flow_logs GROUP BY ALL ORDER BY ALL",
	}
	for _, q := range all {
		statements[q.Name] = q.SQL
	}
	for name, statement := range statements {
		out, _ := flowlake(t, exitOK, "query", "--lake", lake, "--format", "csv", statement)
		got := strings.Split(strings.TrimSpace(out), "\n")[1:]
		want := csvOf(t, db, statement)
		least := 3
		if name == "bytes-by-month" {
			least = 1 // the day's
		}
		if len(got) != len(want) || len(want) < least {
			t.Errorf("%s: %d rows, DuckDB's CSV reader gives %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: row %d\n%s\nDuckDB's CSV reader gives\n%s", name, i, got[i], want[i])
				break
			}
		}
		if name == "the whole table" && len(want) != 200_000 {
			t.Errorf("%d rows in all", len(want))
		}
	}
}

// csvOf runs a statement and gives its rows in the form in which flowlake prints CSV.
func csvOf(t *testing.T, db *sql.DB, statement string) []string {
	t.Helper()
	var casts []string
	described, err := db.Query("DESCRIBE " + strings.TrimSuffix(strings.TrimSpace(statement), ";"))
	if err != nil {
		t.Fatal(err)
	}
	defer described.Close()
	for described.Next() {
		var name, kind string
		var rest [4]any
		if err := described.Scan(&name, &kind, &rest[0], &rest[1], &rest[2], &rest[3]); err != nil {
			t.Fatal(err)
		}
		column := `"` + name + `"`
		if kind == "TIMESTAMP" {
			column = "strftime(" + column + ", '%Y-%m-%d %H:%M:%S.%g')"
		}
		casts = append(casts, "coalesce("+column+"::VARCHAR, '')")
	}
	rows, err := db.Query(fmt.Sprintf("SELECT concat_ws(',', %s) FROM (%s)", strings.Join(casts, ", "), strings.TrimSuffix(strings.TrimSpace(statement), ";")))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// The same logs give the same lake, byte for byte, whatever the number of workers.
func TestInvariantIdentityWhateverTheWorkers(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--records", "20000")
	var want map[string][32]byte
	for _, workers := range []string{"1", "8", "3"} {
		lake := filepath.Join(dir, "lake-"+workers)
		flowlake(t, exitOK, "replay", logs, "--lake", lake, "--workers", workers)
		got := files(t, lake)
		delete(got, "_catalog/aga_flow_logs.lock")
		if want == nil {
			want = got
			if len(want) < 500 {
				t.Fatalf("%d files", len(want))
			}
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s workers: %d files, want %d", workers, len(got), len(want))
		}
		for name, sum := range want {
			if got[name] != sum {
				t.Errorf("%s workers: %s differs", workers, name)
			}
		}
	}
}
