package queries

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// marker finds what looks like a parameter, however it is written.
var marker = regexp.MustCompile(`/\*`)

// TestParametersOfFiles says that every marker of a file is a parameter, that a reader of Athena's
// saved queries is told its literal, and that partitions are chosen by constants.
func TestParametersOfFiles(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		statement := comment.ReplaceAllString(q.SQL, "")
		if markers, found := len(marker.FindAllString(statement, -1)), len(literal.FindAllString(statement, -1)); markers != found {
			t.Errorf("%s: %d comments in the statement, of which %d are parameters", q.Name, markers, found)
		}
		if len(literal.FindAllString(q.SQL, -1)) != len(literal.FindAllString(statement, -1)) {
			t.Errorf("%s: a parameter in a comment", q.Name)
		}
		explained := strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(comment.FindAllString(q.SQL, -1), " "), "-- ", "")), " ")
		selects := false
		for _, p := range q.Parameters {
			switch p.Type {
			case Date, Month, Hour:
				selects = true
				l, err := p.literal(p.Default)
				if err != nil {
					t.Errorf("%s: default: %v", q.Name, err)
				}
				if !regexp.MustCompile("In Athena write (an)?other").MatchString(explained) || !strings.Contains(explained, l) {
					t.Errorf("%s: the comment does not say how to change %s", q.Name, l)
				}
			}
		}
		if selects && !regexp.MustCompile(`WHERE year >?= substr\(/\* :[a-z]+ \*/ '2|WHERE year >= substr\(CAST\(CAST\(CAST\(/\* :day \*/ '2`).MatchString(statement) {
			t.Errorf("%s: does not choose partitions by the year first", q.Name)
		}
		unchanged, err := q.With(nil)
		if err != nil || unchanged != q.SQL {
			t.Errorf("%s: without values it is another: %v", q.Name, err)
		}
		defaults := map[string]string{}
		for _, p := range q.Parameters {
			defaults[p.Name] = p.Default
		}
		if same, err := q.With(defaults); err != nil || same != q.SQL {
			t.Errorf("%s: with its defaults it is another: %v\n%s", q.Name, err, same)
		}
	}
}

func TestParameters(t *testing.T) {
	got, err := parameters(`-- see /* :none */ there
SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ 'it''s', /* :empty */ '',
	/* :day */ '2026-01-09', '/* no */', /* :late */ '2026-02-30'`)
	want := []Parameter{
		{"day", Date, "2026-01-09"}, {"hour", Hour, "2026-01-09T13"}, {"month", Month, "2026-01"}, {"n", Number, "30"},
		{"text", Text, "it's"}, {"empty", Text, ""}, {"late", Text, "2026-02-30"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("have %v, %v, want %v", got, err, want)
	}
	if _, err := parameters("SELECT /* :n */ 30, /* :n */ 31"); err == nil || !strings.Contains(err.Error(), "30") || !strings.Contains(err.Error(), "31") {
		t.Errorf("two defaults: error is %v", err)
	}
}

func query(t *testing.T, sql string) Query {
	t.Helper()
	p, err := parameters(sql)
	if err != nil {
		t.Fatal(err)
	}
	return Query{Name: "q", SQL: sql, Parameters: p}
}

func TestWith(t *testing.T) {
	q := query(t, `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ 'it''s', /* :day */ '2026-01-09'`)
	for _, test := range []struct{ name, value, want string }{
		{"day", "2024-02-29", `SELECT /* :day */ '2024-02-29', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ 'it''s', /* :day */ '2024-02-29'`},
		{"hour", "2026-01-10T00", `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-10 00', /* :month */ '2026-01', /* :n */ 30, /* :text */ 'it''s', /* :day */ '2026-01-09'`},
		{"month", "2025-12", `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2025-12', /* :n */ 30, /* :text */ 'it''s', /* :day */ '2026-01-09'`},
		{"n", "007", `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 7, /* :text */ 'it''s', /* :day */ '2026-01-09'`},
		{"text", `'; DROP TABLE x; -- \' /* :n */ 5 $1`, `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ '''; DROP TABLE x; -- \'' /* :n */ 5 $1', /* :day */ '2026-01-09'`},
		{"text", "", `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ '', /* :day */ '2026-01-09'`},
	} {
		if got, err := q.With(map[string]string{test.name: test.value}); err != nil || got != test.want {
			t.Errorf("%s=%s:\n%s, %v, want\n%s", test.name, test.value, got, err, test.want)
		}
	}
}

func TestWithWrongValues(t *testing.T) {
	q := query(t, `SELECT /* :day */ '2026-01-09', /* :hour */ '2026-01-09 13', /* :month */ '2026-01', /* :n */ 30, /* :text */ 'it''s'`)
	for _, test := range []struct{ name, value, want string }{
		{"dya", "2026-01-09", `want another name than "dya"; query q takes`},
		{"day", "", `day: want a date such as 2026-01-09, have ""`},
		{"day", "2026-02-30", `day: want a date such as 2026-01-09, have "2026-02-30"`},
		{"day", "2026-01-09' OR '1'='1", `day: want a date such as 2026-01-09`},
		{"day", "0000-01-01", `day: want a date`},
		{"hour", "2026-01-09", `hour: want an hour such as 2026-01-09T13, have "2026-01-09"`},
		{"hour", "2026-01-09T24", `hour: want an hour`},
		{"month", "2026-13", `month: want a month such as 2026-01, have "2026-13"`},
		{"n", "", `n: want a number from 0 to 999999999, have ""`},
		{"n", "-1", `n: want a number`},
		{"n", "1 OR 1", `n: want a number`},
		{"n", "1000000000", `n: want a number`},
		{"text", "a\x00b", `text: want a text without zero bytes`},
	} {
		got, err := q.With(map[string]string{test.name: test.value})
		if err == nil || got != "" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%s: have %s, %v, want %s", test.name, test.value, got, err, test.want)
			continue
		}
		for _, p := range []string{"day=2026-01-09 (date)", "hour=2026-01-09T13 (hour)", "month=2026-01 (month)", "n=30 (number)", "text=it's (text)"} {
			if !strings.Contains(err.Error(), p) {
				t.Errorf("%s=%s: %v does not list %s", test.name, test.value, err, p)
			}
		}
	}
	if _, err := query(t, "SELECT 1").With(map[string]string{"day": "2026-01-09"}); err == nil || !strings.Contains(err.Error(), "takes no parameters") {
		t.Errorf("no parameters: error is %v", err)
	}
}
