package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// jsonTime is how a timestamp looks in JSON.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// writeJSON writes an array of objects. Two columns of one name are an error, because an object
// cannot have both.
func writeJSON(w io.Writer, rows Rows) (n int64, err error) {
	out := bufio.NewWriter(w)
	n, err = writeObjects(out, "[\n", ",\n", rows)
	if err != nil {
		out.Flush()
		return n, err
	}
	if n == 0 {
		out.WriteByte('[')
	} else {
		out.WriteByte('\n')
	}
	out.WriteString("]\n")
	return n, out.Flush()
}

// writeNDJSON writes an object on each line. Two columns of one name are an error there, too.
func writeNDJSON(w io.Writer, rows Rows) (n int64, err error) {
	out := bufio.NewWriter(w)
	n, err = writeObjects(out, "", "\n", rows)
	if n > 0 {
		out.WriteByte('\n')
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return n, err
}

// writeObjects writes an object for each row, with first before the first and next before the others.
func writeObjects(out *bufio.Writer, first, next string, rows Rows) (n int64, err error) {
	keys, err := jsonKeys(rows.Columns())
	if err != nil {
		return 0, err
	}
	var line bytes.Buffer
	texts := json.NewEncoder(&line)
	texts.SetEscapeHTML(false)
	for before := first; rows.Next(); before = next {
		line.Reset()
		line.WriteString(before)
		for i, v := range rows.Values() {
			line.WriteString(keys[i])
			if err := appendJSON(&line, texts, v); err != nil {
				return n, err
			}
		}
		line.WriteByte('}')
		if _, err := out.Write(line.Bytes()); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// jsonKeys gives what stands before each value of an object.
func jsonKeys(columns []query.Column) ([]string, error) {
	var keys []string
	seen := make(map[string]bool)
	for i, c := range columns {
		if seen[c.Name] {
			return nil, fmt.Errorf("two columns have the name %q: rename one with AS", c.Name)
		}
		seen[c.Name] = true
		var key bytes.Buffer
		e := json.NewEncoder(&key)
		e.SetEscapeHTML(false)
		if err := e.Encode(c.Name); err != nil {
			return nil, err
		}
		before := ","
		if i == 0 {
			before = "{"
		}
		keys = append(keys, before+string(bytes.TrimSpace(key.Bytes()))+":")
	}
	return keys, nil
}

// appendJSON appends a value. What texts encodes goes to b, too.
func appendJSON(b *bytes.Buffer, texts *json.Encoder, v any) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case time.Time:
		b.WriteString(`"` + v.Format(jsonTime) + `"`)
	case string:
		if err := texts.Encode(v); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder's line feed
	default:
		if s := number(v); finite(v) {
			b.WriteString(s)
		} else {
			b.WriteString(`"` + s + `"`)
		}
	}
	return nil
}

// finite says that a number is one for JSON, which has no infinity.
func finite(v any) bool {
	var f float64
	switch v := v.(type) {
	case float32:
		f = float64(v)
	case float64:
		f = v
	}
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}
