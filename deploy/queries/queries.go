// Package queries holds the named queries: SQL that Athena and DuckDB run as it stands, over a table
// that is named without its database.
//
// A query is a file <name>.sql with one statement, whose first line is a comment that describes it.
// What can be set in it is a [Parameter]; the file has a default, so that it runs unchanged.
package queries

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Query is a named query.
type Query struct {
	// Name is the file's name without .sql.
	Name string
	// Description is one line.
	Description string
	// SQL is the file's text, comments and all: one statement that ends in a semicolon.
	SQL string
	// Parameters are what [Query.With] sets, in the order of the text.
	Parameters []Parameter
}

// All gives every query, by name.
func All() ([]Query, error) {
	entries, err := files.ReadDir(".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("list queries: %w", err)
	}
	var all []Query
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read query %s: %w", e.Name(), err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		description, ok := strings.CutPrefix(first, "-- ")
		if !ok {
			return nil, fmt.Errorf("read query %s: first line is no description", e.Name())
		}
		p, err := parameters(string(text))
		if err != nil {
			return nil, fmt.Errorf("read query %s: %w", e.Name(), err)
		}
		all = append(all, Query{strings.TrimSuffix(e.Name(), ".sql"), description, string(text), p})
	}
	return all, nil
}

// Find gives the query of that name.
func Find(name string) (Query, bool) {
	all, err := All()
	if err != nil {
		return Query{}, false // the files are compiled in, so a test sees this
	}
	for _, q := range all {
		if q.Name == name {
			return q, true
		}
	}
	return Query{}, false
}
