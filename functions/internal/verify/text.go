package verify

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/flowlake/flowlake/schema"
)

// text is what a source object holds, as this package reads it.
type text struct {
	sha256 string // of the object, in hexadecimal digits
	bytes  int64  // of the object
	Counts
	days  map[schema.Day]*dayText
	first schema.Day // of the first record, NoDay where there is none
}

// dayText is what a source holds of one day.
type dayText struct {
	rows int64
	sums []*big.Int // of the columns that are added up
}

// contentError says that a source cannot be read because of what it holds.
type contentError struct{ error }

func (e contentError) Unwrap() error { return e.error }

// reader reads source objects again, each line in the simplest way. It is used by one goroutine, one
// object at a time.
type reader struct {
	table   *schema.Table
	time    int   // index of the time column
	sums    []int // indexes of the columns that are added up
	maxLine int
	maxDays int

	in      *bufio.Reader // gzip
	z       gzip.Reader
	lines   *bufio.Reader
	day     schema.Day // that the object's key names
	layout  schema.Layout
	started bool
	values  []int64 // of a record, by column; -1 for NULL
	term    big.Int
	text    *text
}

// Sizes of buffers, in bytes. A longer line than permitted may fit that of the text.
const (
	inBuffer  = 128 << 10
	outBuffer = 128 << 10
)

func newReader(t *schema.Table, sums []int, maxLine, maxDays int) *reader {
	return &reader{
		table: t, time: t.Column(t.TimeColumn), sums: sums, maxLine: maxLine, maxDays: maxDays,
		in:     bufio.NewReaderSize(nil, inBuffer),
		lines:  bufio.NewReaderSize(nil, max(outBuffer, maxLine+len("\r\n"))),
		values: make([]int64, len(t.Columns)),
	}
}

// read reads one object, whose key names that day. The error is a contentError, or that of the source.
func (r *reader) read(source io.Reader, day schema.Day) (*text, error) {
	s := &hashed{r: source, hash: sha256.New()}
	r.day, r.layout, r.started = day, r.table.DefaultLayout(), false
	r.text = &text{days: make(map[schema.Day]*dayText), first: schema.NoDay}
	r.in.Reset(s)
	err := r.z.Reset(r.in)
	if err == nil {
		r.lines.Reset(&r.z)
		err = r.readLines()
	}
	switch {
	case s.err != nil:
		return nil, s.err
	case err != nil:
		return nil, contentError{err}
	}
	r.text.sha256, r.text.bytes = hex.EncodeToString(s.hash.Sum(nil)), s.size
	return r.text, nil
}

// readLines reads all lines.
func (r *reader) readLines() error {
	for {
		line, err := r.lines.ReadSlice('\n')
		size := int64(len(line))
		long := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			var more []byte
			more, err = r.lines.ReadSlice('\n')
			size += int64(len(more))
		}
		r.text.Text += size
		if err != nil && err != io.EOF {
			return err
		}
		if size > 0 {
			r.text.Lines++
			if err := r.line(line, long); err != nil {
				return fmt.Errorf("line %d: %w", r.text.Lines, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// line counts one line: as blank, a header, a record or else a reject. Of a line that does not fit the
// buffer, as long says, only the length matters.
func (r *reader) line(line []byte, long bool) error {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case long || len(line) > r.maxLine:
		r.started = true
		r.text.Rejected++
		return nil
	case len(line) == 0:
		r.text.Blank++
		return nil
	}
	if !r.started {
		r.started = true
		if isHeader, err := r.header(line); isHeader || err != nil {
			return err
		}
	}
	day, ok := r.record(line)
	if ok {
		return r.add(day)
	}
	// What looks like a header further down and will not do is a line like any other.
	if isHeader, err := r.header(line); !isHeader || err != nil {
		r.text.Rejected++
	}
	return nil
}

// header reads a line as a header, if it is one.
func (r *reader) header(line []byte) (bool, error) {
	if c := line[0] | 0x20; c < 'a' || c > 'z' {
		return false, nil
	}
	layout, ok, err := r.table.ParseHeader(string(line))
	if err != nil || !ok {
		return false, err
	}
	r.text.Headers++
	r.layout = layout
	return true, nil
}

// record reads a line as a record: sets the values of its columns of numbers, and gives its day. It gives
// false if the line is none.
func (r *reader) record(line []byte) (schema.Day, bool) {
	for i := range r.values {
		r.values[i] = -1
	}
	fields := 0
	for rest, more := line, true; more; fields++ {
		var field []byte
		field, rest, more = bytes.Cut(rest, []byte(" "))
		if fields == len(r.layout.Columns) {
			return 0, false
		}
		c := r.layout.Columns[fields]
		if c < 0 || r.table.Columns[c].Type == schema.String || len(field) == 0 || len(field) == 1 && field[0] == '-' {
			continue
		}
		const digits = 19 // of the largest number
		v, err := strconv.ParseUint(string(field), 10, 64)
		if err != nil || v > uint64(r.table.Columns[c].Limit()) || len(field) > digits {
			return 0, false
		}
		r.values[c] = int64(v)
	}
	day := r.day
	if at := r.values[r.time]; at >= 0 {
		day = schema.DayOf(at)
	}
	return day, fields >= r.layout.Min && day != schema.NoDay && utf8.Valid(line)
}

// add counts the record that was read.
func (r *reader) add(day schema.Day) error {
	d := r.text.days[day]
	if d == nil {
		if len(r.text.days) == r.maxDays {
			return fmt.Errorf("want records of at most %d days, have one more: %s", r.maxDays, day)
		}
		d = &dayText{}
		for range r.sums {
			d.sums = append(d.sums, new(big.Int))
		}
		if len(r.text.days) == 0 {
			r.text.first = day
		}
		r.text.days[day] = d
	}
	r.text.Rows++
	d.rows++
	for i, c := range r.sums {
		if v := r.values[c]; v > 0 {
			d.sums[i].Add(d.sums[i], r.term.SetInt64(v))
		}
	}
	return nil
}

// hashed hashes and counts what is read, and remembers whether it was the source that failed.
type hashed struct {
	r    io.Reader
	hash hash.Hash
	size int64
	err  error
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	h.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}
