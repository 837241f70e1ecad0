package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query/format"
)

// Limits of an answer: a row may be as large as it likes.
const (
	// maxAnswer bounds the values, in bytes: a text has as many as it takes, and each value
	// valueSize more.
	maxAnswer = 16 << 20
	valueSize = 8
	// maxColumns is more than anybody looks at.
	maxColumns = 1000
)

// errTooWide is the cause of the error of a query whose answer has too many columns.
var errTooWide = fmt.Errorf("want at most %d columns", maxColumns)

// Answer is the answer to a query.
type Answer struct {
	Columns []Column `json:"columns"`
	// Rows have a value for each column, as [format.JavaScript] gives it: null, a boolean, a number or a
	// text, such as of a number that a browser would round.
	Rows [][]any `json:"rows"`
	// Truncated says that there are more rows than the limit, or that they are too large.
	Truncated bool `json:"truncated"`
	// Seconds is how long the query ran.
	Seconds float64 `json:"seconds"`
}

// Column is a column of an answer; the type is DuckDB's.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Numeric bool   `json:"numeric"`
}

// ask runs a query and gives its first rows.
func ask(ctx context.Context, db Engine, sql string, maxRows int) (*Answer, error) {
	began := time.Now()
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if n := len(rows.Columns()); n > maxColumns {
		return nil, fmt.Errorf("have %d columns: %w", n, errTooWide)
	}
	a := &Answer{Columns: []Column{}, Rows: [][]any{}}
	for _, c := range rows.Columns() {
		a.Columns = append(a.Columns, Column(c))
	}
	for size := 0; rows.Next(); {
		row := make([]any, len(a.Columns))
		for i, v := range rows.Values() {
			row[i] = format.JavaScript(v)
			size += valueSize
			if s, ok := row[i].(string); ok {
				size += len(s)
			}
		}
		if len(a.Rows) == maxRows || size > maxAnswer {
			a.Truncated = true
			break
		}
		a.Rows = append(a.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	a.Seconds = seconds(time.Since(began))
	return a, nil
}
