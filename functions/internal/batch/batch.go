// Package batch holds records as typed columns, on their way from the parser to the Parquet writer.
//
// A batch is what keeps rows out of the hot path: the parser fills one column after the other, text
// becomes a dictionary id at once, and the writer works on ids and numbers. A batch does not know
// where its records come from or where they go.
package batch

import (
	"slices"

	"github.com/flowlake/flowlake/schema"
)

// Column holds one column of a batch. Which of its slices is in use follows from the column's type;
// that slice has one element per row. At a NULL row the element is 0 and means nothing.
type Column struct {
	// IDs are ids in Dict, for a schema.String column.
	IDs []uint32
	// Dict holds the distinct texts of the column, for a schema.String column.
	Dict Dict
	// Int32s are the values of a schema.Int32 column.
	Int32s []int32
	// Int64s are the values of a schema.Int64 column, or the milliseconds since 1970-01-01 UTC of a
	// schema.Timestamp column.
	Int64s []int64
	// Nulls are the numbers of the rows that are NULL, ascending.
	Nulls []uint32
}

// Batch is a number of records of one table that fall on one day.
type Batch struct {
	// Table declares the columns.
	Table *schema.Table
	// Day is the day of all records.
	Day schema.Day
	// Columns are the columns, as Table declares them.
	Columns []Column
	// Rows is the number of records.
	Rows int
}

// New gives an empty batch of a table.
func New(t *schema.Table) *Batch {
	return &Batch{Table: t, Day: schema.NoDay, Columns: make([]Column, len(t.Columns))}
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset(day schema.Day) {
	b.Day, b.Rows = day, 0
	for i := range b.Columns {
		c := &b.Columns[i]
		c.IDs, c.Int32s, c.Int64s, c.Nulls = c.IDs[:0], c.Int32s[:0], c.Int64s[:0], c.Nulls[:0]
		c.Dict.Reset()
	}
}

// Extend adds n rows, whose values the caller sets next, and gives the number of the first.
func (b *Batch) Extend(n int) int {
	first := b.Rows
	b.Rows += n
	for i := range b.Columns {
		c := &b.Columns[i]
		switch b.Table.Columns[i].Type {
		case schema.String:
			c.IDs = slices.Grow(c.IDs, n)[:b.Rows]
		case schema.Int32:
			c.Int32s = slices.Grow(c.Int32s, n)[:b.Rows]
		default:
			c.Int64s = slices.Grow(c.Int64s, n)[:b.Rows]
		}
	}
	return first
}

// Truncate takes back all rows from the given one on. Texts that only they held stay in the
// dictionaries.
func (b *Batch) Truncate(rows int) {
	b.Rows = rows
	for i := range b.Columns {
		c := &b.Columns[i]
		switch b.Table.Columns[i].Type {
		case schema.String:
			c.IDs = c.IDs[:rows]
		case schema.Int32:
			c.Int32s = c.Int32s[:rows]
		default:
			c.Int64s = c.Int64s[:rows]
		}
		for len(c.Nulls) > 0 && int(c.Nulls[len(c.Nulls)-1]) >= rows {
			c.Nulls = c.Nulls[:len(c.Nulls)-1]
		}
	}
}

// DictBytes gives the bytes of text that the dictionaries hold.
func (b *Batch) DictBytes() int {
	n := 0
	for i := range b.Columns {
		n += b.Columns[i].Dict.Bytes()
	}
	return n
}
