package query

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/schema"
)

// TestColumnarFile reads a file of the package columnar, whose timestamps are milliseconds marked as
// UTC, as wall clock of UTC. The file was made by hand: a row with the largest values, one of NULLs.
func TestColumnarFile(t *testing.T) {
	l := newLake(t, t.TempDir())
	path := l.write(l9, "a.parquet", "clientip", "('to be replaced')")
	if err := os.WriteFile(path, []byte(read(t, "testdata/columnar.parquet")), 0o666); err != nil {
		t.Fatal(err)
	}
	l.register(day(9))
	db := l.open(Options{})
	checkColumns(t, db, "aga_flow_logs", l.table)
	want(t, db, "SELECT clientip, clientport, bytes, CAST(starttime AS VARCHAR), endtime, year, month, day FROM aga_flow_logs ORDER BY bytes",
		"text of clientip 65535 1099511627776 2026-01-09 23:59:59 2026-01-09 23:59:59 +0000 UTC 2026 01 09",
		"<nil> <nil> <nil> <nil> <nil> 2026 01 09")
	want(t, db, "SELECT count(*) FROM aga_flow_logs WHERE starttime >= TIMESTAMP '2026-01-09 23:59:59' AND starttime < TIMESTAMP '2026-01-10 00:00:00'", "1")
}

// TestMixedTimestamps reads milliseconds that are not marked as UTC as what they are.
func TestMixedTimestamps(t *testing.T) {
	l := newLake(t, t.TempDir())
	l.write(l9, "a.parquet", "starttime", "('2026-01-09 01:02:03.004')")
	l.register(day(9))
	want(t, l.open(Options{}), "SELECT starttime, typeof(starttime) FROM aga_flow_logs", "2026-01-09 01:02:03.004 +0000 UTC TIMESTAMP")
}

// TestLikeAthena says where DuckDB is made to answer as Athena does.
func TestLikeAthena(t *testing.T) {
	db := openEmpty(t)
	for sql, line := range map[string]string{
		"5 / 2":                       "2",
		"5.0 / 2":                     "2.5",
		"from_unixtime(1580605194)":   "2020-02-02 00:59:54 +0000 UTC",
		"from_unixtime(1580605194.5)": "2020-02-02 00:59:54.5 +0000 UTC",
		"from_unixtime(NULL)":         "<nil>",
		"typeof(from_unixtime(0))":    "TIMESTAMP",
		"to_unixtime(TIMESTAMP '2020-02-02 00:59:54')":                  "1.580605194e+09",
		"regexp_like('10.0.0.1', '^10\\.')":                             "true",
		"regexp_like('110.0.0.1', '^10\\.')":                            "false",
		"current_setting('TimeZone')":                                   "UTC",
		"hour(CAST(TIMESTAMPTZ '2026-01-09 03:00:00+02' AS TIMESTAMP))": "1",
	} {
		want(t, db, "SELECT "+sql, line)
	}
	want(t, db, "SELECT approx_distinct(i), approx_percentile(i, 0.5) FROM range(3) AS r(i)", "3 1")
	want(t, db, "SELECT date_trunc('hour', TIMESTAMP '2026-01-09 01:02:03'), date_diff('minute', TIMESTAMP '2026-01-09 01:02:03', TIMESTAMP '2026-01-09 02:02:03')",
		"2026-01-09 01:00:00 +0000 UTC 60")
	want(t, db, "SELECT i FROM (VALUES (1), (NULL), (2)) AS v(i) ORDER BY i DESC", "2", "1", "<nil>")
}

// TestManyFiles opens three years of ten files a day, and reads two days of them without the others.
func TestManyFiles(t *testing.T) {
	l := newLake(t, t.TempDir())
	seed := l.write("seed/", "seed.parquet", "clientip, bytes", "('10.0.0.1', 1)")
	for d := range schema.Day(1096) {
		dir := filepath.Join(l.root, l.table.Partition(day(1)+d).Location)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := os.Link(seed, filepath.Join(dir, fmt.Sprint(i, ".parquet"))); err != nil {
				t.Fatal(err)
			}
		}
		l.register(day(1) + d)
	}
	lap := func() func(string) {
		start := time.Now()
		return func(what string) { t.Logf("%s: %v", what, time.Since(start).Round(time.Millisecond)) }
	}
	done := lap()
	db := l.open(Options{})
	done("open")
	done = lap()
	want(t, db, "SELECT count(*), sum(bytes) FROM aga_flow_logs", "10960 10960")
	done("all days")
	const twoDays = "SELECT count(*), sum(bytes) FROM aga_flow_logs WHERE year = '2027' AND month = '02' AND day IN ('03', '04')"
	done = lap()
	want(t, db, twoDays, "20 20")
	done("two days")
	if plan := strings.Join(answer(t, db, "EXPLAIN "+twoDays), "\n"); !strings.Contains(plan, "20/10960") {
		t.Errorf("reads more than two days:\n%s", plan)
	}
}
