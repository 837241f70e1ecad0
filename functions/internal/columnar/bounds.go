package columnar

import (
	"bytes"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"
)

// maxBound is where bounds of text are cut, in bytes.
const maxBound = 64

// setBounds sets the bounds of each page in the index, and those of the chunk in its statistics.
func (e *encoder) setBounds(c *chunk, values encoding) {
	text := c.metadata.Type == format.ByteArray
	index := &c.index.bounds
	var low, high int64
	any := false
	ascending, descending := true, true
	var previous page
	for _, p := range e.pages {
		if p.dictionary {
			continue
		}
		index.NullCounts = append(index.NullCounts, int64(p.nulls))
		index.NullPages = append(index.NullPages, p.nulls == p.rows)
		if p.nulls == p.rows {
			index.MinValues = append(index.MinValues, []byte{})
			index.MaxValues = append(index.MaxValues, []byte{})
			continue
		}
		index.MinValues = append(index.MinValues, lowerBound(values.bound(p.low), text))
		index.MaxValues = append(index.MaxValues, upperBound(values.bound(p.high), text))
		if any {
			ascending = ascending && previous.low <= p.low && previous.high <= p.high
			descending = descending && previous.low >= p.low && previous.high >= p.high
			low, high = min(low, p.low), max(high, p.high)
		} else {
			any, low, high = true, p.low, p.high
		}
		previous = p
	}
	switch {
	case ascending:
		index.BoundaryOrder = format.Ascending
	case descending:
		index.BoundaryOrder = format.Descending
	default:
		index.BoundaryOrder = format.Unordered
	}
	if !any {
		return
	}
	// Readers may take a chunk's bounds for values, so that they are exact or not there at all.
	least, greatest := values.bound(low), values.bound(high)
	if !text || len(least) <= maxBound && len(greatest) <= maxBound {
		c.metadata.Statistics.MinValue, c.metadata.Statistics.MaxValue = bytes.Clone(least), bytes.Clone(greatest)
	}
}

// lowerBound gives a copy of a value, or a text's beginning, which is no greater.
func lowerBound(b []byte, text bool) []byte {
	if text && len(b) > maxBound {
		b = prefix(b)
	}
	return bytes.Clone(b)
}

// upperBound gives a copy of a value, or, for a long text, the least text of its beginning's length
// that is greater than all that begin so.
func upperBound(b []byte, text bool) []byte {
	if !text || len(b) <= maxBound {
		return bytes.Clone(b)
	}
	for p := prefix(b); len(p) > 0; {
		r, size := utf8.DecodeLastRune(p)
		p = p[:len(p)-size]
		if next := r + 1; next <= utf8.MaxRune {
			if next == 0xD800 { // surrogates are no characters
				next = 0xE000
			}
			return utf8.AppendRune(bytes.Clone(p), next)
		}
	}
	return bytes.Clone(b)
}

// prefix gives the beginning of a text of more than maxBound bytes, whole characters only.
func prefix(b []byte) []byte {
	n := maxBound
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}
