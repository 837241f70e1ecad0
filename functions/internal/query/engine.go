package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Error is what DuckDB finds wrong with a statement, or with its run.
type Error struct {
	// Message is DuckDB's own; it may have several lines.
	Message string
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// engine is a DuckDB database in memory.
type engine struct {
	database duckdb.Database
}

// openEngine gives a database that loads and installs no extension.
func openEngine(o Options) (*engine, error) {
	settings := map[string]string{
		"allow_community_extensions":   "false",
		"allow_persistent_secrets":     "false",
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"integer_division":             "true", // 5 / 2 is 2, as in Athena
		"temp_directory":               o.TempDirectory,
	}
	if o.Threads > 0 {
		settings["threads"] = strconv.Itoa(o.Threads)
	}
	if o.MemoryLimit > 0 {
		settings["memory_limit"] = fmt.Sprintf("%dB", o.MemoryLimit)
	}
	var config duckdb.Config
	if duckdb.CreateConfig(&config) != duckdb.StateSuccess {
		return nil, errors.New("no memory for its settings")
	}
	defer duckdb.DestroyConfig(&config)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if duckdb.SetConfig(config, name, settings[name]) != duckdb.StateSuccess {
			return nil, fmt.Errorf("set %s to %q", name, settings[name])
		}
	}
	e := &engine{}
	var message string
	if duckdb.OpenExt("", &e.database, config, &message) != duckdb.StateSuccess {
		return nil, &Error{message}
	}
	return e, nil
}

func (e *engine) close() { duckdb.Close(&e.database) }

// connect gives a connection, which the caller closes.
func (e *engine) connect() (*conn, error) {
	c := &conn{}
	if duckdb.Connect(e.database, &c.connection) != duckdb.StateSuccess {
		return nil, errors.New("connect to DuckDB: database is closed")
	}
	return c, nil
}

// conn runs one statement at a time.
type conn struct {
	connection duckdb.Connection
}

func (c *conn) close() { duckdb.Disconnect(&c.connection) }

// execAll runs statements of any kind, one after the other.
func (c *conn) execAll(ctx context.Context, statements []string) error {
	for _, sql := range statements {
		if err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement of any kind.
func (c *conn) exec(ctx context.Context, sql string) error {
	_, err := c.change(ctx, sql)
	return err
}

// change runs a statement of any kind, and gives the number of rows that it changed or copied.
func (c *conn) change(ctx context.Context, sql string) (n int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := checkText(sql); err != nil {
		return 0, err
	}
	defer c.watch(ctx)()
	var result duckdb.Result
	defer duckdb.DestroyResult(&result)
	if duckdb.Query(c.connection, sql, &result) != duckdb.StateSuccess {
		return 0, cause(ctx, duckdb.ResultError(&result))
	}
	return int64(duckdb.RowsChanged(&result)), nil
}

// extract gives a statement of any kind, of a text that holds no other; the caller destroys it.
func (c *conn) extract(sql string) (statements duckdb.ExtractedStatements, err error) {
	if err := checkText(sql); err != nil {
		return statements, err
	}
	n := duckdb.ExtractStatements(c.connection, sql, &statements)
	if message := duckdb.ExtractStatementsError(statements); n == 0 && message != "" {
		err = &Error{message}
	} else if n != 1 {
		err = fmt.Errorf("have %d statements: %w", n, ErrNotQuery)
	}
	if err != nil {
		duckdb.DestroyExtracted(&statements)
	}
	return statements, err
}

// prepare gives the plan of a statement of any kind; the caller destroys it.
func (c *conn) prepare(ctx context.Context, sql string) (prepared duckdb.PreparedStatement, err error) {
	statements, err := c.extract(sql)
	if err != nil {
		return prepared, err
	}
	defer duckdb.DestroyExtracted(&statements)
	if duckdb.PrepareExtractedStatement(c.connection, statements, 0, &prepared) != duckdb.StateSuccess {
		defer duckdb.DestroyPrepare(&prepared)
		return prepared, cause(ctx, duckdb.PrepareError(prepared))
	}
	return prepared, nil
}

// interruptInterval is how often a query is told to stop until it does: DuckDB forgets an interrupt
// that comes between two of its steps.
const interruptInterval = 20 * time.Millisecond

// watch interrupts what runs on the connection when ctx ends. The connection must not be closed
// before stop was called.
func (c *conn) watch(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-quit:
			return
		case <-ctx.Done():
		}
		again := time.NewTicker(interruptInterval)
		defer again.Stop()
		for {
			duckdb.Interrupt(c.connection)
			select {
			case <-quit:
				return
			case <-again.C:
			}
		}
	}()
	return func() {
		close(quit)
		<-stopped
	}
}

// checkText refuses a zero byte, at which DuckDB would take the text to end.
func checkText(sql string) error {
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return &Error{fmt.Sprintf("zero byte at offset %d", i)}
	}
	return nil
}

// cause gives the error of a failed call: ctx's if that has ended, for then the call was interrupted.
func cause(ctx context.Context, message string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &Error{message}
}
