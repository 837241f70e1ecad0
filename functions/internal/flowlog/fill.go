package flowlog

import (
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
		if bad := p.fillNumberColumns(f.Batch, row, buf, ends, lines[done:done+n], p.seconds[done:done+n]); bad != nil {
			f.Truncate(row)
			return done, bad, nil
		}
		p.fillTextColumns(f.Batch, row, buf, ends, lines[done:done+n])
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

// part is those of some lines that fall on one day.
type part struct {
	*filling
	row     int // of the first of them
	lines   []line
	seconds []int64
	weight  int
}

// fillByDay is fill for lines that change from day to day and back, as they do around midnight, where
// no batch ends within them: it adds the lines of one day after those of the other. A fault leaves
// nothing behind: the numbers of all days come first, then the texts of all.
func (p *parser) fillByDay(buf []byte, ends []uint32, lines []line) (done int, bad *fault, err error) {
	p.partition(ends, lines)
	for i := range p.parts {
		d := &p.parts[i]
		d.row = d.Extend(len(d.lines))
		if bad := p.fillNumberColumns(d.Batch, d.row, buf, ends, d.lines, d.seconds); bad != nil {
			for _, d := range p.parts[:i+1] {
				d.Truncate(d.row)
			}
			return 0, bad, nil
		}
	}
	for _, d := range p.parts {
		p.fillTextColumns(d.Batch, d.row, buf, ends, d.lines)
		d.filling.weight += d.weight
	}
	p.rows += len(lines)
	return len(lines), nil, nil
}

// partition sets p.parts to the lines of each day, whose batches are open.
func (p *parser) partition(ends []uint32, lines []line) {
	spare := p.parts[:cap(p.parts)]
	p.parts = p.parts[:0]
	for i, day := range p.days {
		k := 0
		for k < len(p.parts) && p.parts[k].Day != day {
			k++
		}
		if k == len(p.parts) {
			d := part{filling: p.open[day]}
			if k < len(spare) {
				d.lines, d.seconds = spare[k].lines[:0], spare[k].seconds[:0]
			}
			p.parts = append(p.parts, d)
		}
		d := &p.parts[k]
		d.lines = append(d.lines, lines[i])
		d.seconds = append(d.seconds, p.seconds[i])
		d.weight += lines[i].size(ends)
	}
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
