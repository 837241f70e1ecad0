package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/flowlake/flowlake/schema"
)

// fingerprint tells whether two places hold the same rows, in whatever order.
type fingerprint struct {
	Rows    int64
	Sum     string // sum of the hashes of whole rows
	Columns []columnPrint
}

// columnPrint is the fingerprint of one column, those of the partition among them.
type columnPrint struct {
	Name   string
	Type   string // that of DuckDB, "" where there is no such column
	Values int64  // that are not NULL
	Sum    string // sum of the hashes of its values
}

// fingerprintMain reads a place: arguments are "text" and a gzip log, or "parquet" and a directory.
func fingerprintMain(ctx context.Context, args []string) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("fingerprint: want a format and a path, have %q", args)
	}
	switch args[0] {
	case "text":
		return takeFingerprint(ctx, readText(args[1]))
	case "parquet":
		return takeFingerprint(ctx, readParquet(args[1]))
	}
	return nil, fmt.Errorf("fingerprint: want text or parquet, have %q", args[0])
}

func takeFingerprint(ctx context.Context, query string) (*fingerprint, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	types, err := columnTypes(ctx, db, query)
	if err != nil {
		return nil, err
	}
	var f fingerprint
	var values, sums []string
	for _, c := range append(schema.GlobalAccelerator().Columns, schema.PartitionKeys()...) {
		// TIMESTAMP with and without a time zone are the same instant, but have different hashes.
		kind := strings.TrimSuffix(types[c.Name], " WITH TIME ZONE")
		delete(types, c.Name)
		f.Columns = append(f.Columns, columnPrint{Name: c.Name, Type: kind})
		value := c.Name
		switch {
		case kind == "":
			value = "NULL"
		case strings.HasPrefix(kind, "TIMESTAMP"):
			value = "epoch_us(" + c.Name + ")"
		}
		values = append(values, value)
		sums = append(sums, fmt.Sprintf("count(%s), sum(hash(%s)::HUGEINT)::VARCHAR", value, value))
	}
	for name := range types {
		return nil, fmt.Errorf("column %s does not belong there", name)
	}
	into := []any{&f.Rows, &f.Sum}
	for i := range f.Columns {
		into = append(into, &f.Columns[i].Values, &f.Columns[i].Sum)
	}
	row := db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*), coalesce(sum(hash(%s)::HUGEINT), 0)::VARCHAR, %s FROM (%s)",
		strings.Join(values, ", "), strings.Join(sums, ", "), query))
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	return &f, nil
}

// columnTypes gives the columns of a query and their types.
func columnTypes(ctx context.Context, db *sql.DB, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT column_name, column_type FROM (DESCRIBE %s)", query))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types := make(map[string]string)
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		types[name] = kind
	}
	return types, rows.Err()
}

// differs says all that is different in f from what it should be, or nil.
func (f *fingerprint) differs(want *fingerprint) error {
	var errs []error
	if f.Rows != want.Rows {
		errs = append(errs, fmt.Errorf("%d rows, want %d", f.Rows, want.Rows))
	}
	for i, w := range want.Columns {
		switch c := f.Columns[i]; {
		case c.Type == "":
			errs = append(errs, fmt.Errorf("no column %s", w.Name))
		case c.Type != w.Type:
			errs = append(errs, fmt.Errorf("column %s is %s, want %s", w.Name, c.Type, w.Type))
		case c.Values != w.Values:
			errs = append(errs, fmt.Errorf("column %s has %d values, want %d", w.Name, c.Values, w.Values))
		case c.Sum != w.Sum:
			errs = append(errs, fmt.Errorf("column %s has other values", w.Name))
		}
	}
	if len(errs) == 0 && f.Sum != want.Sum {
		errs = append(errs, errors.New("the same values, but in other rows"))
	}
	return errors.Join(errs...)
}

// compare checks that the outputs of all contenders hold what is in the text.
func (o *options) compare(ctx context.Context, in input, contenders []contender) error {
	var want fingerprint
	if err := o.help(ctx, &want, "fingerprint", "text", in.path); err != nil {
		return fmt.Errorf("read %s with DuckDB: %w", in.path, err)
	}
	if want.Rows != int64(in.records) {
		return fmt.Errorf("read %s with DuckDB: %d rows, want %d", in.path, want.Rows, in.records)
	}
	for _, c := range contenders {
		if c.out == "" {
			continue
		}
		var have fingerprint
		err := o.help(ctx, &have, "fingerprint", "parquet", c.out)
		if err == nil {
			err = have.differs(&want)
		}
		if err != nil {
			return fmt.Errorf("compare the output of %s with the text: %w", c.who, err)
		}
	}
	return nil
}
