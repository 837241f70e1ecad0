// Package columnartest reads Parquet files back for tests, by the library's row-independent reader:
// every value comes from its column's pages.
package columnartest

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Null is how a NULL appears among values.
const Null = "NULL"

// Rows gives the column names and the rows of a Parquet file. Texts are quoted as in Go, so that
// they differ from NULL; instants are RFC 3339 in UTC with milliseconds.
func Rows(file []byte) (columns []string, rows [][]string, err error) {
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range f.Schema().Columns() {
		columns = append(columns, path[0])
	}
	fields := f.Schema().Fields()
	for g, group := range f.RowGroups() {
		first := len(rows)
		for range group.NumRows() {
			rows = append(rows, make([]string, len(columns)))
		}
		for c, chunk := range group.ColumnChunks() {
			at := first
			err := values(chunk, func(v parquet.Value) error {
				if at == len(rows) {
					return fmt.Errorf("row group %d, column %s has more values than the group has rows", g, columns[c])
				}
				rows[at][c] = text(v, fields[c])
				at++
				return nil
			})
			if err != nil {
				return nil, nil, err
			}
			if at != len(rows) {
				return nil, nil, fmt.Errorf("row group %d, column %s has %d values for %d rows", g, columns[c], at-first, len(rows)-first)
			}
		}
	}
	return columns, rows, nil
}

func values(chunk parquet.ColumnChunk, fn func(parquet.Value) error) error {
	pages := chunk.Pages()
	defer pages.Close()
	var buf [256]parquet.Value
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r := page.Values()
		for {
			n, err := r.ReadValues(buf[:])
			for _, v := range buf[:n] {
				if err := fn(v); err != nil {
					return err
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		parquet.Release(page)
	}
}

func isTimestamp(field parquet.Field) bool {
	logical := field.Type().LogicalType()
	if logical == nil {
		return false
	}
	_, ok := logical.Value.(*format.TimestampType)
	return ok
}

func text(v parquet.Value, field parquet.Field) string {
	switch {
	case v.IsNull():
		return Null
	case v.Kind() == parquet.ByteArray:
		return strconv.Quote(string(v.ByteArray()))
	case isTimestamp(field):
		return time.UnixMilli(v.Int64()).UTC().Format("2006-01-02T15:04:05.000Z")
	case v.Kind() == parquet.Int32:
		return strconv.Itoa(int(v.Int32()))
	}
	return strconv.FormatInt(v.Int64(), 10)
}
