package queries

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	name    = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	comment = regexp.MustCompile(`--.*`)
	text    = regexp.MustCompile(`'[^']*'`)
)

func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, q := range all {
		if !name.MatchString(q.Name) || names[q.Name] {
			t.Errorf("%s: name is not one, or twice there", q.Name)
		}
		names[q.Name] = true
		if q.Description == "" || strings.TrimSpace(q.Description) != q.Description || len(q.Description) > 80 || !strings.HasSuffix(q.Description, ".") {
			t.Errorf("%s: want a description of one sentence in 80 bytes, have %q", q.Name, q.Description)
		}
		for i, line := range strings.Split(strings.TrimSuffix(q.SQL, "\n"), "\n") {
			if strings.TrimRight(line, " \t\r") != line || len(line) > 100 {
				t.Errorf("%s: line %d ends in blanks, or has more than 100 bytes", q.Name, i+1)
			}
		}
		statement := text.ReplaceAllString(comment.ReplaceAllString(q.SQL, ""), "''")
		if strings.Count(statement, ";") != 1 || !strings.HasSuffix(q.SQL, ";\n") {
			t.Errorf("%s: want one statement with a semicolon and a line end behind it", q.Name)
		}
		if !strings.Contains(strings.Join(strings.Fields(statement), " "), "FROM aga_flow_logs ") {
			t.Errorf("%s: want the table without a database", q.Name)
		}
	}
	for _, n := range []string{
		"billed-bytes-by-endpoint-region", "bytes-by-month", "new-client-addresses", "one-way-flows", "port-scans", "skipdata-windows",
		"top-talkers-by-bytes", "top-talkers-by-egress-bytes", "top-talkers-by-ingress-bytes", "top-talkers-by-packets",
		"top-talkers-of-an-hour", "traffic-by-edge-location", "traffic-by-endpoint-and-hour",
	} {
		if !names[n] {
			t.Errorf("%s: not there", n)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b Query) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted by name")
	}
}

func TestFind(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if got, ok := Find(q.Name); !ok || !reflect.DeepEqual(got, q) {
			t.Errorf("%s: found %v, %v", q.Name, got, ok)
		}
	}
	for _, n := range []string{"", "no-such", "top-talkers-by-bytes.sql", "../queries"} {
		if _, ok := Find(n); ok {
			t.Errorf("%q: found", n)
		}
	}
}
