// Package schema says what a record is: the columns of each log type, their types, the partition
// they fall in, the keys of the objects that hold them, and the DDL that tells Athena about it all.
//
// One declaration per log type (see globalaccelerator.go) drives everything that needs to know a
// column: the parser's column map, the Parquet schema, the Glue columns, the DDL, the documentation.
// Adding a log type is one new file that declares a [Table] and its line in [Tables].
//
// The package imports the standard library only and does no I/O.
package schema

import (
	"fmt"
	"math"
	"strings"
)

// Type is the type of a column, from the log's text to the lake.
type Type uint8

const (
	// String is text: UTF-8 in the lake, `string` in Hive.
	String Type = iota + 1
	// Int32 is a non-negative decimal integer, signed 32 bit in the lake, `int` in Hive. Unsigned
	// types are avoided because Athena cannot read them.
	Int32
	// Int64 is a non-negative decimal integer, signed 64 bit in the lake, `bigint` in Hive.
	Int64
	// Timestamp is an instant: whole seconds since 1970-01-01 UTC in the log, milliseconds since
	// then in the lake (INT64 TIMESTAMP(MILLIS, UTC): Athena fails on finer ones), `timestamp` in
	// Hive.
	Timestamp
)

// MaxSeconds is the largest instant that a [Timestamp] field may hold: 9999-12-31T23:59:59Z.
const MaxSeconds = 253402300799

// Hive gives the type's name in Hive DDL, which is also what Glue calls it.
func (t Type) Hive() string {
	switch t {
	case String:
		return "string"
	case Int32:
		return "int"
	case Int64:
		return "bigint"
	case Timestamp:
		return "timestamp"
	}
	panic(fmt.Sprintf("schema: no type %d", t))
}

// String gives the Hive name, for messages.
func (t Type) String() string { return t.Hive() }

// Column is one column of a table. All columns are nullable: `-`, an empty field and an absent
// field of the log are NULL.
type Column struct {
	// Name is the column's name in the lake: lower case, no underscores for Global Accelerator,
	// because the AWS article's SQL names them so.
	Name string
	// Type is the column's type.
	Type Type
	// Field is the name in the log's header line. Case does not matter there, and a hyphen equals
	// an underscore.
	Field string
	// Aliases are other header names of the same field, seen or documented.
	Aliases []string
	// Max is the largest valid value of an Int32 or Int64 column; 0 stands for the type's largest.
	Max int64
	// Since is the log version that brought the field, "" for the first one. A line may end before
	// such a field.
	Since string
	// Plain says that nearly every value differs from the others, so that a Parquet dictionary
	// costs more than it saves. It matters for numbers only: text is always dictionary encoded.
	Plain bool
	// Bloom gives the column a bloom filter in each row group, so that a query for one of its texts
	// skips the row groups without it. Text only.
	Bloom bool
	// Comment is one line of documentation, shown in the DDL and in Glue.
	Comment string
}

// Limit gives the largest value that a number of the column may have in the log: Max or the type's
// largest, [MaxSeconds] for a timestamp, 0 for text.
func (c *Column) Limit() int64 {
	switch {
	case c.Type == Timestamp:
		return MaxSeconds
	case c.Type == String:
		return 0
	case c.Max != 0:
		return c.Max
	case c.Type == Int32:
		return math.MaxInt32
	}
	return math.MaxInt64
}

// Table is one table of the lake, and the log type that fills it. A Table is not changed after its
// declaration; it may be shared by goroutines.
type Table struct {
	// Name is the table's name in the catalog and the first element of its objects' keys.
	Name string
	// Comment is one line of documentation.
	Comment string
	// Version counts the changes of this declaration that change what is written. Every file
	// records it.
	Version int
	// Service is the element after AWSLogs/<account>/ in the keys of the source objects, also the
	// second part of their file names. It is empty for a table that no log fills.
	Service string
	// Columns are the columns, in the order of the log's fields.
	Columns []Column
	// TimeColumn is the name of the Timestamp column whose UTC day is a record's partition.
	TimeColumn string
	// SortColumn is the name of the String column by whose bytes the rows of a file are sorted, NULLs
	// last, as far as memory allows; rows with the same text stay in the order of the log. "" leaves
	// all rows in the order of the log.
	SortColumn string
	// Signature is the name of a column that every header of this log names and no other log's
	// does.
	Signature string
}

// Tables gives the log types that flowlake reads, the default one first.
func Tables() []*Table {
	return []*Table{GlobalAccelerator()}
}

// Lookup gives the table of that name, a log's or its rejects', or nil.
func Lookup(name string) *Table {
	for _, t := range Tables() {
		if t.Name == name {
			return t
		}
		if r := t.Rejects(); r.Name == name {
			return r
		}
	}
	return nil
}

// Column gives the index of the column of that name, or -1.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Rejects gives the table of the lines that could not be read as records of t. Its columns are the
// same for every log type; it is partitioned as t is.
func (t *Table) Rejects() *Table {
	return &Table{
		Name:    t.Name + "_rejects",
		Comment: "Lines of " + t.Name + " sources that could not be read as records.",
		Version: 1,
		Columns: []Column{
			{Name: RejectSource, Type: String, Comment: "URL of the object that holds the line"},
			{Name: RejectLine, Type: Int64, Plain: true, Comment: "number of the line in the text of the object, from 1, header and blank lines counted"},
			{Name: RejectReason, Type: String, Comment: "field and what was expected of it"},
			{Name: RejectRaw, Type: String, Comment: "the line as it stands, without its line end, cut at the longest permitted line"},
		},
	}
}

// Names of the columns of a rejects table.
const (
	RejectSource = "source"
	RejectLine   = "line"
	RejectReason = "reason"
	RejectRaw    = "raw"
)

// canonical gives a header name in the form in which names are compared.
func canonical(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}
