package serve

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// maxAnswer bounds the texts of an answer, in bytes: a row may be as large as it likes.
const maxAnswer = 16 << 20

// Answer is the answer to a query.
type Answer struct {
	Columns []Column `json:"columns"`
	// Rows have a value for each column: null, a boolean, a number or a text. A number that a browser
	// would round is a text of its digits: integers beyond 2^53-1, and every DECIMAL. A timestamp is
	// a text such as 2026-01-09T00:00:00.000Z.
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
func ask(ctx context.Context, db *query.DB, sql string, maxRows int) (*Answer, error) {
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
			row[i] = valueOf(v)
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

// maxSafe is the largest integer up to which every one is a number of JavaScript.
const maxSafe = 1<<53 - 1

// valueOf gives a value of [query.Rows.Values] as JSON has it.
func valueOf(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case int64:
		if -maxSafe <= v && v <= maxSafe {
			return v
		}
		return strconv.FormatInt(v, 10)
	case uint64:
		if v <= maxSafe {
			return v
		}
		return strconv.FormatUint(v, 10)
	case *big.Int:
		if v.IsInt64() {
			return valueOf(v.Int64())
		}
		return v.String()
	case query.Decimal:
		return string(v)
	case float32:
		return float(float64(v), v)
	case float64:
		return float(v, v)
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000Z07:00")
	}
	panic(fmt.Sprintf("serve: no value of type %T", v))
}

// float gives a number, or the name of a float that is none. f is its value.
func float(f float64, v any) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return v
}
