package format

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	// tableRows bounds the rows of a table, which is held in memory.
	tableRows = 10_000
	// tableWidth is the longest text that a cell shows, in characters; the rest is cut.
	tableWidth = 100
)

// writeTable writes a table with the number of its rows below. What would not be seen in a terminal,
// or would command it, is written as an escape of Go's.
func writeTable(w io.Writer, rows Rows) (n int64, err error) {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	var header table.Row
	var configs []table.ColumnConfig
	for i, c := range rows.Columns() {
		header = append(header, cell(c.Name))
		if c.Numeric {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	more := false
	for rows.Next() {
		if more = n == tableRows; more {
			break
		}
		var row table.Row
		for _, v := range rows.Values() {
			if v == nil {
				row = append(row, "")
			} else {
				row = append(row, cell(plain(v)))
			}
		}
		t.AppendRow(row)
		n++
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(w, "%s\n%s\n", t.Render(), count(n, more))
	return n, err
}

// count gives the line below a table.
func count(n int64, more bool) string {
	switch {
	case more:
		return fmt.Sprintf("(the first %d rows; csv and json give all)", n)
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
