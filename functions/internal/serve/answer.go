package serve

import (
	"context"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query/format"
)

// maxAnswer bounds the texts of an answer, in bytes: a row may be as large as it likes.
const maxAnswer = 16 << 20

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
	a := &Answer{Columns: []Column{}, Rows: [][]any{}}
	for _, c := range rows.Columns() {
		a.Columns = append(a.Columns, Column(c))
	}
	for size := 0; rows.Next(); {
		row := make([]any, len(a.Columns))
		for i, v := range rows.Values() {
			row[i] = format.JavaScript(v)
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
