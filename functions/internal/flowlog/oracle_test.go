package flowlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// result is all that reading gives, in a form that compares and prints.
type result struct {
	rows    map[schema.Day][]string // by day, each row with its columns joined by "|"
	batches []string                // day and rows of each batch, in order
	texts   []int                   // number of texts in each dictionary of each batch
	rejects []string                // "line: reason: raw"
	counts  Counts
	err     error
}

// collector is a Sink that keeps everything.
type collector struct {
	table *schema.Table
	result
	fail error // what Batch and Reject give, if set
}

func (c *collector) NewBatch(day schema.Day) *batch.Batch {
	b := batch.New(c.table)
	b.Reset(day)
	return b
}

func (c *collector) Batch(b *batch.Batch) error {
	if c.fail != nil {
		return c.fail
	}
	c.batches = append(c.batches, fmt.Sprintf("%s:%d", b.Day, b.Rows))
	for i := range b.Columns {
		c.texts = append(c.texts, b.Columns[i].Dict.Len())
	}
	for row := range b.Rows {
		fields := make([]string, len(b.Columns))
		for i := range b.Columns {
			column := &b.Columns[i]
			switch {
			case column.IsNull(row):
				fields[i] = "NULL"
			case b.Table.Columns[i].Type == schema.String:
				fields[i] = strconv.Quote(string(column.Text(row)))
			default:
				fields[i] = strconv.FormatInt(column.Number(row), 10)
			}
		}
		c.rows[b.Day] = append(c.rows[b.Day], strings.Join(fields, "|"))
	}
	return nil
}

func (c *collector) Reject(r Reject) error {
	if c.fail != nil {
		return c.fail
	}
	c.rejects = append(c.rejects, fmt.Sprintf("%d: %s: %q", r.Line, r.Reason, r.Raw))
	return nil
}

// read reads a gzip stream of Global Accelerator records.
func read(r io.Reader, o Options) result {
	c := &collector{table: schema.GlobalAccelerator(), result: result{rows: map[schema.Day][]string{}}}
	if o.Object == "" {
		o.Object = "test.log.gz"
	}
	c.counts, c.err = Read(r, c.table, o, c)
	return c.result
}

func readText(text string, o Options) result { return read(bytes.NewReader(compress(text)), o) }

// compress gives the gzip of a text.
func compress(text string) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	io.WriteString(w, text)
	w.Close()
	return buf.Bytes()
}

// oracle reads text the plain way: split into lines, split into fields. It shares no code with the
// package but the layout that a header gives.
func oracle(text string, o Options) result {
	t := schema.GlobalAccelerator()
	res := result{rows: map[schema.Day][]string{}}
	layout := t.DefaultLayout()
	maxLine := o.MaxLine
	if maxLine == 0 {
		maxLine = DefaultMaxLine
	}
	lines := strings.SplitAfter(text, "\n")
	started := false
	header := func(line string) bool {
		if c := line[0] | 0x20; c < 'a' || c > 'z' || res.err != nil {
			return false
		}
		l, ok, err := t.ParseHeader(line)
		if err != nil {
			res.err = err
			return true
		}
		if ok {
			layout = l
			res.counts.Headers++
			res.counts.UnknownFields += int64(len(l.Unknown))
		}
		return ok
	}
	res.counts.Text = int64(len(text))
	for _, line := range lines {
		if line == "" {
			continue // behind the last line end
		}
		res.counts.Lines++
		raw := strings.TrimSuffix(line, "\n")
		// The line end of a long line is judged as it arrives, before a \r is known to be one.
		long := len(strings.TrimSuffix(raw, "\r")) > maxLine
		if !long {
			raw = strings.TrimSuffix(raw, "\r")
		}
		if raw == "" {
			res.counts.Blank++
			continue
		}
		if long {
			started = true
			res.reject(raw[:maxLine], fmt.Sprintf("want a line of at most %d bytes", maxLine))
			continue
		}
		if !started {
			started = true
			if header(raw) {
				if res.err != nil {
					return res
				}
				continue
			}
		}
		day, row, why := oracleRecord(t, layout, o, raw)
		if why == "" {
			res.rows[day] = append(res.rows[day], row)
			res.counts.Rows++
			continue
		}
		if header(raw) && res.err == nil {
			continue
		}
		res.err = nil // a header that will not do is a line like any other
		res.reject(raw, why)
	}
	return res
}

func (r *result) reject(raw, why string) {
	r.counts.Rejected++
	r.rejects = append(r.rejects, fmt.Sprintf("%d: %s: %q", r.counts.Lines, why, raw))
}

func oracleRecord(t *schema.Table, layout schema.Layout, o Options, raw string) (schema.Day, string, string) {
	if !utf8.ValidString(raw) {
		return 0, "", "want UTF-8 text"
	}
	fields := strings.Split(raw, " ")
	if len(fields) < layout.Min || len(fields) > len(layout.Columns) {
		return 0, "", fmt.Sprintf("want %s, have %d", wantFields(layout), len(fields))
	}
	row := make([]string, len(t.Columns))
	for i := range row {
		row[i] = "NULL"
	}
	// The start time comes first, because it gives the day.
	order := []int{}
	for i, c := range layout.Columns {
		if c >= 0 && t.Columns[c].Name == t.TimeColumn {
			order = append(order, i)
		}
	}
	if len(order) == 0 && o.Day == schema.NoDay {
		return 0, "", (&fault{column: &t.Columns[t.Column(t.TimeColumn)]}).String()
	}
	for i := range layout.Columns {
		order = append(order, i)
	}
	day := o.Day
	for _, i := range order {
		c := layout.Columns[i]
		if i >= len(fields) || c < 0 || fields[i] == "" || fields[i] == "-" {
			if c >= 0 && t.Columns[c].Name == t.TimeColumn && day == schema.NoDay {
				return 0, "", (&fault{column: &t.Columns[c]}).String()
			}
			continue
		}
		column := &t.Columns[c]
		if column.Type == schema.String {
			row[c] = strconv.Quote(fields[i])
			continue
		}
		v, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil || v > uint64(column.Limit()) || len(fields[i]) > 19 || fields[i][0] == '+' {
			return 0, "", (&fault{column, []byte(fields[i])}).String()
		}
		if column.Type == schema.Timestamp {
			if column.Name == t.TimeColumn {
				day = schema.DayOf(int64(v))
			}
		}
		row[c] = strconv.FormatUint(v, 10)
	}
	return day, strings.Join(row, "|"), ""
}

// compare fails the test where the reader and the oracle disagree.
func compare(t *testing.T, text string, o Options) {
	t.Helper()
	got, want := readText(text, o), oracle(text, o)
	if (got.err != nil) != (want.err != nil) {
		t.Fatalf("error %v, want %v\ntext %q", got.err, want.err, clip(text))
	}
	if got.err != nil {
		var e *Error
		if !errors.As(got.err, &e) || e.Retryable() {
			t.Fatalf("error %v is not an *Error", got.err)
		}
		return
	}
	if got.counts != want.counts {
		t.Fatalf("counts %+v, want %+v\ntext %q", got.counts, want.counts, clip(text))
	}
	c := got.counts
	if c.Lines != c.Rows+c.Rejected+c.Headers+c.Blank {
		t.Fatalf("lines do not add up: %+v", c)
	}
	if g, w := fmt.Sprint(got.rejects), fmt.Sprint(want.rejects); g != w {
		t.Fatalf("rejects\n%s\nwant\n%s\ntext %q", clip(g), clip(w), clip(text))
	}
	if len(got.rows) != len(want.rows) {
		t.Fatalf("%d days, want %d", len(got.rows), len(want.rows))
	}
	for day, rows := range want.rows {
		for i, w := range rows {
			if i >= len(got.rows[day]) || got.rows[day][i] != w {
				t.Fatalf("%s row %d of %d\n%s\nwant, of %d,\n%s", day, i, len(got.rows[day]), at(got.rows[day], i), len(rows), w)
			}
		}
	}
}

func at(rows []string, i int) string {
	if i < len(rows) {
		return rows[i]
	}
	return "nothing"
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:4000] + "..."
	}
	return s
}
