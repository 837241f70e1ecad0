package query

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// testLake is a lake in a directory with a catalog in memory. Its files are written by DuckDB, which
// has no timestamps that are both in milliseconds and marked as UTC: see columnar_test.go for those.
type testLake struct {
	*testing.T
	root       string
	table      *schema.Table
	partitions map[string][]schema.Partition // by table; a table without an entry does not exist
}

func newLake(t *testing.T, root string) *testLake {
	t.Helper()
	return &testLake{t, root, schema.GlobalAccelerator(), map[string][]schema.Partition{}}
}

// Partitions implements Catalog.
func (l *testLake) Partitions(_ context.Context, t *schema.Table) ([]schema.Partition, error) {
	p, ok := l.partitions[t.Name]
	if !ok {
		return nil, fmt.Errorf("table %s: %w", t.Name, catalog.ErrNoTable)
	}
	return p, nil
}

// Files implements Files.
func (l *testLake) Files(_ context.Context, location string) (files []store.File, err error) {
	root := filepath.Join(l.root, location)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		hidden := path != root && strings.ContainsAny(d.Name()[:1], "_.")
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir() && hidden:
			return fs.SkipDir
		case !d.IsDir() && !hidden:
			files = append(files, store.File{Path: path})
		}
		return nil
	})
	slices.Reverse(files)
	return files, err
}

// register registers days of the lake's table; without any it makes the table.
func (l *testLake) register(days ...schema.Day) {
	p := l.partitions[l.table.Name]
	for _, d := range days {
		p = append(p, l.table.Partition(d))
	}
	l.partitions[l.table.Name] = p
}

// write writes a file of the lake's table: rows of SQL values of those columns, and the other columns
// NULL. It gives the file's path.
func (l *testLake) write(location, name, columns string, rows ...string) string {
	l.Helper()
	given := strings.Split(columns, ", ")
	var selected []string
	for _, c := range l.table.Columns {
		typ := typesOf(c.Type).view
		if c.Type == schema.Timestamp {
			typ = "TIMESTAMP_MS"
		}
		value := "NULL"
		if slices.Contains(given, c.Name) {
			value = c.Name
		}
		selected = append(selected, fmt.Sprintf("CAST(%s AS %s) AS %s", value, typ, c.Name))
	}
	return l.writeSQL(location, name, fmt.Sprintf("SELECT %s FROM (VALUES %s) AS given(%s)", strings.Join(selected, ", "), strings.Join(rows, ", "), columns))
}

// writeSQL writes the rows of a query as a file, and gives its path.
func (l *testLake) writeSQL(location, name, sql string) string {
	l.Helper()
	dir := filepath.Join(l.root, location)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		l.Fatal(err)
	}
	path := filepath.Join(dir, name)
	conn := unconfined(l.T)
	if err := conn.exec(l.Context(), "COPY ("+sql+") TO "+literal(path)+" (FORMAT parquet)"); err != nil {
		l.Fatalf("write %s: %v", path, err)
	}
	return path
}

// unconfined gives a connection that may do anything.
func unconfined(t *testing.T) *conn {
	t.Helper()
	e, err := openEngine(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	c, err := e.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func (l *testLake) open(o Options) *DB {
	l.Helper()
	db, err := Open(l.Context(), []*schema.Table{l.table, l.table.Rejects()}, l, l, o)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := db.Close(); err != nil {
			l.Error(err)
		}
	})
	return db
}

// answer runs a query and gives its rows, the values of each joined by spaces.
func answer(t *testing.T, db *DB, sql string) []string {
	t.Helper()
	lines, err := try(t.Context(), db, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return lines
}

func try(ctx context.Context, db *DB, sql string) (lines []string, err error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintln(rows.Values()...), "\n"))
	}
	return lines, rows.Err()
}

// want compares a query's answer.
func want(t *testing.T, db *DB, sql string, lines ...string) {
	t.Helper()
	if got := answer(t, db, sql); !slices.Equal(got, lines) {
		t.Errorf("%s\ngave:\n%s\nwant:\n%s", sql, strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// day gives a day of January 2026.
func day(d int) schema.Day { return schema.Day(20454 - 1 + d) }
