package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
	reporting "github.com/flowlake/flowlake/functions/internal/report" // report is what prints errors
	"github.com/flowlake/flowlake/functions/internal/serve"
)

type serveOptions struct {
	looked  queryOptions // lake, days and cache
	listen  string
	options serve.Options
}

func newServe() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve --lake LAKE",
		Short: "Show a lake in a browser on this machine",
		Long: "serve shows the page of report live, at an address of this machine alone, which it prints; open it in\n" +
			"a browser here. Below /query is a box for SQL and the named queries. The page is made anew when it is\n" +
			"asked for and older than --refresh. It reads only, and ends with Ctrl-C.\n\n" +
			"One query runs at a time. Requests of other web pages, and those by other names than that of the\n" +
			"address, are refused; who can log in to this machine can ask.",
		Example: example(`
flowlake serve --lake ./lake
flowlake serve --lake ./lake --listen :8080 --max-rows 10000 --timeout 2m
flowlake serve --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-09`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.looked.lake.register(c, "required")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback address to listen on; port 0 is a free one")
	f.StringVar(&o.looked.from, "from", "", "first day to look at, such as 2026-01-09 (default: the lake's first)")
	f.StringVar(&o.looked.to, "to", "", "last day to look at (default: the lake's last)")
	f.StringVar(&o.looked.cache, "cache", "", "directory of the copies of lakes in S3 (default: flowlake in the user's cache directory)")
	f.IntVar(&o.options.MaxRows, "max-rows", serve.DefaultMaxRows, "rows after which an answer ends")
	f.DurationVar(&o.options.Timeout, "timeout", serve.DefaultTimeout, "longest time for a query or the page")
	f.DurationVar(&o.options.Refresh, "refresh", serve.DefaultRefresh, "oldest that the page and the lake's partitions may be")
	return c
}

func (o *serveOptions) run(c *cobra.Command) error {
	for _, limit := range []struct {
		flag  string
		value int64
	}{{"max-rows", int64(o.options.MaxRows)}, {"timeout", int64(o.options.Timeout)}, {"refresh", int64(o.options.Refresh)}} {
		if limit.value <= 0 {
			return usage("--%s: want more than 0, have %s", limit.flag, c.Flag(limit.flag).Value)
		}
	}
	looked, err := o.looked.days()
	if err != nil {
		return err
	}
	options := query.Options{Database: o.looked.lake.database}
	if err := options.Validate(); err != nil {
		return usage("%w", err)
	}
	ctx := c.Context()
	l, err := o.looked.lake.open(ctx, new(cloud))
	if err != nil {
		return err
	}
	if err := l.mustExist(ctx); err != nil {
		return err
	}
	if o.options.Queries, err = queries.All(); err != nil {
		return err
	}
	var catalog query.Catalog = l.catalog
	if looked != nil {
		looked.Catalog = catalog
		catalog = looked
	}
	o.options.Open = func(ctx context.Context) (*serve.Lake, error) {
		d := &download{w: c.ErrOrStderr(), last: time.Now()}
		defer d.close()
		files, err := l.files(o.looked.cache, d)
		if err != nil {
			return nil, err
		}
		slots := newSlots(looked)
		db, done, err := openQuery(ctx, catalog, slots.Watch(files), o.looked.lake.database)
		if err != nil {
			return nil, err
		}
		page := func(ctx context.Context, w io.Writer) error { return writePage(ctx, w, db, slots) }
		return &serve.Lake{DB: db, Page: page, Close: done}, nil
	}
	listener, err := serve.Listen(ctx, o.listen)
	if errors.Is(err, serve.ErrAddress) {
		return usage("--listen: %w", err)
	} else if err != nil {
		return err
	}
	defer listener.Close()
	s, err := serve.New(ctx, o.options)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "http://%s/\n", listener.Addr())
	return s.Serve(ctx, listener)
}

// nothingYet is the page of a lake that has no records.
const nothingYet = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>No records yet</title>
<main><h1>No records yet</h1><p>There are none in the registered partitions of the days that are looked at. Load this page again when some were converted.</p></main>
</html>
`

// writePage writes the page of report.
func writePage(ctx context.Context, w io.Writer, db *query.DB, slots *reporting.Slots) error {
	data, err := reporting.Collect(ctx, db, slots)
	if errors.Is(err, reporting.ErrEmpty) {
		_, err := io.WriteString(w, nothingYet)
		return err
	}
	if err != nil {
		return err
	}
	return data.Write(w, reporting.Page{})
}
