package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	names := []string{"bytes-by-month", "port-scans", "skipdata-windows", "top-talkers-by-bytes", "top-talkers-by-packets"}
	for typed, want := range map[string]string{
		"port-scan":                "port-scans",
		"prot-scans":               "port-scans",
		"Port-Scans":               "port-scans",
		"scans":                    "port-scans",
		"skipdata":                 "skipdata-windows",
		"skip-data":                "skipdata-windows",
		"top-takers":               "top-talkers-by-bytes top-talkers-by-packets",
		"talkers-by-packet":        "top-talkers-by-packets",
		"top-talkers-by-bytes2":    "top-talkers-by-bytes",
		"bytes-of-month":           "bytes-by-month",
		"quarterly-report":         "",
		"x":                        "",
		"":                         "",
		"to":                       "",
		"\xff\xff\xff\u65e5\u672c": "",
	} {
		if got := suggest(typed, names); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: have %q, want %q", typed, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		typed, name string
		want        int
	}{
		{"", "", 0}, {"", "abc", 0}, {"abc", "", 3}, {"abc", "xabcx", 0}, {"abc", "xabx", 1}, {"abc", "xazcx", 1}, {"abc", "xazbcx", 1}, {"abc", "xyz", 3}, {"kitten", "sitting", 2},
	} {
		if got := distance(test.typed, test.name); got != test.want {
			t.Errorf("%q in %q: %d, want %d", test.typed, test.name, got, test.want)
		}
	}
}
