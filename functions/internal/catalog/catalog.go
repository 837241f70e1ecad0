// Package catalog keeps tables and their partitions, so that queries find what the lake holds.
//
// A query reads the registered partitions and nothing else, as Athena does: an object whose
// partition is not registered might as well not be there. [Local] keeps a lake's catalog in the lake
// itself; the package gluecatalog keeps one in AWS Glue. What every catalog promises stands in the
// contract suite of the package catalogtest, which every catalog passes.
//
// The package neither reads nor deletes the objects of a partition, and it changes no table: a table
// that differs from its declaration is an error for a person to decide upon.
package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowlake/flowlake/schema"
)

// ErrNoTable is the cause of the error that a call gives if the table does not exist.
var ErrNoTable = errors.New("no such table")

// TableError says what is wrong with a table. Trying again cannot help.
type TableError struct {
	// Table is the table's name.
	Table string
	// Column is the first column, or partition key, that is not registered as it is declared; "" if
	// something else is wrong.
	Column string
	// Declared and Registered say what the column is in the schema and in the catalog: its type, and
	// also its place if that is what differs. "" stands for a column that is not there.
	Declared, Registered string
	// Err is what else is wrong, or nil.
	Err error
}

// Error gives table, column and both types, or the cause.
func (e *TableError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("table %s: %v", e.Table, e.Err)
	case e.Declared == "":
		return fmt.Sprintf("table %s: column %s is registered as %s, but not declared", e.Table, e.Column, e.Registered)
	case e.Registered == "":
		return fmt.Sprintf("table %s: column %s is declared as %s, but not registered", e.Table, e.Column, e.Declared)
	}
	return fmt.Sprintf("table %s: column %s is declared as %s, but registered as %s", e.Table, e.Column, e.Declared, e.Registered)
}

// Unwrap gives the cause.
func (e *TableError) Unwrap() error { return e.Err }

// Retryable gives false.
func (e *TableError) Retryable() bool { return false }

// Column is a column or a partition key, as catalogs know it.
type Column struct {
	// Name is the column's name.
	Name string `json:"name"`
	// Type is the name of its type in Hive.
	Type string `json:"type"`
}

// columnsOf gives declared columns.
func columnsOf(declared []schema.Column) []Column {
	columns := make([]Column, len(declared))
	for i, c := range declared {
		columns[i] = Column{c.Name, c.Type.Hive()}
	}
	return columns
}

// Compare gives a [*TableError] for the first column, or else partition key, that a table's catalog
// does not hold as it is declared: the same ones of the same types in the same order.
func Compare(t *schema.Table, columns, keys []Column) error {
	if err := compare(t.Name, columnsOf(t.Columns), columns); err != nil {
		return err
	}
	return compare(t.Name, columnsOf(schema.PartitionKeys()), keys)
}

// compare gives a [*TableError] for the first column that is not registered as it is declared: the
// same columns of the same types in the same order.
func compare(table string, declared, registered []Column) error {
	for i, d := range declared {
		if i < len(registered) && d == registered[i] {
			continue
		}
		e := &TableError{Table: table, Column: d.Name, Declared: d.Type}
		place := slices.IndexFunc(registered, func(r Column) bool { return r.Name == d.Name })
		switch {
		case place < 0:
		case registered[place].Type != d.Type:
			e.Registered = registered[place].Type
		default:
			e.Declared = fmt.Sprintf("%s, number %d", d.Type, i+1)
			e.Registered = fmt.Sprintf("%s, number %d", d.Type, place+1)
		}
		return e
	}
	if len(registered) > len(declared) {
		r := registered[len(declared)]
		return &TableError{Table: table, Column: r.Name, Registered: r.Type}
	}
	return nil
}

// CheckPartitions gives a [*TableError] for the first partition that cannot be one of a declared
// table, going by the number of its values, by an empty value, or by a location that ends without a
// slash.
func CheckPartitions(table string, partitions []schema.Partition) error {
	keys := len(schema.PartitionKeys())
	for _, p := range partitions {
		var err error
		switch {
		case len(p.Values) != keys:
			err = fmt.Errorf("partition %q has %d values, want %d", p.Values, len(p.Values), keys)
		case slices.Contains(p.Values, ""):
			err = fmt.Errorf("partition %q has an empty value", p.Values)
		case !strings.HasSuffix(p.Location, "/"):
			err = fmt.Errorf("partition %q has location %q, which does not end in a slash", p.Values, p.Location)
		default:
			continue
		}
		return &TableError{Table: table, Err: err}
	}
	return nil
}
