package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
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

// ErrNotQuery is the cause of the error that a statement gives that does more than read.
var ErrNotQuery = errors.New("not a single query: want one SELECT, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN (without ANALYZE)")

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

// prepare gives the plan of a statement that reads; the caller destroys it.
func (c *conn) prepare(ctx context.Context, sql string) (duckdb.PreparedStatement, error) {
	var none, prepared duckdb.PreparedStatement
	if err := checkText(sql); err != nil {
		return none, err
	}
	var statements duckdb.ExtractedStatements
	defer duckdb.DestroyExtracted(&statements)
	n := duckdb.ExtractStatements(c.connection, sql, &statements)
	if message := duckdb.ExtractStatementsError(statements); n == 0 && message != "" {
		return none, &Error{message}
	}
	if n != 1 {
		return none, fmt.Errorf("have %d statements: %w", n, ErrNotQuery)
	}
	if duckdb.PrepareExtractedStatement(c.connection, statements, 0, &prepared) != duckdb.StateSuccess {
		defer duckdb.DestroyPrepare(&prepared)
		return none, cause(ctx, duckdb.PrepareError(prepared))
	}
	if !reads(duckdb.PreparedStatementType(prepared), sql) {
		duckdb.DestroyPrepare(&prepared)
		return none, ErrNotQuery
	}
	return prepared, nil
}

// reads says whether a statement reads only. DuckDB knows a COPY and its like for what they are, but
// not what an EXPLAIN ANALYZE runs, nor the functions by which a SELECT changes a setting; one of
// them, a log to a file that cannot be written, ends the process. So a statement with these words is
// refused wherever they stand in it, and so is the function that runs a text as SQL.
func reads(t duckdb.StatementType, sql string) bool {
	switch t {
	case duckdb.StatementTypeSelect:
		return !switches.MatchString(sql)
	case duckdb.StatementTypeExplain:
		return !switches.MatchString(sql) && !strings.Contains(strings.ToLower(sql), "analyze")
	}
	return false
}

var switches = regexp.MustCompile(`(?i)(enable|disable)_(logging|profiling|peg_parser)|\bquery(_table)?"?(\s|/\*.*\*/|--.*\n)*\(`)

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
