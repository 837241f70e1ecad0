package flowlog

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/flowlake/flowlake/schema"
)

// maxChunk is the stretch of text, in bytes, that is scanned and then filled: about 70 lines, whose
// delimiters fit a first-level cache.
const maxChunk = 16 << 10

// line is one line of a chunk, in terms of delimiters: field i lies between the delimiters first+i
// and first+i+1.
type line struct {
	first  int32
	fields int32
}

// parser turns text into batches. It is used by one goroutine.
type parser struct {
	table  *schema.Table
	o      Options
	sink   Sink
	counts Counts

	layout    schema.Layout
	timeField int   // the field that holds the start time, -1 where the header names none
	absent    []int // the columns that no field takes

	started  bool // the first line that is not blank was read
	skipping bool // the text is inside a line that was rejected as too long

	open map[schema.Day]*filling // nil for a day whose batches were handed over
	rows int                     // the rows of all open batches together

	ends    [maxChunk + 2]uint32 // positions of delimiters; the first is the one in front of the chunk
	masks   masks
	enders  []int32 // which of them are control characters
	lines   []line
	one     []uint32 // delimiters of a line that is read on its own
	seconds []int64  // start times of the lines that are being filled, -1 for NULL
	days    []schema.Day

	parts []part // the lines that are being filled, by day
}

func newParser(t *schema.Table, o Options, sink Sink) *parser {
	p := &parser{table: t, o: o, sink: sink, open: make(map[schema.Day]*filling)}
	p.setLayout(t.DefaultLayout())
	return p
}

func (p *parser) setLayout(l schema.Layout) {
	p.layout = l
	p.timeField = slices.Index(l.Columns, p.table.Column(p.table.TimeColumn))
	p.absent = p.absent[:0]
	for c := range p.table.Columns {
		if !slices.Contains(l.Columns, c) {
			p.absent = append(p.absent, c)
		}
	}
}

// block reads the whole lines of buf[from:to], which starts at the start of a line unless the parser
// is skipping. It gives the position of the first byte that it did not read: at most MaxLine bytes
// are left, the beginning of a line.
func (p *parser) block(buf []byte, from, to int) (rest int, err error) {
	for from < to {
		if p.skipping {
			i := bytes.IndexByte(buf[from:to], '\n')
			if i < 0 {
				return to, nil
			}
			p.skipping = false
			from += i + 1
			continue
		}
		end := min(from+maxChunk, to)
		notASCII := p.scan(buf, from, end)
		next, err := p.chunk(buf, from, notASCII)
		if err != nil {
			return 0, err
		}
		if next == from { // a line longer than the chunk, or a part of one
			i := bytes.IndexByte(buf[end:to], '\n')
			switch {
			case i >= 0:
				next = end + i + 1
				err = p.line(buf, from, next-1)
			case to-from <= p.o.MaxLine:
				return from, nil
			default:
				p.skipping = true
				next = to
				p.counts.Lines++
				err = p.tooLong(buf[from:to])
			}
			if err != nil {
				return 0, err
			}
		}
		from = next
	}
	return to, nil
}

// close reads the last line, if it has no line end, and hands over all open batches.
func (p *parser) close(tail []byte) error {
	if len(tail) > 0 && !p.skipping {
		const front = 8 // as in a block, there is something in front of the text
		buf := make([]byte, front+len(tail)+slack)
		copy(buf[front:], tail)
		if err := p.line(buf, front, front+len(tail)); err != nil {
			return err
		}
	}
	for len(p.open) > 0 {
		day := schema.Day(0)
		first := true
		for d := range p.open {
			if first || d < day {
				day, first = d, false
			}
		}
		if err := p.handOver(day); err != nil {
			return err
		}
		delete(p.open, day)
	}
	return nil
}

// chunk reads the whole lines among the delimiters that scan found in the text that starts at from,
// and gives the position behind the last of them.
func (p *parser) chunk(buf []byte, from int, notASCII bool) (next int, err error) {
	p.ends[0] = uint32(from - 1)
	next = from
	first := int32(0) // the delimiter in front of the line
	controls := 0     // control characters in the line
	p.lines = p.lines[:0]
	for _, e := range p.enders {
		end := int(p.ends[e])
		if buf[end] != '\n' {
			controls++
			continue
		}
		l := line{first: first, fields: e - first}
		if controls == 1 && buf[end-1] == '\r' {
			controls = 0
			l.fields-- // \r\n ends the line: its last field ends at the \r
		}
		blank := end == next || end == next+1 && buf[next] == '\r'
		if p.started && !blank && controls == 0 && p.fits(int(l.fields)) && end-next <= p.o.MaxLine &&
			(!notASCII || utf8.Valid(buf[next:end])) {
			p.lines = append(p.lines, l)
		} else {
			if err := p.flushLines(buf); err != nil {
				return 0, err
			}
			if err := p.line(buf, next, end); err != nil {
				return 0, err
			}
		}
		first, next, controls = e, end+1, 0
	}
	return next, p.flushLines(buf)
}

// flushLines fills the lines that chunk gathered. Where one of them cannot be read, it goes on line
// by line.
func (p *parser) flushLines(buf []byte) error {
	lines := p.lines
	p.lines = p.lines[:0]
	if len(lines) == 0 {
		return nil
	}
	done, fault, err := p.fill(buf, p.ends[:], lines, p.counts.Lines+1)
	if err != nil {
		return err
	}
	p.counts.Lines += int64(done)
	p.counts.Rows += int64(done)
	if fault == nil {
		return nil
	}
	for _, l := range lines[done:] {
		start, end := int(p.ends[l.first])+1, int(p.ends[l.first+l.fields])
		if err := p.line(buf, start, end); err != nil {
			return err
		}
	}
	return nil
}

// line reads one line, whatever it is: a blank line, a header, a record, or else a reject.
func (p *parser) line(buf []byte, start, end int) error {
	p.counts.Lines++
	if end > start && buf[end-1] == '\r' {
		end--
	}
	text := buf[start:end]
	if len(text) == 0 {
		p.counts.Blank++
		return nil
	}
	if len(text) > p.o.MaxLine {
		return p.tooLong(text)
	}
	if !p.started {
		p.started = true
		if isHeader, err := p.header(text); isHeader || err != nil {
			return err
		}
	}
	reason := p.record(buf, start, end)
	if reason.err != nil {
		return reason.err
	}
	if reason.text == "" {
		p.counts.Rows++
		return nil
	}
	// Gzip members with a header each, one after the other. Here, a header that will not do is a line
	// like any other.
	if isHeader, err := p.header(text); isHeader && err == nil {
		return nil
	}
	return p.reject(text, reason.text)
}

// reason says why a line is not a record, or that the sink failed.
type reason struct {
	text string
	err  error
}

// record reads one line as a record.
func (p *parser) record(buf []byte, start, end int) reason {
	text := buf[start:end]
	if !utf8.Valid(text) {
		return reason{text: "want UTF-8 text"}
	}
	if n := bytes.Count(text, []byte{' '}) + 1; !p.fits(n) {
		return reason{text: fmt.Sprintf("want %s, have %d", wantFields(p.layout), n)}
	}
	p.one = append(p.one[:0], uint32(start-1))
	for i, c := range text {
		if c == ' ' {
			p.one = append(p.one, uint32(start+i))
		}
	}
	p.one = append(p.one, uint32(end))
	_, fault, err := p.fill(buf, p.one, []line{{fields: int32(len(p.one) - 1)}}, p.counts.Lines)
	if fault == nil {
		return reason{err: err}
	}
	return reason{text: fault.String()}
}

// fits says whether a line may have that many fields.
func (p *parser) fits(fields int) bool {
	return fields >= p.layout.Min && fields <= len(p.layout.Columns)
}

func wantFields(l schema.Layout) string {
	if l.Min == len(l.Columns) {
		return fmt.Sprintf("%d fields", l.Min)
	}
	return fmt.Sprintf("%d to %d fields", l.Min, len(l.Columns))
}

// header reads a line as a header, if it is one.
func (p *parser) header(text []byte) (bool, error) {
	if c := text[0] | 0x20; c < 'a' || c > 'z' {
		return false, nil // a record starts with a version number: spare it the splitting
	}
	layout, ok, err := p.table.ParseHeader(string(text))
	if err != nil {
		return true, &Error{Object: p.o.Object, Line: p.counts.Lines, Reason: err.Error()}
	}
	if !ok {
		return false, nil
	}
	p.counts.Headers++
	p.counts.UnknownFields += int64(len(layout.Unknown))
	p.setLayout(layout)
	return true, nil
}

func (p *parser) tooLong(text []byte) error {
	p.started = true
	return p.reject(text[:min(len(text), p.o.MaxLine)], fmt.Sprintf("want a line of at most %d bytes", p.o.MaxLine))
}

func (p *parser) reject(raw []byte, reason string) error {
	p.counts.Rejected++
	if err := p.sink.Reject(Reject{Line: p.counts.Lines, Reason: reason, Raw: raw}); err != nil {
		return fmt.Errorf("reject line %d of %s: %w", p.counts.Lines, p.o.Object, err)
	}
	return nil
}
