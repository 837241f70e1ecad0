package flowlog

import (
	"encoding/binary"
	"fmt"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// fault is a field that does not hold what its column needs.
type fault struct {
	column *schema.Column
	text   []byte // the field, or nil where it is not this field's content that is at fault
}

// String gives the reason of a reject.
func (f *fault) String() string {
	if f.text == nil {
		return f.column.Name + ": want a start time, because the object's key names no day"
	}
	what := "an integer"
	if f.column.Type == schema.Timestamp {
		what = "seconds since 1970-01-01"
	}
	const shown = 64
	text := f.text[:min(len(f.text), shown)]
	return fmt.Sprintf("%s: want %s from 0 to %d, have %q", f.column.Name, what, f.column.Limit(), text)
}

// fill adds lines, each of a valid number of fields, to the open batches. ends are the delimiters
// that the lines refer to, number is the number of the first line. It stops at the first stretch of lines that holds one it cannot read, and
// then gives the fault and the number of lines that it did add. An error is the sink's.
func (p *parser) fill(buf []byte, ends []uint32, lines []line, number int64) (done int, bad *fault, err error) {
	if bad := p.assignDays(buf, ends, lines); bad != nil {
		return 0, bad, nil
	}
	for done < len(lines) {
		day := p.days[done]
		n, most := 1, min(len(lines)-done, p.o.BatchRows-p.rows)
		for n < most && p.days[done+n] == day {
			n++
		}
		if p.open[day] == nil { // a line that cannot be read opens no day
			if bad := p.checkNumbers(buf, ends, lines[done:done+n]); bad != nil {
				return done, bad, nil
			}
		}
		b, err := p.batch(day, number+int64(done))
		if err != nil {
			return done, nil, err
		}
		row := b.Extend(n)
		if bad := p.fillColumns(b, row, buf, ends, lines[done:done+n], p.seconds[done:done+n]); bad != nil {
			b.Truncate(row)
			return done, bad, nil
		}
		p.rows += n
		done += n
		if b.DictBytes() > p.o.BatchText/len(p.open) {
			err = p.handOver(day)
		} else if p.rows >= p.o.BatchRows {
			err = p.handOver(p.largest())
		}
		if err != nil {
			return done, nil, err
		}
	}
	return done, nil, nil
}

// assignDays reads the start times of the lines into p.seconds, and their days into p.days.
func (p *parser) assignDays(buf []byte, ends []uint32, lines []line) *fault {
	p.seconds, p.days = p.seconds[:0], p.days[:0]
	column := &p.table.Columns[p.table.Column(p.table.TimeColumn)]
	var day schema.Day
	var from, to int64 // the seconds of day
	for _, l := range lines {
		seconds := int64(-1)
		if p.timeField >= 0 {
			field := int(l.first) + p.timeField
			start, end := int(ends[field])+1, int(ends[field+1])
			if !isNull(buf, start, end) {
				v, ok := number(buf, start, end)
				if !ok || v > schema.MaxSeconds {
					return &fault{column, buf[start:end]}
				}
				seconds = int64(v)
			}
		}
		p.seconds = append(p.seconds, seconds)
		switch {
		case seconds < 0 && p.o.Day == schema.NoDay:
			return &fault{column: column}
		case seconds < 0:
			p.days = append(p.days, p.o.Day)
			continue
		case seconds < from || seconds >= to:
			day = schema.DayOf(seconds)
			from = day.Start().Unix()
			to = from + 24*60*60
		}
		p.days = append(p.days, day)
	}
	return nil
}

// fillColumns sets the rows of b from row on, one column after the other: first the numbers, any of
// which can be a fault, and then the texts, so that a fault leaves no texts in the dictionaries.
func (p *parser) fillColumns(b *batch.Batch, row int, buf []byte, ends []uint32, lines []line, seconds []int64) *fault {
	for field, c := range p.layout.Columns {
		if c < 0 || p.table.Columns[c].Type == schema.String {
			continue
		}
		column, out := &p.table.Columns[c], &b.Columns[c]
		var bad *fault
		switch {
		case field == p.timeField:
			fillTimes(out, row, seconds)
		case column.Type == schema.Int32:
			bad = fillNumbers(out.Int32s[row:], &out.Nulls, 1, column, row, buf, ends, lines, field)
		case column.Type == schema.Int64:
			bad = fillNumbers(out.Int64s[row:], &out.Nulls, 1, column, row, buf, ends, lines, field)
		default:
			bad = fillNumbers(out.Int64s[row:], &out.Nulls, 1000, column, row, buf, ends, lines, field)
		}
		if bad != nil {
			return bad
		}
	}
	for field, c := range p.layout.Columns {
		if c >= 0 && p.table.Columns[c].Type == schema.String {
			fillTexts(&b.Columns[c], row, buf, ends, lines, field)
		}
	}
	for _, c := range p.absent {
		fillNulls(&b.Columns[c], row, len(lines))
	}
	return nil
}

// checkNumbers gives the first fault among the numbers of the lines.
func (p *parser) checkNumbers(buf []byte, ends []uint32, lines []line) *fault {
	for field, c := range p.layout.Columns {
		if c < 0 || p.table.Columns[c].Type == schema.String {
			continue
		}
		column := &p.table.Columns[c]
		limit := uint64(column.Limit())
		for _, l := range lines {
			if field >= int(l.fields) {
				continue
			}
			at := int(l.first) + field
			start, end := int(ends[at])+1, int(ends[at+1])
			if v, ok := number(buf, start, end); (!ok || v > limit) && !isNull(buf, start, end) {
				return &fault{column, buf[start:end]}
			}
		}
	}
	return nil
}

// fillTexts sets a text column from the given field of each line.
func fillTexts(out *batch.Column, row int, buf []byte, ends []uint32, lines []line, field int) {
	ids := out.IDs[row:]
	ids = ids[:len(lines)]
	for i, l := range lines {
		if field >= int(l.fields) {
			ids[i] = 0
			out.Nulls = append(out.Nulls, uint32(row+i))
			continue
		}
		at := int(l.first) + field
		start, end := int(ends[at])+1, int(ends[at+1])
		if isNull(buf, start, end) {
			ids[i] = 0
			out.Nulls = append(out.Nulls, uint32(row+i))
			continue
		}
		ids[i] = out.Dict.ID(buf[start:end])
	}
}

// fillNumbers sets a column of numbers, each multiplied by scale, from the given field of each line.
func fillNumbers[T int32 | int64](values []T, nulls *[]uint32, scale T, column *schema.Column, row int, buf []byte, ends []uint32, lines []line, field int) *fault {
	values = values[:len(lines)]
	limit := uint64(column.Limit())
	for i, l := range lines {
		if field >= int(l.fields) {
			values[i] = 0
			*nulls = append(*nulls, uint32(row+i))
			continue
		}
		at := int(l.first) + field
		start, end := int(ends[at])+1, int(ends[at+1])
		v, ok := number(buf, start, end)
		if !ok || v > limit {
			if !isNull(buf, start, end) {
				return &fault{column, buf[start:end]}
			}
			v = 0
			*nulls = append(*nulls, uint32(row+i))
		}
		values[i] = T(v) * scale
	}
	return nil
}

// fillTimes sets the column of start times, which assignDays has read already.
func fillTimes(out *batch.Column, row int, seconds []int64) {
	values := out.Int64s[row:]
	for i, s := range seconds {
		if s < 0 {
			values[i] = 0
			out.Nulls = append(out.Nulls, uint32(row+i))
			continue
		}
		values[i] = s * 1000
	}
}

// fillNulls sets n rows to NULL.
func fillNulls(out *batch.Column, row, n int) {
	for i := range n {
		out.Nulls = append(out.Nulls, uint32(row+i))
	}
	if out.IDs != nil {
		clear(out.IDs[row : row+n])
	}
	if out.Int32s != nil {
		clear(out.Int32s[row : row+n])
	}
	if out.Int64s != nil {
		clear(out.Int64s[row : row+n])
	}
}

// isNull says whether the field buf[start:end] stands for NULL: it is empty or a hyphen.
func isNull(buf []byte, start, end int) bool {
	return start == end || end-start == 1 && buf[start] == '-'
}

// number reads the decimal digits buf[start:end], at most 19 of them, behind which at least eight
// bytes are readable. It gives false where there is no digit or anything else.
func number(buf []byte, start, end int) (uint64, bool) {
	n := end - start
	switch {
	case n <= 0:
		return 0, false
	case n <= 8:
		return digits(buf, start, n)
	case n <= 19:
		high, ok := number(buf, start, end-8)
		low, ok2 := digits(buf, end-8, 8)
		return high*100_000_000 + low, ok && ok2
	}
	return 0, false
}

// digits reads n digits, 1 to 8, as one word: a multiplication joins neighbouring digits to pairs,
// the next one pairs to fours, the last one those to eight.
func digits(buf []byte, start, n int) (uint64, bool) {
	const zeros = 0x3030303030303030
	shift := uint(64 - 8*n)
	w := binary.LittleEndian.Uint64(buf[start:])<<shift ^ zeros<<shift
	bad := (w | (w + 0x0606060606060606)) & 0xf0f0f0f0f0f0f0f0
	w = w * (10<<8 + 1) >> 8
	w = (w & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	w = (w & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32
	return w, bad == 0
}

// batch gives the open batch of a day, for the line of that number.
func (p *parser) batch(day schema.Day, line int64) (*batch.Batch, error) {
	if p.last != nil && p.last.Day == day {
		return p.last, nil
	}
	b, known := p.open[day]
	if !known && len(p.open) == p.o.MaxPartitions {
		return nil, &Error{Object: p.o.Object, Line: line, Field: p.table.TimeColumn,
			Reason: fmt.Sprintf("want records of at most %d days in one object, have one more: %s", p.o.MaxPartitions, day)}
	}
	if b == nil {
		b = p.sink.NewBatch(day)
		p.open[day] = b
	}
	p.last = b
	return b, nil
}

// largest gives the day with the most open rows, the earliest of several.
func (p *parser) largest() schema.Day {
	var most *batch.Batch
	for _, b := range p.open {
		if b != nil && (most == nil || b.Rows > most.Rows || b.Rows == most.Rows && b.Day < most.Day) {
			most = b
		}
	}
	return most.Day
}

// handOver gives the open batch of a day, if there is one, to the sink.
func (p *parser) handOver(day schema.Day) error {
	b := p.open[day]
	if b == nil {
		return nil
	}
	p.open[day] = nil
	if p.last == b {
		p.last = nil
	}
	p.rows -= b.Rows
	if b.Rows == 0 {
		return nil
	}
	if err := p.sink.Batch(b); err != nil {
		return fmt.Errorf("read %s: %w", p.o.Object, err)
	}
	return nil
}
