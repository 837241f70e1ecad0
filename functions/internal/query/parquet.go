package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// WriteParquet writes the rows of a query, which must be a SELECT or its like, as a Parquet file, in
// their order, and gives their number. It needs [Options.TempDirectory], for DuckDB writes to files
// only, and writes nothing to w before the query has come to its end.
//
// As in Athena, sums of integers must fit 63 bits, and timestamps without a zone have milliseconds.
func (db *DB) WriteParquet(ctx context.Context, w io.Writer, sql string) (n int64, err error) {
	if db.parquet == "" {
		return 0, errors.New("write Parquet: no temporary directory is set")
	}
	db.writing.Lock()
	defer db.writing.Unlock()
	if err := os.MkdirAll(filepath.Dir(db.parquet), 0o777); err != nil {
		return 0, fmt.Errorf("make temporary directory: %w", err)
	}
	defer os.Remove(db.parquet)
	if n, err = db.copyParquet(ctx, sql); err != nil {
		return 0, err
	}
	f, err := os.Open(db.parquet)
	if err != nil {
		return 0, fmt.Errorf("open temporary file: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return 0, fmt.Errorf("write parquet: %w", err)
	}
	return n, nil
}

// copyParquet writes the rows of a query to the temporary file.
func (db *DB) copyParquet(ctx context.Context, sql string) (n int64, err error) {
	conn, err := db.engine.connect()
	if err != nil {
		return 0, err
	}
	defer conn.close()
	columns, err := conn.viewAnswer(ctx, sql)
	if err != nil {
		return 0, err
	}
	var selected []string
	for _, c := range columns {
		name := identifier(c.Name)
		switch c.Type {
		case "HUGEINT": // DuckDB would write a float
			name = fmt.Sprintf("CAST(%s AS BIGINT) AS %[1]s", name)
		case "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S":
			name = fmt.Sprintf("CAST(%s AS TIMESTAMP_MS) AS %[1]s", name)
		}
		selected = append(selected, name)
	}
	n, err = conn.change(ctx, fmt.Sprintf("COPY (SELECT %s FROM answer) TO %s (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
		strings.Join(selected, ", "), literal(db.parquet)))
	return n, withoutPlace(err)
}

// withoutPlace leaves out of an error of DuckDB's the line that it quotes, where that is none of the
// query's own.
func withoutPlace(err error) error {
	if known := new(Error); errors.As(err, &known) {
		message, _, _ := strings.Cut(known.Message, "\n\nLINE ")
		return &Error{message}
	}
	return err
}

// viewAnswer makes a query that was found to read the view answer of the connection, and gives its
// columns. A query is made a view, and not put into another text, because it may end in a comment.
func (c *conn) viewAnswer(ctx context.Context, sql string) ([]Column, error) {
	sql, err := c.readOnly(ctx, sql)
	if err != nil {
		return nil, err
	}
	prepared, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	duckdb.DestroyPrepare(&prepared)
	if err := c.exec(ctx, "CREATE TEMP VIEW answer AS\n"+sql); err != nil {
		return nil, fmt.Errorf("write parquet of what is no SELECT: %w", withoutPlace(err))
	}
	rows, err := c.run(ctx, "FROM answer LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return rows.Columns(), nil
}
