// Package format writes the rows of a query for people and programs.
//
// Numbers are written exactly, timestamps to the millisecond, as Athena has them.
package format

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// Rows are what is written; a [*query.Rows] is such. Values are those of [query.Rows.Values].
type Rows interface {
	// Columns gives the columns, in the order of the values.
	Columns() []query.Column
	// Next goes to the next row, and gives false when there is none.
	Next() bool
	// Values gives the values of the row, valid until the next call of Next.
	Values() []any
	// Err gives the error that ended the rows, or nil.
	Err() error
}

// The formats.
const (
	Table = "table" // for a terminal; see [Write] for its bounds
	CSV   = "csv"   // RFC 4180, with a header
	JSON  = "json"  // an array of objects, one on each line
	// NDJSON is an object on each line, as JSON has them, and nothing else.
	NDJSON = "ndjson"
)

// Names gives the valid formats, the default one first.
func Names() []string { return []string{Table, CSV, JSON, NDJSON} }

// Check gives an error for a format that is not one of [Names].
func Check(format string) error {
	if !slices.Contains(Names(), format) {
		return fmt.Errorf("unknown format %q, want one of %q", format, Names())
	}
	return nil
}

// Write writes rows to their end in a format of [Names], and gives the number of rows written. It
// does not close the rows. After an error, what was written so far stands, and is not a whole
// document.
//
// CSV, JSON and NDJSON are written row by row, in little memory. A table is held in memory, so it has the
// first 10,000 rows only, and says so if there are more.
//
// NULL is an empty field in CSV (and an empty text is "", as is a NULL that is alone in its line), null in JSON and blank in a table.
// Timestamps are UTC: 2026-01-09 00:00:00.000, in JSON 2026-01-09T00:00:00.000Z.
func Write(w io.Writer, format string, rows Rows) (n int64, err error) {
	if err := Check(format); err != nil {
		return 0, err
	}
	switch format {
	case CSV:
		n, err = writeCSV(w, rows)
	case JSON:
		n, err = writeJSON(w, rows)
	case NDJSON:
		n, err = writeNDJSON(w, rows)
	case Table:
		n, err = writeTable(w, Screen{Raw: true}, rows) // no terminal
	}
	if err != nil {
		return n, fmt.Errorf("write %s: %w", format, err)
	}
	return n, nil
}

// WriteScreen writes a table as [Write] does, for a terminal.
func WriteScreen(w io.Writer, s Screen, rows Rows) (n int64, err error) {
	n, err = writeTable(w, s, rows)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", Table, err)
	}
	return n, nil
}

// plain gives a value other than NULL as it stands in CSV and in a table.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format("2006-01-02 15:04:05.000")
	}
	return number(v)
}

// number gives a number's digits, or the name of a float that is none.
func number(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case *big.Int:
		return v.String()
	case query.Decimal:
		return string(v)
	case float32:
		return float(float64(v), v)
	case float64:
		return float(v, v)
	}
	panic(fmt.Sprintf("format: no value of type %T", v))
}

// float gives the shortest digits that stand for v, in the way of encoding/json. f is its value.
func float(f float64, v any) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	digits, _ := json.Marshal(v) // cannot fail: the number is finite
	return string(digits)
}
