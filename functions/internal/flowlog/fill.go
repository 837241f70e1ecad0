package flowlog

import (
	"bytes"
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

// filling is the batch of a day that is being filled.
type filling struct {
	*batch.Batch
	// weight is the size in bytes of the lines that were added since the batch's text was measured.
	weight int
}

// textSteps is how often at least the text of a batch is measured until it is full: each time that so
// large a part of its bound was added in lines. It is measured at a certain line, wherever the text was
// cut into blocks and chunks, because where a batch ends shows in the outputs' bytes.
const textSteps = 16

// fill adds lines, each of a valid number of fields, to the open batches. ends are the delimiters
// that the lines refer to, number is the number of the first line. It stops at the first stretch of
// lines that holds one it cannot read, and then gives the fault and the number of lines that it did
// add. An error is the sink's.
func (p *parser) fill(buf []byte, ends []uint32, lines []line, number int64) (done int, bad *fault, err error) {
	runs, bad := p.assignDays(buf, ends, lines)
	if bad != nil {
		return 0, bad, nil
	}
	if runs > 1 && p.roomFor(ends, lines) {
		return p.fillByDay(buf, ends, lines)
	}
	step := max(1, p.o.BatchText/textSteps)
	for done < len(lines) {
		day := p.days[done]
		f := p.open[day]
		weight := 0
		if f != nil {
			weight = f.weight
		}
		n, most := 0, min(len(lines)-done, p.o.BatchRows-p.rows)
		for n < most && p.days[done+n] == day && weight < step {
			weight += lines[done+n].size(ends)
			n++
		}
		if f == nil { // a line that cannot be read opens no day
			if bad := p.checkNumbers(buf, ends, lines[done:done+n]); bad != nil {
				return done, bad, nil
			}
			if f, err = p.begin(day, number+int64(done)); err != nil {
				return done, nil, err
			}
		}
		row := f.Extend(n)
		if bad := p.fillColumns(f.Batch, row, buf, ends, lines[done:done+n], p.seconds[done:done+n]); bad != nil {
			f.Truncate(row)
			return done, bad, nil
		}
		p.rows += n
		done += n
		if f.weight = weight; f.weight >= step {
			f.weight = 0
			if f.DictBytes() > p.o.BatchText/len(p.open) {
				err = p.handOver(day)
			}
		}
		if p.rows >= p.o.BatchRows && err == nil {
			err = p.handOver(p.largest())
		}
		if err != nil {
			return done, nil, err
		}
	}
	return done, nil, nil
}

// size gives the size of a line in bytes, with a delimiter.
func (l *line) size(ends []uint32) int { return int(ends[l.first+l.fields] - ends[l.first]) }

// roomFor says whether all days of the lines are open and no batch ends within them.
func (p *parser) roomFor(ends []uint32, lines []line) bool {
	if p.rows+len(lines) >= p.o.BatchRows {
		return false
	}
	size := 0
	for i := range lines {
		size += lines[i].size(ends)
	}
	for i, day := range p.days {
		if i > 0 && day == p.days[i-1] {
			continue
		}
		if f := p.open[day]; f == nil || f.weight+size >= p.o.BatchText/textSteps {
			return false
		}
	}
	return true
}

// mark is how far a batch was filled.
type mark struct {
	*filling
	rows, weight int
}

// fillByDay is fill for lines that change from day to day and back, as they do around midnight, where
// no batch ends within them: it adds the lines of one day after those of the other.
func (p *parser) fillByDay(buf []byte, ends []uint32, lines []line) (done int, bad *fault, err error) {
	p.marks = p.marks[:0]
	p.taken = append(p.taken[:0], make([]bool, len(lines))...)
	for i, day := range p.days {
		if p.taken[i] {
			continue
		}
		f := p.open[day]
		p.marks = append(p.marks, mark{f, f.Rows, f.weight})
		p.ofDay, p.ofDaySeconds = p.ofDay[:0], p.ofDaySeconds[:0]
		for j := i; j < len(lines); j++ {
			if p.days[j] == day {
				p.taken[j] = true
				p.ofDay = append(p.ofDay, lines[j])
				p.ofDaySeconds = append(p.ofDaySeconds, p.seconds[j])
				f.weight += lines[j].size(ends)
			}
		}
		row := f.Extend(len(p.ofDay))
		if bad := p.fillColumns(f.Batch, row, buf, ends, p.ofDay, p.ofDaySeconds); bad != nil {
			for _, m := range p.marks {
				m.Truncate(m.rows)
				m.filling.weight = m.weight
			}
			return 0, bad, nil
		}
	}
	p.rows += len(lines)
	return len(lines), nil, nil
}

// assignDays reads the start times of the lines into p.seconds, and their days into p.days. It gives
// the number of times that the day changes, plus 1.
func (p *parser) assignDays(buf []byte, ends []uint32, lines []line) (runs int, bad *fault) {
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
					return 0, &fault{column, buf[start:end]}
				}
				seconds = int64(v)
			}
		}
		p.seconds = append(p.seconds, seconds)
		switch {
		case seconds < 0 && p.o.Day == schema.NoDay:
			return 0, &fault{column: column}
		case seconds < 0:
			day = p.o.Day
			from, to = 0, 0
		case seconds < from || seconds >= to:
			day = schema.DayOf(seconds)
			from = day.Start().Unix()
			to = from + 24*60*60
		}
		if n := len(p.days); n == 0 || p.days[n-1] != day {
			runs++
		}
		p.days = append(p.days, day)
	}
	return runs, nil
}

// fillColumns sets the rows of b from row on, one column after the other: first the numbers, any of
// which can be a fault, and then the texts, so that a fault leaves no texts in the dictionaries.
func (p *parser) fillColumns(b *batch.Batch, row int, buf []byte, ends []uint32, lines []line, seconds []int64) *fault {
	for field, c := range p.layout.Columns {
		if c < 0 || p.table.Columns[c].Type == schema.String {
			continue
		}
		column, values := &p.table.Columns[c], &b.Columns[c].Values
		if field == p.timeField {
			fillTimes(values, row, seconds)
			continue
		}
		if bad := fillNumbers(values, row, column, buf, ends, lines, field); bad != nil {
			return bad
		}
	}
	for field, c := range p.layout.Columns {
		if c >= 0 && p.table.Columns[c].Type == schema.String {
			fillTexts(&b.Columns[c], row, buf, ends, lines, field)
		}
	}
	for _, c := range p.absent {
		b.Columns[c].Values.Clear(row)
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

// unsigned are the types that a column's values are held in.
type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

// fillTexts sets a text column from the given field of each line.
func fillTexts(out *batch.Column, row int, buf []byte, ends []uint32, lines []line, field int) {
	v, dict := &out.Values, &out.Dict
	for {
		switch v.Width() {
		case batch.Width8:
			textIDs(v.U8[row:], dict, buf, ends, lines, field)
		case batch.Width16:
			textIDs(v.U16[row:], dict, buf, ends, lines, field)
		default:
			textIDs(v.U32[row:], dict, buf, ends, lines, field)
		}
		if !v.Widen(uint64(dict.Len())) {
			return
		}
	}
}

// textIDs sets ids
func textIDs[T unsigned](ids []T, dict *batch.Dict, buf []byte, ends []uint32, lines []line, field int) {
	ids = ids[:len(lines)]
	var last []byte // the long text that was looked up last
	var lastID T
	for i, l := range lines {
		if field >= int(l.fields) {
			ids[i] = 0
			continue
		}
		at := int(l.first) + field
		start, end := int(ends[at])+1, int(ends[at+1])
		n := end - start
		if n > batch.ShortKey {
			if text := buf[start:end]; !bytes.Equal(text, last) {
				last, lastID = text, T(dict.ID(text))
			}
			ids[i] = lastID
			continue
		}
		key := batch.ShortKeyOf(buf[start:start+16:start+16], n)
		if id := dict.Find(key); id != 0 {
			ids[i] = T(id)
			continue
		}
		if isNull(buf, start, end) {
			ids[i] = 0
			continue
		}
		ids[i] = T(dict.ShortID(key, buf[start:end]))
	}
}

// fillNumbers sets a column of numbers from the given field of each line.
func fillNumbers(v *batch.Values, row int, column *schema.Column, buf []byte, ends []uint32, lines []line, field int) *fault {
	for {
		var all uint64
		var bad *fault
		switch v.Width() {
		case batch.Width8:
			all, bad = numbers(v.U8[row:], column, buf, ends, lines, field)
		case batch.Width16:
			all, bad = numbers(v.U16[row:], column, buf, ends, lines, field)
		case batch.Width32:
			all, bad = numbers(v.U32[row:], column, buf, ends, lines, field)
		default:
			all, bad = numbers(v.U64[row:], column, buf, ends, lines, field)
		}
		if bad != nil || !v.Widen(all) {
			return bad
		}
	}
}

// numbers sets values, each a number plus 1, which are wrong where they are too narrow for them. It
// gives the union of their bits.
func numbers[T unsigned](values []T, column *schema.Column, buf []byte, ends []uint32, lines []line, field int) (all uint64, bad *fault) {
	values = values[:len(lines)]
	limit := uint64(column.Limit())
	for i, l := range lines {
		if field >= int(l.fields) {
			values[i] = 0
			continue
		}
		at := int(l.first) + field
		start, end := int(ends[at])+1, int(ends[at+1])
		var v uint64
		var ok bool
		if n := end - start; uint(n-1) < 8 {
			v, ok = digits(buf, start, n)
		} else {
			v, ok = number(buf, start, end)
		}
		if !ok || v > limit {
			if !isNull(buf, start, end) {
				return 0, &fault{column, buf[start:end]}
			}
			values[i] = 0
			continue
		}
		all |= v + 1
		values[i] = T(v + 1)
	}
	return all, nil
}

// fillTimes sets the column of start times, which assignDays has read already.
func fillTimes(v *batch.Values, row int, seconds []int64) {
	var all uint64
	for _, s := range seconds {
		all |= uint64(s + 1)
	}
	v.Widen(all)
	switch v.Width() {
	case batch.Width8:
		times(v.U8[row:], seconds)
	case batch.Width16:
		times(v.U16[row:], seconds)
	case batch.Width32:
		times(v.U32[row:], seconds)
	default:
		times(v.U64[row:], seconds)
	}
}

func times[T unsigned](values []T, seconds []int64) {
	values = values[:len(seconds)]
	for i, s := range seconds {
		values[i] = T(s + 1) // 0 for -1, which is NULL
	}
}

// isNull says whether the field buf[start:end] stands for NULL: it is empty or a hyphen.
func isNull(buf []byte, start, end int) bool {
	return start == end || end-start == 1 && buf[start] == '-'
}

// number reads the decimal digits buf[start:end], at most 19 of them, behind which at least eight
// bytes are readable. It gives false where there is no digit or anything else.
func number(buf []byte, start, end int) (uint64, bool) {
	switch n := end - start; {
	case n <= 0:
		return 0, false
	case n <= 8:
		return digits(buf, start, n)
	case n <= 16:
		high, ok := digits(buf, start, n-8)
		low, ok2 := digits(buf, end-8, 8)
		return high*100_000_000 + low, ok && ok2
	case n <= 19:
		high, ok := digits(buf, start, n-16)
		mid, ok2 := digits(buf, end-16, 8)
		low, ok3 := digits(buf, end-8, 8)
		return (high*100_000_000+mid)*100_000_000 + low, ok && ok2 && ok3
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

// begin opens a batch for a day that has none, for the line of that number.
func (p *parser) begin(day schema.Day, line int64) (*filling, error) {
	if _, known := p.open[day]; !known && len(p.open) == p.o.MaxPartitions {
		return nil, &Error{Object: p.o.Object, Line: line, Field: p.table.TimeColumn,
			Reason: fmt.Sprintf("want records of at most %d days in one object, have one more: %s", p.o.MaxPartitions, day)}
	}
	f := &filling{Batch: p.sink.NewBatch(day)}
	p.open[day] = f
	return f, nil
}

// largest gives the day with the most open rows, the earliest of several.
func (p *parser) largest() schema.Day {
	var most *filling
	for _, f := range p.open {
		if f != nil && (most == nil || f.Rows > most.Rows || f.Rows == most.Rows && f.Day < most.Day) {
			most = f
		}
	}
	return most.Day
}

// handOver gives the open batch of a day, if there is one, to the sink.
func (p *parser) handOver(day schema.Day) error {
	f := p.open[day]
	if f == nil {
		return nil
	}
	p.open[day] = nil
	p.rows -= f.Rows
	if f.Rows == 0 {
		return nil
	}
	if err := p.sink.Batch(f.Batch); err != nil {
		return fmt.Errorf("read %s: %w", p.o.Object, err)
	}
	return nil
}
