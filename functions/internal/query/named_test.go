package query

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/schema"
)

// namedLake is a lake made by hand in which every named query has something to find, and something to
// leave out.
func namedLake(t *testing.T) *DB {
	l := newLake(t, t.TempDir())
	const columns = "acceleratorid, clientip, clientport, gip, gipport, endpointip, endpointport, protocol, packets, bytes, starttime, endtime, " +
		"logstatus, endpointregion, globalacceleratorregion, direction"
	write := func(d schema.Day, rows ...string) {
		l.write(l.table.Partition(d).Location, "a.parquet", columns, rows...)
		l.register(d)
	}
	flow := func(accelerator, client, port, endpoint, packets, bytes, minute, edge, direction string) string {
		region := map[string]string{"e1": "'eu-west-1'", "e2": "'us-east-1'", "e3": "NULL"}[endpoint]
		start := "CAST(NULL AS timestamp)"
		if minute != "" {
			start = "TIMESTAMP '2026-01-" + minute + ":00'"
		}
		return "('" + accelerator + "', '" + client + "', 1000, 'g', " + port + ", '" + endpoint + "', 80, 'TCP', " + packets + ", " + bytes + ", " +
			start + ", " + start + " + INTERVAL '10' SECOND, 'OK', " + region + ", " + edge + ", '" + direction + "')"
	}
	skip := func(accelerator, minute, seconds string) string {
		return "(" + accelerator + ", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, TIMESTAMP '2026-01-" + minute + ":00', TIMESTAMP '2026-01-" +
			minute + ":00' + INTERVAL '" + seconds + "' SECOND, 'SKIPDATA', NULL, NULL, NULL)"
	}
	// The 9th: an answered flow, one without an answer, an answer alone, counts of 0 and unknown ones.
	write(day(9),
		flow("a1", "c1", "443", "e1", "10", "1000", "09 00:10", "'NRT57-2'", "INGRESS"),
		flow("a1", "c1", "443", "e1", "20", "9000", "09 00:10", "'NRT57-2'", "EGRESS"),
		flow("a1", "c2", "80", "e2", "5", "500", "09 13:00", "'DFW3'", "INGRESS"),
		flow("a1", "c2", "80", "e2", "0", "0", "09 13:00", "'DFW3'", "EGRESS"),
		flow("a2", "c3", "53", "e2", "7", "700", "09 13:59", "'DFW3'", "EGRESS"),
		flow("a2", "c4", "80", "e3", "0", "0", "09 14:00", "NULL", "INGRESS"),
		flow("a2", "c5", "80", "e3", "NULL", "NULL", "", "NULL", "INGRESS"),
		skip("'a1'", "09 10:00", "60"), skip("'a1'", "09 10:01", "60"), skip("'a1'", "09 10:00", "90"), skip("'a1'", "09 10:03", "60"), skip("'a2'", "09 10:01", "60"), skip("NULL", "09 10:02", "1"))
	// The 8th: c1 was there; a scan of 20 ports, and 19 ports of another.
	scan := []string{flow("a1", "c1", "443", "e1", "1", "100", "08 23:59", "'NRT57-2'", "INGRESS")}
	for i := range 20 {
		port := strconv.Itoa(1000 + i)
		scan = append(scan, flow("a1", "scanner", port, "e1", "1", "40", "08 05:00", "'NRT57-2'", "INGRESS"))
		if i > 0 {
			scan = append(scan, flow("a1", "shy", port, "e1", "1", "40", "08 05:00", "'NRT57-2'", "INGRESS"))
		}
	}
	write(day(8), scan...)
	write(day(10), flow("a1", "c1", "443", "e1", "1", "5000", "10 00:00", "'NRT57-2'", "INGRESS"), flow("a1", "c9", "443", "e1", "1", "1", "10 00:00", "'NRT57-2'", "INGRESS"))
	// Another day of the same month and number, of another year, and 30 and 31 days before.
	write(day(9-30), flow("a1", "c3", "53", "e2", "1", "50000", "01 00:00", "'DFW3'", "INGRESS"))
	write(day(9-31), flow("a1", "c2", "53", "e2", "1", "50000", "01 00:00", "'DFW3'", "INGRESS"))
	write(day(9-365), flow("a1", "c7", "53", "e2", "1", "200000", "09 13:00", "'DFW3'", "INGRESS"))
	write(schema.NoDay, flow("a1", "c8", "53", "e2", "1", "7", "", "'DFW3'", "INGRESS"))
	return l.open(Options{})
}

// TestNamedQueriesWithParameters holds the answers of the queries that have parameters, with their
// defaults and with other values.
func TestNamedQueriesWithParameters(t *testing.T) {
	db := namedLake(t)
	asked := map[string]bool{}
	for _, test := range []struct {
		query, values string
		want          []string
	}{
		{"traffic-by-endpoint-and-hour", "", []string{
			"2026-01-09 00:00:00 +0000 UTC e1 eu-west-1 2 1 30 1000 9000 10000",
			"2026-01-09 13:00:00 +0000 UTC e2 us-east-1 3 2 12 500 700 1200",
			"2026-01-09 14:00:00 +0000 UTC e3 <nil> 1 1 0 0 <nil> 0",
			"<nil> e3 <nil> 1 1 <nil> <nil> <nil> <nil>",
		}},
		{"traffic-by-endpoint-and-hour", "accelerator=a2 day=2026-01-09", []string{
			"2026-01-09 13:00:00 +0000 UTC e2 us-east-1 1 1 7 <nil> 700 700",
			"2026-01-09 14:00:00 +0000 UTC e3 <nil> 1 1 0 0 <nil> 0",
			"<nil> e3 <nil> 1 1 <nil> <nil> <nil> <nil>",
		}},
		{"traffic-by-endpoint-and-hour", "day=2025-01-09", []string{"2026-01-09 13:00:00 +0000 UTC e2 us-east-1 1 1 1 200000 <nil> 200000"}},
		{"traffic-by-endpoint-and-hour", "day=2024-01-09", nil},
		{"traffic-by-endpoint-and-hour", "accelerator='", nil},
		{"traffic-by-endpoint-and-hour", "accelerator=a1'||'", nil},
		{"traffic-by-edge-location", "", []string{"NRT57-2 2 1 30 1000 9000 10000", "DFW3 3 2 12 500 700 1200", "<nil> 2 2 0 0 <nil> 0"}},
		{"traffic-by-edge-location", "accelerator=%2", []string{"DFW3 1 1 7 <nil> 700 700", "<nil> 2 2 0 0 <nil> 0"}},
		{"new-client-addresses", "", []string{
			"c2 2026-01-09 13:00:00 +0000 UTC 2 500", "c4 2026-01-09 14:00:00 +0000 UTC 1 0", "c5 <nil> 1 <nil>",
		}},
		{"new-client-addresses", "days=31", []string{"c4 2026-01-09 14:00:00 +0000 UTC 1 0", "c5 <nil> 1 <nil>"}},
		{"new-client-addresses", "days=29 limit=2", []string{"c3 2026-01-09 13:59:00 +0000 UTC 1 700", "c2 2026-01-09 13:00:00 +0000 UTC 2 500"}},
		{"new-client-addresses", "days=0 limit=1", []string{"c1 2026-01-09 00:10:00 +0000 UTC 2 10000"}},
		{"new-client-addresses", "day=2026-01-10", []string{"c9 2026-01-10 00:00:00 +0000 UTC 1 1"}},
		{"port-scans", "", nil},
		{"port-scans", "day=2026-01-08", []string{"scanner 20 1000 1019 1 20 2026-01-08 05:00:00 +0000 UTC 2026-01-08 05:00:10 +0000 UTC 800"}},
		{"port-scans", "day=2026-01-08 ports=19", []string{
			"scanner 20 1000 1019 1 20 2026-01-08 05:00:00 +0000 UTC 2026-01-08 05:00:10 +0000 UTC 800",
			"shy 19 1001 1019 1 19 2026-01-08 05:00:00 +0000 UTC 2026-01-08 05:00:10 +0000 UTC 760",
		}},
		{"port-scans", "day=2026-01-08 ports=1 limit=1", []string{"scanner 20 1000 1019 1 20 2026-01-08 05:00:00 +0000 UTC 2026-01-08 05:00:10 +0000 UTC 800"}},
		{"one-way-flows", "", []string{
			"c3 1000 g 53 e2 80 TCP 0 7 700 2026-01-09 13:59:00 +0000 UTC 2026-01-09 13:59:10 +0000 UTC",
			"c2 1000 g 80 e2 80 TCP 5 0 500 2026-01-09 13:00:00 +0000 UTC 2026-01-09 13:00:10 +0000 UTC",
		}},
		{"one-way-flows", "limit=1", []string{"c3 1000 g 53 e2 80 TCP 0 7 700 2026-01-09 13:59:00 +0000 UTC 2026-01-09 13:59:10 +0000 UTC"}},
		{"top-talkers-of-an-hour", "", []string{"c3 1 7 <nil> 700 700", "c2 2 5 500 0 500"}},
		{"top-talkers-of-an-hour", "hour=2026-01-09T00", []string{"c1 2 30 1000 9000 10000"}},
		{"top-talkers-of-an-hour", "hour=2026-01-08T23", []string{"c1 1 1 100 <nil> 100"}},
		{"top-talkers-of-an-hour", "accelerator=a1", []string{"c2 2 5 500 0 500"}},
		{"top-talkers-of-an-hour", "limit=1", []string{"c3 1 7 <nil> 700 700"}},
		{"skipdata-windows", "", []string{
			"2026-01-09 10:00:00 +0000 UTC 2026-01-09 10:02:00 +0000 UTC a1 3",
			"2026-01-09 10:01:00 +0000 UTC 2026-01-09 10:02:00 +0000 UTC a2 1",
			"2026-01-09 10:02:00 +0000 UTC 2026-01-09 10:02:01 +0000 UTC <nil> 1",
			"2026-01-09 10:03:00 +0000 UTC 2026-01-09 10:04:00 +0000 UTC a1 1",
		}},
		{"skipdata-windows", "from=2026-01-10", nil},
		{"skipdata-windows", "to=2026-01-08", nil},
		{"bytes-by-month", "", []string{"2025-12 2 100000 <nil> <nil>", "2026-01 55 17861 100000 -82.1"}},
		{"bytes-by-month", "from=2025-01", []string{"2025-01 1 200000 <nil> <nil>", "2025-12 2 100000 <nil> <nil>", "2026-01 55 17861 100000 -82.1"}},
		{"bytes-by-month", "from=2026-01", []string{"2026-01 55 17861 <nil> <nil>"}},
		// The larger direction of each hour: 9000 of one, and of 13:00 the 500 of an accelerator and the 700 of the other.
		{"billed-bytes-by-endpoint-region", "", []string{"eu-west-1 7661 9000 15661", "us-east-1 500 700 1200", "<nil> 0 0 0"}},
		{"billed-bytes-by-endpoint-region", "from=2026-01-10 to=2026-01-10", []string{"eu-west-1 5001 0 5001"}},
	} {
		q, ok := queries.Find(test.query)
		if !ok {
			t.Fatalf("there is no query %s", test.query)
		}
		asked[q.Name] = true
		values := map[string]string{}
		for _, v := range strings.Fields(test.values) {
			name, value, _ := strings.Cut(v, "=")
			values[name] = value
		}
		sql, err := q.With(values)
		if err != nil {
			t.Errorf("%s %s: %v", test.query, test.values, err)
			continue
		}
		if got := answer(t, db, sql); !slices.Equal(got, test.want) {
			t.Errorf("%s %s gave:\n%s\nwant:\n%s", test.query, test.values, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
	all, err := queries.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if len(q.Parameters) > 0 && !asked[q.Name] {
			t.Errorf("%s is not tested", q.Name)
		}
	}
}

// TestNamedQueriesReadTheirDays says that a named query opens the files of the days that it is about, and no
// others: those of other days are damaged here after the lake was opened.
func TestNamedQueriesReadTheirDays(t *testing.T) {
	all, err := queries.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if len(q.Parameters) == 0 {
			continue
		}
		l := newLake(t, t.TempDir())
		for _, d := range []schema.Day{day(9), day(9 - 400), day(9 + 31)} {
			l.write(l.table.Partition(d).Location, "a.parquet", "clientip, bytes, starttime", "('c', 1, TIMESTAMP '2026-01-09 13:00:00')")
			l.register(d)
		}
		db := l.open(Options{})
		for _, d := range []schema.Day{day(9 - 400), day(9 + 31)} {
			damage(t, l, d)
		}
		if _, err := try(t.Context(), db, q.SQL); err != nil {
			t.Errorf("%s: %v", q.Name, err)
		}
		damage(t, l, day(9))
		if _, err := try(t.Context(), db, q.SQL); err == nil {
			t.Errorf("%s: does not read its day", q.Name)
		}
	}
}

// damage leaves a file of a day unreadable.
func damage(t *testing.T, l *testLake, d schema.Day) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.root, l.table.Partition(d).Location, "a.parquet"), []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
}
