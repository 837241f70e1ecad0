package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// TestRegisteredPartitionsOnly is the promise by which a forgotten registration shows.
func TestRegisteredPartitionsOnly(t *testing.T) {
	l := newLake(t, t.TempDir())
	for d := 8; d <= 10; d++ {
		l.write(l.table.Partition(day(d)).Location, "a.parquet", "clientip", "('10.0.0.1')")
	}
	l.write(l.table.Partition(day(9)).Location, "_hidden.parquet", "clientip", "('hidden')")
	l.write(l.table.Partition(day(9)).Location+"deeper/", "b.parquet", "clientip", "('10.0.0.2')")
	l.register(day(9), day(10), day(11)) // day 11 has no files
	db := l.open(Options{})
	want(t, db, "SELECT clientip, year, month, day FROM aga_flow_logs ORDER BY ALL",
		"10.0.0.1 2026 01 09", "10.0.0.1 2026 01 10", "10.0.0.2 2026 01 09")
	want(t, db, "SELECT count(*) FROM aga_flow_logs_rejects", "0")
}

// TestEmpty says that SQL runs over what is not there.
func TestEmpty(t *testing.T) {
	for name, setup := range map[string]func(*testLake){
		"no table":      func(*testLake) {},
		"no partitions": func(l *testLake) { l.register() },
		"no files":      func(l *testLake) { l.register(day(9)) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLake(t, t.TempDir())
			setup(l)
			db := l.open(Options{})
			want(t, db, "SELECT * FROM aga_flow_logs")
			want(t, db, "SELECT sum(bytes), min(starttime) FROM sampledb.aga_flow_logs WHERE year = '2026'", "<nil> <nil>")
			checkColumns(t, db, "aga_flow_logs", l.table)
		})
	}
}

// TestColumns says that a view has the columns of the schema, then the keys, wherever the lake lies.
func TestColumns(t *testing.T) {
	l := newLake(t, filepath.Join(t.TempDir(), "extra=1", "bytes=2"))
	l.write(l.table.Partition(day(9)).Location, "a.parquet", "clientip", "('10.0.0.1')")
	l.register(day(9))
	db := l.open(Options{Database: "flow logs"})
	for _, name := range []string{"aga_flow_logs", "main.aga_flow_logs", `"flow logs"."aga_flow_logs"`} {
		checkColumns(t, db, name, l.table)
	}
	checkColumns(t, db, "aga_flow_logs_rejects", l.table.Rejects())
}

func checkColumns(t *testing.T, db *DB, name string, table *schema.Table) {
	t.Helper()
	hive := map[string]string{"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT", "timestamp": "TIMESTAMP"}
	var lines []string
	for _, c := range slices.Concat(table.Columns, schema.PartitionKeys()) {
		lines = append(lines, c.Name+" "+hive[c.Type.Hive()])
	}
	want(t, db, "SELECT column_name, column_type FROM (DESCRIBE "+name+")", lines...)
}

// TestHostilePaths reads a lake whose path says everything that DuckDB could misunderstand.
func TestHostilePaths(t *testing.T) {
	for _, dir := range []string{
		`it's "a" lake; x=1`, "year=1999/month=12/day=31", "bytes=7/clientip=x", "[1]*?{a,b}", "100%41 +é\n\t", `back\slash`, "~", "e\u0301\U0001F469\u200D\U0001F4BB", "$1 -- /* s3:",
	} {
		t.Run(dir, func(t *testing.T) {
			l := newLake(t, filepath.Join(t.TempDir(), dir))
			l.write(l.table.Partition(day(9)).Location, "a.parquet", "clientip, bytes", "('10.0.0.1', 5)")
			l.register(day(9))
			want(t, l.open(Options{}), "SELECT clientip, bytes, year, month, day FROM aga_flow_logs", "10.0.0.1 5 2026 01 09")
		})
	}
	t.Run("pattern does not match neighbours", func(t *testing.T) {
		dir := t.TempDir()
		neighbour := newLake(t, filepath.Join(dir, "lake1"))
		neighbour.write(l9, "a.parquet", "clientip", "('not registered')")
		l := newLake(t, filepath.Join(dir, "lake[1]"))
		l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
		l.register(day(9))
		want(t, l.open(Options{}), "SELECT clientip FROM aga_flow_logs", "10.0.0.1")
	})
	t.Run("symbolic link", func(t *testing.T) {
		dir := t.TempDir()
		newLake(t, filepath.Join(dir, "real")).write(l9, "a.parquet", "clientip", "('10.0.0.1')")
		if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		l := newLake(t, filepath.Join(dir, "link"))
		l.register(day(9))
		want(t, l.open(Options{}), "SELECT clientip, day FROM aga_flow_logs", "10.0.0.1 09")
	})
}

const l9 = "aga_flow_logs/year=2026/month=01/day=09/"

// TestRefusedPaths are those that DuckDB cannot be asked for without asking for others.
func TestRefusedPaths(t *testing.T) {
	for _, file := range []string{"lake/a.parquet", "/lake/\x00.parquet", "/lake/\xff.parquet", `/lake/\[1].parquet`} {
		l := newLake(t, t.TempDir())
		l.register(day(9))
		if _, err := Open(t.Context(), []*schema.Table{l.table}, l, fixed{{Path: file}}, Options{}); err == nil {
			t.Errorf("%q was taken", file)
		}
	}
}

type fixed []store.File

func (f fixed) Files(context.Context, string) ([]store.File, error) { return f, nil }

// TestCatalogDecidesKeys says that the keys are what the catalog says, as in Athena.
func TestCatalogDecidesKeys(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.write(l9, "a.parquet", "clientip", "('wrong day')")
	l.write("elsewhere/", "a.parquet", "clientip", "('other layout')")
	l.write(l.table.Partition(schema.NoDay).Location, "a.parquet", "clientip", "('no day')")
	l.write(l.table.Partition(day(12)).Location, "a.parquet", "clientip", "('as it should be')")
	l.write(l.table.Partition(day(12)).Location+"year=1/month=2/day=3/", "a.parquet", "clientip", "('deeper')")
	l.register(day(12), schema.NoDay)
	l.partitions[l.table.Name] = append(l.partitions[l.table.Name],
		schema.Partition{Values: []string{"2026", "01", "10"}, Location: l9},
		schema.Partition{Values: []string{"it's", "a", "day"}, Location: "elsewhere/"})
	want(t, l.open(Options{}), "SELECT clientip, year, month, day FROM aga_flow_logs ORDER BY clientip",
		"as it should be 2026 01 12", "deeper 2026 01 12", "no day <nil> <nil> <nil>", "other layout it's a day", "wrong day 2026 01 10")
}

// TestSchemaOfFiles says what of a file may differ from the table.
func TestSchemaOfFiles(t *testing.T) {
	t.Run("columns by name", func(t *testing.T) {
		l := newLake(t, t.TempDir())
		l.writeSQL(l9, "a.parquet", "SELECT 5::BIGINT AS Bytes, 'x' AS more, '10.0.0.1' AS clientip")
		l.writeSQL(l9, "b.parquet", "SELECT [1] AS more, 6::BIGINT AS bytes")
		l.register(day(9))
		want(t, l.open(Options{}), "SELECT clientip, bytes, endtime FROM aga_flow_logs ORDER BY bytes", "10.0.0.1 5 <nil>", "<nil> 6 <nil>")
	})
	for name, test := range map[string]struct{ sql, column, have, want string }{
		"narrow":       {"SELECT 5::INTEGER AS bytes", "bytes", "INTEGER", "BIGINT"},
		"unsigned":     {"SELECT 5::UINTEGER AS clientport", "clientport", "UINTEGER", "INTEGER"},
		"text":         {"SELECT '5' AS bytes", "bytes", "VARCHAR", "BIGINT"},
		"number":       {"SELECT 2.0 AS version", "version", "DECIMAL(2,1)", "VARCHAR"},
		"blob":         {"SELECT 'x'::BLOB AS clientip", "clientip", "BLOB", "VARCHAR"},
		"seconds":      {"SELECT 1580605194::BIGINT AS starttime", "starttime", "BIGINT", "TIMESTAMP(MILLIS)"},
		"microseconds": {"SELECT TIMESTAMP '2026-01-09' AS starttime", "starttime", "TIMESTAMP(MICROS)", "TIMESTAMP(MILLIS)"},
		"nanoseconds":  {"SELECT '2026-01-09'::TIMESTAMP_NS AS starttime", "starttime", "TIMESTAMP(NANOS)", "TIMESTAMP(MILLIS)"},
		"nested":       {"SELECT {'a': 1} AS action", "action", "nested", "VARCHAR"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLake(t, filepath.Join(t.TempDir(), "[x]"))
			l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
			path := l.writeSQL(l9, "b.parquet", test.sql)
			l.register(day(9))
			_, err := Open(t.Context(), []*schema.Table{l.table}, l, l, Options{})
			var got *TypeError
			if want := (TypeError{path, test.column, test.have, test.want}); !errors.As(err, &got) || *got != want {
				t.Errorf("error is %v, want %v", err, &want)
			}
		})
	}
	t.Run("not Parquet", func(t *testing.T) {
		l := newLake(t, t.TempDir())
		path := l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
		if err := os.WriteFile(path, []byte("half a file"), 0o666); err != nil {
			t.Fatal(err)
		}
		l.register(day(9))
		_, err := Open(t.Context(), []*schema.Table{l.table}, l, l, Options{})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one that names %s", err, path)
		}
	})
}

// TestErrors says that the errors of catalog and files are given on, and the settings checked.
func TestErrors(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.register(day(9))
	tables := []*schema.Table{l.table}
	if _, err := Open(t.Context(), tables, failing{l}, l, Options{}); !errors.Is(err, errTest) {
		t.Errorf("catalog: error is %v", err)
	}
	if _, err := Open(t.Context(), tables, l, failing{l}, Options{}); !errors.Is(err, errTest) {
		t.Errorf("files: error is %v", err)
	}
	_, err := Open(t.Context(), tables, l, l, Options{Threads: -1, MemoryLimit: 1})
	if err == nil || !strings.Contains(err.Error(), "threads") || !strings.Contains(err.Error(), "memory") {
		t.Errorf("settings: error is %v", err)
	}
	l.partitions[l.table.Name][0].Values = []string{"2026"}
	if _, err := Open(t.Context(), tables, l, l, Options{}); err == nil {
		t.Error("a partition with one value was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, nil, l, l, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error is %v", err)
	}
}

var errTest = errors.New("test")

type failing struct{ *testLake }

func (failing) Partitions(context.Context, *schema.Table) ([]schema.Partition, error) {
	return nil, errTest
}
func (failing) Files(context.Context, string) ([]store.File, error) { return nil, errTest }

// The article's queries, letter for letter.
const (
	articleBytes   = `SELECT clientip, sum(bytes) as bytes FROM "sampledb"."aga_flow_logs" group by clientip order by bytes desc limit 50;`
	articleIngress = `SELECT clientip, sum(bytes) as bytes FROM "sampledb"."aga_flow_logs" where direction='INGRESS' group by clientip order by bytes desc limit 50;`
	articleEgress  = `SELECT clientip, sum(bytes) as bytes FROM "sampledb"."aga_flow_logs" where direction='EGRESS' group by clientip order by bytes desc limit 50;`
	articlePackets = `SELECT clientip, sum(packets) as num_packets FROM "sampledb"."aga_flow_logs" group by clientip order by num_packets desc limit 50;`
)

// TestArticle runs the article's queries.
func TestArticle(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.write(l9, "a.parquet", "clientip, bytes, packets, direction",
		"('10.0.0.1', 4000000000, 1, 'INGRESS')", "('10.0.0.2', 70, 30, 'EGRESS')", "('10.0.0.2', 10, 5, 'INGRESS')")
	l.write(l.table.Partition(day(10)).Location, "a.parquet", "clientip, bytes, packets, direction",
		"('10.0.0.1', 5000000000, 2, 'INGRESS')", "('10.0.0.1', 9, 6, 'EGRESS')")
	l.register(day(9), day(10))
	db := l.open(Options{})
	want(t, db, articleBytes, "10.0.0.1 9000000009", "10.0.0.2 80")
	want(t, db, articleIngress, "10.0.0.1 9000000000", "10.0.0.2 10")
	want(t, db, articleEgress, "10.0.0.2 70", "10.0.0.1 9")
	want(t, db, articlePackets, "10.0.0.2 35", "10.0.0.1 9")
}

// TestNamedQueries runs the queries that are shipped, over ties, more than 50 clients, records that
// were skipped and counts that are not known.
func TestNamedQueries(t *testing.T) {
	l := newLake(t, t.TempDir())
	rows := []string{
		"('10.0.0.3', 10, 7, 'EGRESS', 'OK')", "('10.0.0.2', 4, 7, 'INGRESS', 'OK')", "('10.0.0.2', 6, 0, 'EGRESS', 'OK')",
		"('10.0.0.9', 11, 1, 'INGRESS', 'OK')", "('10.0.0.7', NULL, NULL, 'INGRESS', 'OK')", "('10.0.0.8', 0, 0, 'EGRESS', 'OK')",
		"(NULL, NULL, NULL, NULL, 'SKIPDATA')",
	}
	l.write(l9, "a.parquet", "clientip, bytes, packets, direction, logstatus", rows...)
	l.register(day(9))
	answers := map[string][]string{
		"top-talkers-by-bytes":         {"10.0.0.9 11", "10.0.0.2 10", "10.0.0.3 10", "10.0.0.8 0", "10.0.0.7 <nil>"},
		"top-talkers-by-ingress-bytes": {"10.0.0.9 11", "10.0.0.2 4", "10.0.0.7 <nil>"},
		"top-talkers-by-egress-bytes":  {"10.0.0.3 10", "10.0.0.2 6", "10.0.0.8 0"},
		"top-talkers-by-packets":       {"10.0.0.2 7", "10.0.0.3 7", "10.0.0.9 1", "10.0.0.8 0", "10.0.0.7 <nil>"},
	}
	db := l.open(Options{})
	all, err := queries.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if lines, ok := answers[q.Name]; ok {
			want(t, db, q.SQL, lines...)
		} else if _, err := try(t.Context(), db, q.SQL); err != nil {
			t.Errorf("%s: %v", q.Name, err)
		}
		delete(answers, q.Name)
	}
	for name := range answers {
		t.Errorf("there is no query %s", name)
	}

	var many []string
	for i := range 60 {
		many = append(many, "('10.1.0."+string(rune('0'+i/10))+string(rune('0'+i%10))+"', 100, 100, 'INGRESS', 'OK')")
	}
	l.write(l9, "b.parquet", "clientip, bytes, packets, direction, logstatus", many...)
	q, _ := queries.Find("top-talkers-by-bytes")
	got := answer(t, l.open(Options{}), q.SQL)
	if len(got) != 50 || got[0] != "10.1.0.00 100" || got[49] != "10.1.0.49 100" {
		t.Errorf("of 60 ties came %d: %q", len(got), got)
	}
}
