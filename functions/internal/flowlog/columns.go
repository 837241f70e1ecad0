package flowlog

import (
	"bytes"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// fillNumberColumns sets the rows of b from row on in the columns of numbers, one column after the
// other, any of which can be a fault. The texts come afterwards, so that a fault leaves none in the
// dictionaries: what these hold shows in the outputs' bytes.
func (p *parser) fillNumberColumns(b *batch.Batch, row int, buf []byte, ends []uint32, lines []line, seconds []int64) *fault {
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
	return nil
}

// fillTextColumns sets the same rows in the other columns.
func (p *parser) fillTextColumns(b *batch.Batch, row int, buf []byte, ends []uint32, lines []line) {
	for field, c := range p.layout.Columns {
		if c >= 0 && p.table.Columns[c].Type == schema.String {
			fillTexts(&b.Columns[c], row, buf, ends, lines, field)
		}
	}
	for _, c := range p.absent {
		b.Columns[c].Values.Clear(row)
	}
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

// textIDs sets ids, which are wrong where they are too narrow for the ids of the dictionary.
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
