package query

import (
	"context"
	"fmt"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Column is a column of a result.
type Column struct {
	// Name is the column's name. Names need not differ.
	Name string
	// Type is DuckDB's name of the type, such as VARCHAR or DECIMAL(10,2).
	Type string
	// Numeric says that the values are numbers.
	Numeric bool
}

// Decimal is a decimal number as its digits, such as "-1.50".
type Decimal string

// Rows are the rows of a running query. They are used by one goroutine at a time.
type Rows struct {
	ctx     context.Context // of the query, as database/sql has it
	release func()          // ends the watch over ctx; from DB.Query also closes the connection
	result  duckdb.Result
	columns []Column
	kinds   []kind

	chunk   duckdb.DataChunk
	vectors []vector
	row     int // next row of the chunk
	size    int // rows in the chunk
	values  []any
	err     error
	ended   bool // no more chunks
	closed  bool
}

// query starts a statement if it reads only. The connection stays the caller's, who closes it after
// the rows.
func (c *conn) query(ctx context.Context, sql string) (*Rows, error) {
	sql, err := c.readOnly(ctx, sql)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, sql)
}

// run starts a statement of any kind, as query does.
func (c *conn) run(ctx context.Context, sql string) (*Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	unwatch := c.watch(ctx)
	prepared, err := c.prepare(ctx, sql)
	if err != nil {
		unwatch()
		return nil, err
	}
	defer duckdb.DestroyPrepare(&prepared)
	r := &Rows{ctx: ctx, release: unwatch}
	if err := r.start(prepared); err != nil {
		duckdb.DestroyResult(&r.result)
		unwatch()
		return nil, err
	}
	return r, nil
}

// start runs a statement up to where it can give its first rows.
func (r *Rows) start(prepared duckdb.PreparedStatement) error {
	// The C interface announces to remove streaming one day, in favour of another way that is not
	// there yet; all else it has holds the result in memory.
	var pending duckdb.PendingResult
	defer duckdb.DestroyPending(&pending)
	if duckdb.PendingPreparedStreaming(prepared, &pending) != duckdb.StateSuccess {
		return cause(r.ctx, duckdb.PendingError(pending))
	}
	if duckdb.ExecutePending(pending, &r.result) != duckdb.StateSuccess {
		return cause(r.ctx, duckdb.ResultError(&r.result))
	}
	for i := range duckdb.ColumnCount(&r.result) {
		t := duckdb.ColumnLogicalType(&r.result, i)
		k, ok := kindOf(t)
		duckdb.DestroyLogicalType(&t)
		name := duckdb.ColumnName(&r.result, i)
		if !ok {
			return &Error{fmt.Sprintf("column %d, %s, is of a type that cannot be shown: CAST it AS VARCHAR", i+1, name)}
		}
		r.columns = append(r.columns, Column{Name: name, Type: k.name, Numeric: k.numeric})
		r.kinds = append(r.kinds, k)
	}
	r.vectors = make([]vector, len(r.columns))
	r.values = make([]any, len(r.columns))
	return nil
}

// Columns gives the columns, in the order of the values.
func (r *Rows) Columns() []Column { return r.columns }

// Next goes to the next row. It gives false when there is none, be it for an error, which Err then
// gives.
func (r *Rows) Next() bool {
	for r.row == r.size {
		if r.ended || !r.fetch() {
			return false
		}
	}
	for i := range r.values {
		r.values[i] = r.vectors[i].value(r.row)
	}
	r.row++
	return true
}

// fetch gets the next rows of the result, about 2,000.
func (r *Rows) fetch() bool {
	r.row, r.size = 0, 0
	duckdb.DestroyDataChunk(&r.chunk)
	if r.err = r.ctx.Err(); r.err != nil {
		r.ended = true
		return false
	}
	r.chunk = duckdb.FetchChunk(r.result)
	if r.chunk.Ptr == nil {
		r.ended = true
		if message := duckdb.ResultError(&r.result); message != "" {
			r.err = cause(r.ctx, message)
		}
		return false
	}
	for i, k := range r.kinds {
		r.vectors[i] = vectorOf(r.chunk, i, k)
	}
	r.size = int(duckdb.DataChunkGetSize(r.chunk))
	return true
}

// Values gives the values of the row, each one of these:
//   - nil for NULL, bool
//   - int64, uint64, *big.Int, float32, float64, [Decimal]
//   - string, also for a DATE, as 2026-01-09
//   - time.Time, in UTC, for a TIMESTAMP with or without time zone
//
// A column of another type, such as a list, makes its query fail. The slice is valid until the next
// call of Next; the values stay.
func (r *Rows) Values() []any { return r.values }

// Err gives the error that ended the rows, or nil if they came to their end.
func (r *Rows) Err() error { return r.err }

// Close stops the query and frees what it holds. Calling it again does nothing.
func (r *Rows) Close() error {
	if r.closed {
		return nil
	}
	r.closed, r.ended = true, true
	r.row, r.size = 0, 0
	duckdb.DestroyDataChunk(&r.chunk)
	duckdb.DestroyResult(&r.result)
	r.release()
	return nil
}
