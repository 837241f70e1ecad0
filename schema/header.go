package schema

import (
	"fmt"
	"strings"
)

// Layout maps the fields of a line to columns, by position.
type Layout struct {
	// Columns holds, for each field of the longest valid line, the index of its column, or -1 for a
	// field that no column takes.
	Columns []int
	// Min is the fewest fields that a valid line has; a line has at most len(Columns).
	Min int
	// Unknown are the header names that no column takes, as they stand in the header.
	Unknown []string
}

// DefaultLayout gives the layout of a file without a header: the documented order, where a line may
// end before the fields that later log versions brought.
func (t *Table) DefaultLayout() Layout {
	columns := make([]int, len(t.Columns))
	for i := range columns {
		columns[i] = i
	}
	return Layout{Columns: columns, Min: t.minFields(columns)}
}

// ParseHeader reads a line as a header. It gives false where the line is none: a header holds at
// least two names that the table knows. A header that names a column twice, or that lacks the
// column which tells this log from others, is an error.
//
// A line below the header may end before the trailing fields that later log versions brought. Where
// the header is the documented order up to some such field, a line may also go on beyond it: AWS
// interleaves records of several versions in one file.
func (t *Table) ParseHeader(line string) (l Layout, ok bool, err error) {
	names := strings.Split(strings.TrimRight(line, " "), " ")
	l.Columns = make([]int, len(names))
	known := 0
	for i, name := range names {
		l.Columns[i] = t.field(name)
		if l.Columns[i] >= 0 {
			known++
		} else {
			l.Unknown = append(l.Unknown, name)
		}
	}
	if known < 2 {
		return Layout{}, false, nil
	}
	seen := make([]bool, len(t.Columns))
	for i, c := range l.Columns {
		if c < 0 {
			continue
		}
		if seen[c] {
			return Layout{}, true, fmt.Errorf("header names column %s twice, the second time as %q", t.Columns[c].Name, names[i])
		}
		seen[c] = true
	}
	if c := t.Column(t.Signature); c >= 0 && !seen[c] {
		return Layout{}, true, fmt.Errorf("header does not name %s, so this is not a %s log", t.Columns[c].Field, t.Service)
	}
	l.Min = t.minFields(l.Columns)
	l.Columns = t.extend(l.Columns)
	return l, true, nil
}

// field gives the index of the column of that header name, or -1.
func (t *Table) field(name string) int {
	name = canonical(name)
	for i := range t.Columns {
		if name == t.Columns[i].Field {
			return i
		}
		for _, alias := range t.Columns[i].Aliases {
			if name == alias {
				return i
			}
		}
	}
	return -1
}

// minFields counts the fields up to the last one that every version of the log has.
func (t *Table) minFields(columns []int) int {
	n := len(columns)
	for n > 0 && (columns[n-1] < 0 || t.Columns[columns[n-1]].Since != "") {
		n--
	}
	return n
}

// extend appends the later versions' columns to a layout that is a beginning of the documented
// order.
func (t *Table) extend(columns []int) []int {
	for i, c := range columns {
		if c != i {
			return columns
		}
	}
	for i := len(columns); i < len(t.Columns) && t.Columns[i].Since != ""; i++ {
		columns = append(columns, i)
	}
	return columns
}
