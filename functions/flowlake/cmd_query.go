package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/query/format"
	"github.com/flowlake/flowlake/schema"
)

type queryOptions struct {
	lake     string
	list     bool
	format   string
	database string
}

func newQuery() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use:   "query --lake DIR NAME|SQL",
		Short: "Ask a lake: a named query or SQL of your own",
		Long: "query runs SQL over the registered partitions of a lake with an embedded DuckDB. The argument is\n" +
			"the name of a query (see --list), SQL, or - for SQL from standard input. The tables are those of\n" +
			"Athena, with and without the database's name: " + tableNames() + ".",
		Example: example(`
flowlake query --list
flowlake query --lake ./lake top-talkers-by-bytes
flowlake query --lake ./lake "SELECT direction, sum(bytes) FROM aga_flow_logs GROUP BY direction" --format csv
flowlake query --lake ./lake "SELECT * FROM aga_flow_logs_rejects LIMIT 10" --format json`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.StringVar(&o.lake, "lake", "", "directory of the lake (required, but for --list)")
	f.BoolVar(&o.list, "list", false, "list the named queries")
	f.StringVar(&o.format, "format", format.Table, fmt.Sprintf("how to print the answer, one of %q", format.Names()))
	f.StringVar(&o.database, "database", query.DefaultDatabase, "name of the database, as queries may use it")
	return c
}

func tableNames() string {
	var names []string
	for _, t := range schema.Tables() {
		names = append(names, t.Name, t.Rejects().Name)
	}
	return strings.Join(names, ", ")
}

func (o *queryOptions) run(c *cobra.Command, args []string) error {
	if o.list {
		return listQueries(c.OutOrStdout())
	}
	if len(args) == 0 {
		return usage("query: want the name of a query, SQL, or --list")
	}
	if err := format.Check(o.format); err != nil {
		return usage("--format: %w", err)
	}
	sql, err := findSQL(args[0], c.InOrStdin())
	if err != nil {
		return err
	}
	l, err := openLake(o.lake)
	if err != nil {
		return err
	}
	if err := l.mustExist(c.Context()); err != nil {
		return err
	}
	return ask(c.Context(), c.OutOrStdout(), l, o.database, sql, o.format)
}

// ask runs SQL over a lake and prints the answer.
func ask(ctx context.Context, w io.Writer, l *lake, database, sql, as string) error {
	var tables []*schema.Table
	for _, t := range schema.Tables() {
		tables = append(tables, t, t.Rejects())
	}
	spill, err := os.MkdirTemp("", "flowlake-query-") // for what does not fit the memory
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(spill)
	options := query.Options{Database: database, TempDirectory: spill}
	if err := options.Validate(); err != nil {
		return usage("%w", err)
	}
	db, err := query.Open(ctx, tables, l.catalog, l, options)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	_, err = format.Write(w, as, rows)
	return err
}

// name is what the name of a query looks like; SQL does not.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// findSQL gives the SQL that an argument stands for.
func findSQL(arg string, stdin io.Reader) (string, error) {
	if arg == "-" {
		sql, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("read SQL: %w", err)
		}
		return string(sql), nil
	}
	if q, ok := queries.Find(arg); ok {
		return q.SQL, nil
	}
	if name.MatchString(arg) {
		return "", usage("no query is named %q; query --list names them", arg)
	}
	return arg, nil
}

func listQueries(w io.Writer) error {
	all, err := queries.All()
	if err != nil {
		return err
	}
	width := 0
	for _, q := range all {
		width = max(width, len(q.Name))
	}
	for _, q := range all {
		fmt.Fprintf(w, "%-*s  %s\n", width, q.Name, q.Description)
	}
	return nil
}
