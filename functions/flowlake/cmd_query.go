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
)

type queryOptions struct {
	lookOptions
	list   bool
	params []string // NAME=VALUE, of a named query
	format string
	out    string // file; "" is standard output
	raw    bool   // bytes without units, on a terminal
}

// parquet is the format that DuckDB writes, beside those of package format.
const parquet = "parquet"

// formats are the formats of answers, the default one first.
func formats() []string { return append(format.Names(), parquet) }

func newQuery() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use:   "query --lake LAKE NAME|SQL",
		Short: "Ask a lake: a named query or SQL of your own",
		Long: "query runs SQL over the registered partitions of a lake with an embedded DuckDB. The argument is\n" +
			"the name of a query (see --list), SQL, or - for SQL from standard input. The tables are those of\n" +
			"Athena, with and without the database's name: " + tableNames() + ".\n\n" +
			"A named query has parameters, which --list shows with their types and defaults, and --param sets:\n" +
			"a date such as 2026-01-09, an hour such as 2026-01-09T13, a month such as 2026-01, all in UTC, a\n" +
			"number, or a text.\n\n" +
			"A table on a terminal fits its width (COLUMNS, or what the terminal says): long texts are cut, with …\n" +
			"for the rest, numbers never. Where a table cannot fit, the columns of a row stand below each other.\n" +
			"There, too, columns whose names end in bytes have units, such as 276 GB, unless --raw is given. What\n" +
			"goes to a file or another program is not fitted and has no units. Nothing is coloured.\n\n" +
			"Of a lake in S3, the objects of the partitions that are looked at are copied to a cache first, where\n" +
			"later queries find them. --from and --to say which days are looked at: it saves time with any lake,\n" +
			"and is what keeps a question about a day from copying years.",
		Example: example(`
flowlake query --list
flowlake query --lake ./lake top-talkers-by-bytes
flowlake query --lake ./lake top-talkers-of-an-hour --param hour=2026-01-09T13 --param limit=10
flowlake query --lake ./lake "SELECT direction, sum(bytes) FROM aga_flow_logs GROUP BY direction" --format csv
flowlake query --lake ./lake "SELECT * FROM aga_flow_logs_rejects LIMIT 10" --format json
flowlake query --lake ./lake "SELECT * FROM aga_flow_logs WHERE clientip = '198.51.100.1'" --out client.parquet
flowlake query --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-09 --to 2026-01-09 top-talkers-by-bytes`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeQuery,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.lookOptions.register(c, "required, but for --list")
	f.BoolVar(&o.list, "list", false, "list the named queries and their parameters")
	f.StringArrayVar(&o.params, "param", nil, "value of a parameter of a named query, as NAME=VALUE; may be repeated")
	f.StringVar(&o.format, "format", "", fmt.Sprintf("how to print the answer, one of %q (default: what the name of --out ends in, else %q)", formats(), format.Table))
	f.StringVar(&o.out, "out", "", `file to write the answer to, which replaces one of that name, "-" for standard output (default "-")`)
	f.BoolVar(&o.raw, "raw", false, "print bytes as they are, without units, on a terminal too")
	completeFlag(c, "format", formats()...)
	completeQueryParameters(c)
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
		if len(args) > 0 || c.Flags().NFlag() > 1 {
			return usage("--list: want nothing besides")
		}
		return listQueries(c.OutOrStdout())
	}
	if len(args) == 0 {
		return usage("query: want the name of a query, SQL, or --list")
	}
	out, err := o.answerTo(c.OutOrStdout())
	if err != nil {
		return err
	}
	asked, err := findQuery(args[0], c.InOrStdin())
	if err != nil {
		return err
	}
	if err := asked.set(o.params); err != nil {
		return err
	}
	var seen *seenDays
	k, err := o.lookOptions.open(c.Context(), func(all query.Catalog) query.Catalog {
		seen = &seenDays{Catalog: all}
		return seen
	})
	if err != nil {
		return err
	}
	db, done, err := k.query(c.Context(), c.ErrOrStderr(), "", nil)
	if err != nil {
		return err
	}
	defer done()
	n, err := out.write(c.Context(), db, asked.sql)
	if err != nil {
		return err
	}
	seen.explain(c.ErrOrStderr(), db, asked, n)
	return nil
}

// openQuery opens a lake for queries, with a directory of its own in temp, or in that of all programs if temp
// is ""; done frees it.
func openQuery(ctx context.Context, c query.Catalog, f query.Files, database, temp string) (db *query.DB, done func(), err error) {
	spill, err := os.MkdirTemp(temp, "flowlake-query-") // for what does not fit the memory, and for Parquet
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

// asked is what a query is asked for.
type asked struct {
	sql   string
	named *queries.Query // nil for SQL of one's own
	// values are those of the named query's parameters, its defaults among them.
	values map[string]string
}

// name is what the name of a query looks like; SQL does not.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// findQuery gives what an argument stands for.
func findQuery(arg string, stdin io.Reader) (*asked, error) {
	if arg == "-" {
		sql, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read SQL: %w", err)
		}
		return &asked{sql: string(sql)}, nil
	}
	if q, ok := queries.Find(arg); ok {
		return &asked{sql: q.SQL, named: &q}, nil
	}
	if name.MatchString(arg) {
		all, err := queries.All()
		if err != nil {
			return nil, err
		}
		var names []string
		for _, q := range all {
			names = append(names, q.Name)
		}
		return nil, usage("no query is named %q; query --list names them%s", arg, didYouMean(suggest(arg, names)))
	}
	return &asked{sql: arg}, nil
}

// set sets the parameters of a named query, from NAME=VALUE.
func (a *asked) set(params []string) error {
	if a.named == nil {
		if len(params) > 0 {
			return usage("--param: want the name of a query, have SQL, in which values can be written")
		}
		return nil
	}
	values := map[string]string{}
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return usage("--param: want NAME=VALUE, have %q; query %s takes %s", p, a.named.Name, a.named.Takes())
		}
		if _, twice := values[name]; twice {
			return usage("--param: %s has two values; query %s takes %s", name, a.named.Name, a.named.Takes())
		}
		values[name] = value
	}
	var err error
	if a.sql, err = a.named.With(values); err != nil {
		return usage("--param: %w", err)
	}
	a.values = values
	for _, p := range a.named.Parameters {
		if _, ok := values[p.Name]; !ok {
			values[p.Name] = p.Default
		}
	}
	return nil
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
		for _, p := range q.Parameters {
			fmt.Fprintf(w, "%-*s    %s\n", width, "", p)
		}
	}
	return nil
}
