package format

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile are texts that a format could break, or break out of.
var hostile = []string{
	"", " ", " padded ", `"`, `""`, `'`, ",", ";", "a,b", `a"b`, "\n", "\r\n", "two\nlines", "tab\there", `\`, `\n`, `\"`, "NULL", "null",
	"<script>alert(1)</script>", "&amp;", "=1+1", "-", "--", "#", "\x00", "\x07", "\x1b[2J\x1b[31mred", "\u0085\u2028\u2029", "\u202Egnp.exe",
	"é", "日本語", "e\u0301", "\U0001F469\u200D\U0001F4BB", "\uFEFFbom", strings.Repeat("long ", 50),
}

func open(t *testing.T) *query.DB {
	t.Helper()
	db, err := query.Open(t.Context(), nil, nothing{}, nothing{}, query.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

type nothing struct{}

func (nothing) Partitions(context.Context, *schema.Table) ([]schema.Partition, error) {
	return nil, nil
}
func (nothing) Files(context.Context, string) ([]store.File, error) { return nil, nil }

// run writes a query's answer.
func run(t *testing.T, db *query.DB, format, sql string) (out string, n int64, err error) {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var b bytes.Buffer
	n, err = Write(&b, format, rows)
	return b.String(), n, err
}

// values gives a query of one row for each text.
func values(texts []string) string {
	var rows []string
	for i, s := range texts {
		var characters []string // SQL text cannot hold a zero byte
		for _, part := range strings.Split(s, "\x00") {
			characters = append(characters, "'"+strings.ReplaceAll(part, "'", "''")+"'")
		}
		rows = append(rows, fmt.Sprintf("(%d, %s)", i, strings.Join(characters, " || chr(0) || ")))
	}
	return `SELECT n, text AS "a ""text""" FROM (VALUES ` + strings.Join(rows, ", ") + ") AS v(n, text) ORDER BY n"
}

func TestGolden(t *testing.T) {
	db := open(t)
	for name, test := range map[string]struct {
		sql  string
		rows int64
	}{
		"types": {`
SELECT true AS yes, 1::TINYINT AS small, 9223372036854775807 AS big, sum(9223372036854775807::HUGEINT * n) AS huge, 18446744073709551615::UBIGINT AS unsigned,
	0.1::FLOAT AS single, 1e21 AS float, -0.05 AS decimal, 'NaN'::DOUBLE AS nan, '-Infinity'::FLOAT AS infinite,
	DATE '2026-01-09' AS date, TIMESTAMP '2026-01-09 00:00:00' AS start, TIMESTAMPTZ '2026-01-09 02:00:00.0049+02' AS zoned, 'OK' AS status, NULL AS none
FROM (VALUES (1000000), (1)) AS v(n)
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`, 2},
		"hostile":    {values(hostile), int64(len(hostile))},
		"no rows":    {"SELECT 'a' AS clientip, 1 AS bytes WHERE false", 0},
		"one column": {"SELECT s FROM (VALUES (0, 'a'), (1, NULL), (2, '')) AS v(i, s) ORDER BY i", 3},
		"one row":    {"SELECT '10.0.0.1' AS clientip, 9000000009::HUGEINT AS bytes", 1},
	} {
		for _, format := range Names() {
			t.Run(name+" "+format, func(t *testing.T) {
				got, n, err := run(t, db, format, test.sql)
				if err != nil || n != test.rows {
					t.Fatalf("%d rows, want %d, error %v", n, test.rows, err)
				}
				golden := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+"."+format)
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("have:\n%s\nwant, from %s:\n%s", got, golden, want)
				}
			})
		}
	}
}

// TestHostile reads hostile texts back, by readers that are not ours.
func TestHostile(t *testing.T) {
	db := open(t)
	t.Run(CSV, func(t *testing.T) {
		out, _, err := run(t, db, CSV, values(hostile))
		if err != nil {
			t.Fatal(err)
		}
		// The reader takes \r\n in a field for \n, so the comparison does, too.
		records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(records) != len(hostile)+1 || records[0][1] != `a "text"` {
			t.Fatalf("%d records, header %q, error %v", len(records), records[0], err)
		}
		for i, want := range hostile {
			if got := records[i+1][1]; got != strings.ReplaceAll(want, "\r\n", "\n") {
				t.Errorf("%q came back as %q", want, got)
			}
		}
	})
	t.Run(JSON, func(t *testing.T) {
		out, _, err := run(t, db, JSON, values(hostile))
		if err != nil {
			t.Fatal(err)
		}
		var objects []map[string]any
		if err := json.Unmarshal([]byte(out), &objects); err != nil || len(objects) != len(hostile) {
			t.Fatalf("%d objects, error %v", len(objects), err)
		}
		for i, want := range hostile {
			if got := objects[i][`a "text"`]; got != want {
				t.Errorf("%q came back as %q", want, got)
			}
		}
		if lines := strings.Count(out, "\n"); lines != len(hostile)+2 {
			t.Errorf("%d lines, want one for each object and two brackets", lines)
		}
	})
	t.Run(NDJSON, func(t *testing.T) {
		out, _, err := run(t, db, NDJSON, values(hostile))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != len(hostile) {
			t.Fatalf("%d lines, want %d", len(lines), len(hostile))
		}
		for i, want := range hostile {
			var object map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &object); err != nil || object[`a "text"`] != want {
				t.Errorf("%q came back as %q, error %v", want, object, err)
			}
		}
	})
	t.Run(Table, func(t *testing.T) {
		out, _, err := run(t, db, Table, values(hostile))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("a terminal gets %q", r)
			}
		}
		if lines := strings.Count(out, "\n"); lines != len(hostile)+5 {
			t.Errorf("%d lines, want one for each row and 5", lines)
		}
	})
}

// TestBounds says that a table is cut, and the others are not.
func TestBounds(t *testing.T) {
	db := open(t)
	for format, want := range map[string]int64{Table: tableRows, CSV: tableRows + 1, JSON: tableRows + 1, NDJSON: tableRows + 1} {
		out, n, err := run(t, db, format, fmt.Sprintf("SELECT i FROM range(%d) AS r(i)", tableRows+1))
		if n != want || err != nil {
			t.Errorf("%s: %d rows, want %d, error %v", format, n, want, err)
		}
		if cut := strings.HasSuffix(out, "\n(the first 10000 rows; other formats give all)\n"); cut != (format == Table) {
			t.Errorf("%s: ends in %q", format, out[len(out)-50:])
		}
	}
	if out, _, _ := run(t, db, Table, fmt.Sprintf("SELECT i FROM range(%d) AS r(i)", tableRows)); !strings.HasSuffix(out, "\n(10000 rows)\n") {
		t.Errorf("table ends in %q", out[len(out)-50:])
	}
}

func TestErrors(t *testing.T) {
	db := open(t)
	for _, format := range Names() {
		if err := Check(format); err != nil {
			t.Error(err)
		}
		var b bytes.Buffer
		ended := &fake{columns: []query.Column{{Name: "v"}}, values: []any{"a"}, err: errTest}
		if n, err := Write(&b, format, ended); !errors.Is(err, errTest) || strings.Contains(b.String(), "]") || strings.Contains(b.String(), "(") {
			t.Errorf("%s: %d rows, error %v, wrote %q", format, n, err, b.String())
		}
		rows, err := db.Query(t.Context(), "SELECT i FROM range(100000) AS r(i)")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(full{}, format, rows); !errors.Is(err, errFull) {
			t.Errorf("%s: error is %v", format, err)
		}
		rows.Close()
	}
	_, n, err := run(t, db, "xml", "SELECT 1")
	if err == nil || n != 0 || !strings.Contains(err.Error(), "xml") {
		t.Errorf("unknown format: error is %v", err)
	}
	for _, format := range Names() {
		if !strings.Contains(err.Error(), format) {
			t.Errorf("unknown format: error %v does not name %s", err, format)
		}
	}
	for _, format := range []string{JSON, NDJSON} {
		if out, _, err := run(t, db, format, "SELECT 1 AS a, 2 AS a"); err == nil || out != "" || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%s, two columns of one name: %q, error is %v", format, out, err)
		}
	}
}

var (
	errFull = errors.New("no space")
	errTest = errors.New("test")
)

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestKinds says that every type of value is written, by what query.Rows documents.
func TestKinds(t *testing.T) {
	for _, format := range Names() {
		for _, v := range []any{nil, true, int64(1), uint64(1), float32(1), 1.0, query.Decimal("1"), ""} {
			rows := &fake{columns: []query.Column{{Name: "v"}}, values: []any{v}}
			if n, err := Write(new(bytes.Buffer), format, rows); n != 1 || err != nil {
				t.Errorf("%s, %s: %d rows, error %v", format, reflect.TypeOf(v), n, err)
			}
		}
	}
}

type fake struct {
	columns []query.Column
	values  []any
	err     error
	n       int
}

func (f *fake) Columns() []query.Column { return f.columns }
func (f *fake) Next() bool              { f.n++; return f.n == 1 }
func (f *fake) Values() []any           { return f.values }
func (f *fake) Err() error              { return f.err }
