package format

import (
	"bufio"
	"io"
	"strings"
)

// writeCSV writes a header and a line for each row. Lines end in a line feed, as Athena's do. The
// package encoding/csv is not used because it cannot tell an empty text from NULL.
func writeCSV(w io.Writer, rows Rows) (n int64, err error) {
	b := bufio.NewWriter(w)
	columns := rows.Columns()
	for i, c := range columns {
		writeField(b, i, c.Name)
	}
	b.WriteByte('\n')
	for rows.Next() {
		values := rows.Values()
		for i, v := range values {
			switch {
			case v != nil:
				writeField(b, i, plain(v))
			case len(values) == 1:
				b.WriteString(`""`) // readers skip an empty line
			case i > 0:
				b.WriteByte(',')
			}
		}
		if err := b.WriteByte('\n'); err != nil {
			return n, err
		}
		n++
	}
	if err := rows.Err(); err != nil {
		b.Flush()
		return n, err
	}
	return n, b.Flush()
}

// writeField writes a field and the comma before it. Errors stay in b.
func writeField(b *bufio.Writer, i int, s string) {
	if i > 0 {
		b.WriteByte(',')
	}
	if s != "" && !strings.ContainsAny(s, "\",\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		b.WriteString(s)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(s, `"`, `""`))
	b.WriteByte('"')
}
