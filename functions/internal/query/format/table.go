package format

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/flowlake/flowlake/functions/internal/query"
)

const (
	// tableRows bounds the rows of a table, which is held in memory.
	tableRows = 10_000
	// tableWidth is the longest text that a cell shows, in characters; the rest is cut.
	tableWidth = 100
	// leastText is the least that is left of a text that is cut to fit a terminal: two numbers of an address.
	leastText = 8
	// leastName is the least that is left of a name above numbers.
	leastName = 4
)

// Screen says how a table is written for a terminal.
type Screen struct {
	// Width is the terminal's, in characters. Texts, and names above numbers, are cut so that a row is
	// no wider; a number is never cut. Where too little would be left of them, the columns stand below
	// each other, row after row. 0 is no limit.
	Width int
	// Raw has bytes written as they are. Otherwise numbers in columns whose names end in "bytes" are
	// written with a unit: 276 GB.
	Raw bool
}

// writeTable writes a table with the number of its rows below. What would not be seen in a terminal,
// or would command it, is written as an escape of Go's.
func writeTable(w io.Writer, s Screen, rows Rows) (n int64, err error) {
	columns := rows.Columns()
	lines := [][]string{make([]string, len(columns))} // the header first
	for i, c := range columns {
		lines[0][i] = cell(c.Name)
	}
	more := false
	for rows.Next() {
		if more = n == tableRows; more {
			break
		}
		line := make([]string, len(columns))
		for i, v := range rows.Values() {
			switch {
			case v == nil:
			case !s.Raw && bytesColumn(columns[i]):
				line[i] = humanBytes(v)
			default:
				line[i] = cell(plain(v))
			}
		}
		lines = append(lines, line)
		n++
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if s.Width > 0 {
		if needed := fit(lines, columns, s.Width); needed > s.Width {
			_, err = fmt.Fprintf(w, "%s%s\n(a table would be %d characters wide)\n", upright(lines, columns, s.Width), count(n, more), needed)
			return n, err
		}
	}
	_, err = fmt.Fprintf(w, "%s\n%s\n", render(lines, columns), count(n, more))
	return n, err
}

// render draws a table.
func render(lines [][]string, columns []query.Column) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	var configs []table.ColumnConfig
	for i, c := range columns {
		if c.Numeric {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.SetColumnConfigs(configs)
	for i, line := range lines {
		row := make(table.Row, len(line))
		for j, s := range line {
			row[j] = s
		}
		if i == 0 {
			t.AppendHeader(row)
		} else {
			t.AppendRow(row)
		}
	}
	return t.Render()
}

// bytesColumn says whether a column's numbers are bytes, by its name.
func bytesColumn(c query.Column) bool {
	return c.Numeric && strings.HasSuffix(strings.ToLower(c.Name), "bytes")
}

// humanBytes gives a number of bytes with its unit; one that is negative, or no integer, as it is.
func humanBytes(v any) string {
	switch v := v.(type) {
	case int64:
		if v >= 0 {
			return humanize.Bytes(uint64(v))
		}
	case uint64:
		return humanize.Bytes(v)
	case *big.Int:
		if v.Sign() >= 0 {
			return humanize.BigBytes(v)
		}
	}
	return cell(plain(v))
}

// count gives the line below a table.
func count(n int64, more bool) string {
	switch {
	case more:
		return fmt.Sprintf("(the first %d rows; other formats give all)", n)
	case n == 1:
		return "(1 row)"
	}
	return fmt.Sprintf("(%d rows)", n)
}

// cell makes a text fit for a cell.
func cell(s string) string {
	if utf8.RuneCountInString(s) > tableWidth {
		s = string([]rune(s)[:tableWidth-1]) + "…"
	}
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
