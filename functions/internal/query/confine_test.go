package query

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfined says that a query opens the lake's registered files and no others.
func TestConfined(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
	other := l.write(l.table.Partition(day(10)).Location, "a.parquet", "clientip", "('not registered')")
	l.register(day(9))
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	db := l.open(Options{})
	for _, sql := range []string{
		"FROM read_csv('/etc/passwd')", "FROM read_text('/etc/passwd')", "FROM read_blob('/etc/passwd')",
		"FROM " + literal(secret), "FROM read_csv(" + literal(secret) + ")", "FROM sniff_csv(" + literal(secret) + ")",
		"FROM read_parquet(" + literal(other) + ")", "FROM parquet_metadata(" + literal(other) + ")",
		"FROM read_parquet(" + literal(l.root+"/**/*.parquet") + ")", "FROM glob(" + literal(l.root+"/**") + ")", "FROM glob('/etc/*')",
		"FROM read_json('http://127.0.0.1:1/x')", "FROM read_parquet('s3://bucket/key')", "FROM read_duckdb(" + literal(secret) + ")",
		"FROM query('COPY (SELECT 1) TO " + strings.ReplaceAll(literal(secret), "'", "''") + "')",
	} {
		if lines, err := try(t.Context(), db, sql); err == nil {
			t.Errorf("%s: gave %q", sql, lines)
		}
	}
}

// TestNoLitter says that nothing is written where the program runs, nor for a query that fits.
func TestNoLitter(t *testing.T) {
	t.Chdir(t.TempDir())
	temp := filepath.Join(t.TempDir(), "spill")
	const sorted = "SELECT i, 'abcdefghijklmnop' || i AS s FROM range(3000000) AS r(i) ORDER BY i % 1000, i"
	for name, test := range map[string]struct {
		options Options
		fails   bool
	}{
		"unlimited":    {Options{}, false},
		"limit":        {Options{MemoryLimit: 64 << 20, Threads: 2}, true},
		"limit, spill": {Options{MemoryLimit: 64 << 20, Threads: 2, TempDirectory: temp}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLake(t, t.TempDir())
			db, err := Open(t.Context(), nil, l, l, test.options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = try(t.Context(), db, "SELECT max(i) FROM (SELECT i, row_number() OVER () AS n FROM ("+sorted+"))")
			lines := 0
			if err == nil {
				var rows *Rows
				if rows, err = db.Query(t.Context(), sorted); err == nil {
					for rows.Next() {
						lines++
					}
					err = rows.Err()
					rows.Close()
				}
			}
			if known := new(Error); test.fails != errors.As(err, &known) || !test.fails && lines != 3000000 {
				t.Errorf("%d rows, error %v", lines, err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			for _, dir := range []string{".", temp} {
				if entries, err := os.ReadDir(dir); len(entries) > 0 {
					t.Errorf("left in %s: %v %v", dir, entries, err)
				}
			}
		})
	}
}
