package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/query/format"
)

type queryOptions struct {
	lake     lakeOptions
	list     bool
	format   string
	from, to string // days, both included; "" is no limit
	cache    string // directory; "" is one of the user's
}

func newQuery() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use:   "query --lake LAKE NAME|SQL",
		Short: "Ask a lake: a named query or SQL of your own",
		Long: "query runs SQL over the registered partitions of a lake with an embedded DuckDB. The argument is\n" +
			"the name of a query (see --list), SQL, or - for SQL from standard input. The tables are those of\n" +
			"Athena, with and without the database's name: " + tableNames() + ".\n\n" +
			"Of a lake in S3, the objects of the partitions that are looked at are copied to a cache first, where\n" +
			"later queries find them. --from and --to say which days are looked at: it saves time with any lake,\n" +
			"and is what keeps a question about a day from copying years.",
		Example: example(`
flowlake query --list
flowlake query --lake ./lake top-talkers-by-bytes
flowlake query --lake ./lake "SELECT direction, sum(bytes) FROM aga_flow_logs GROUP BY direction" --format csv
flowlake query --lake ./lake "SELECT * FROM aga_flow_logs_rejects LIMIT 10" --format json
flowlake query --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-09 --to 2026-01-09 top-talkers-by-bytes`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.lake.register(c, "required, but for --list")
	f.BoolVar(&o.list, "list", false, "list the named queries")
	f.StringVar(&o.format, "format", format.Table, fmt.Sprintf("how to print the answer, one of %q", format.Names()))
	f.StringVar(&o.from, "from", "", "first day to look at, such as 2026-01-09 (default: the lake's first)")
	f.StringVar(&o.to, "to", "", "last day to look at (default: the lake's last)")
	f.StringVar(&o.cache, "cache", "", "directory of the copies of lakes in S3 (default: flowlake in the user's cache directory)")
	return c
}

func tableNames() string {
	var names []string
	for _, t := range allTables() {
		names = append(names, t.Name)
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
	options := query.Options{Database: o.lake.database}
	if err := options.Validate(); err != nil {
		return usage("%w", err)
	}
	looked, err := o.days()
	if err != nil {
		return err
	}
	l, err := o.lake.open(c.Context(), new(cloud))
	if err != nil {
		return err
	}
	if err := l.mustExist(c.Context()); err != nil {
		return err
	}
	var catalog query.Catalog = l.catalog
	if looked != nil {
		looked.Catalog = catalog
		catalog = looked
	}
	d := &download{w: c.ErrOrStderr(), last: time.Now()}
	files, err := l.files(o.cache, d)
	if err != nil {
		return err
	}
	db, done, err := openQuery(c.Context(), catalog, files, o.lake.database)
	d.close()
	if err != nil {
		return err
	}
	defer done()
	rows, err := db.Query(c.Context(), sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	_, err = format.Write(c.OutOrStdout(), o.format, rows)
	return err
}

// days gives the limits of what is looked at, or nil.
func (o *queryOptions) days() (*days, error) {
	if o.from == "" && o.to == "" {
		return nil, nil
	}
	d := &days{from: 0, to: math.MaxInt32}
	var err error
	if o.from != "" {
		if d.from, err = parseDay("from", o.from); err != nil {
			return nil, err
		}
	}
	if o.to != "" {
		if d.to, err = parseDay("to", o.to); err != nil {
			return nil, err
		}
	}
	if d.from > d.to {
		return nil, usage("--to: want %s or later, as --from says, have %s", d.from, d.to)
	}
	return d, nil
}

// openQuery opens a lake for queries; done frees it.
func openQuery(ctx context.Context, c query.Catalog, f query.Files, database string) (db *query.DB, done func(), err error) {
	spill, err := os.MkdirTemp("", "flowlake-query-") // for what does not fit the memory
	if err != nil {
		return nil, nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	db, err = query.Open(ctx, allTables(), c, f, query.Options{Database: database, TempDirectory: spill})
	if err != nil {
		os.RemoveAll(spill)
		return nil, nil, err
	}
	return db, func() {
		db.Close()
		os.RemoveAll(spill)
	}, nil
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
