package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
	reporting "github.com/flowlake/flowlake/functions/internal/report" // report is what prints errors
	"github.com/flowlake/flowlake/functions/internal/serve"
	"github.com/flowlake/flowlake/schema"
)

type serveOptions struct {
	looked  lookOptions
	listen  string
	options serve.Options
}

func newServe() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve --lake LAKE",
		Short: "Show a lake in a browser on this machine",
		Long: "serve shows the page of report live, at an address of this machine alone, which it prints; open it in\n" +
			"a browser here. Below /query is a box for SQL and the named queries. It reads only, and ends with Ctrl-C.\n\n" +
			"The page is made anew, and the lake opened anew, when somebody asks and they are older than --refresh;\n" +
			"the time that the making took does not count. A page that takes more than 5 s is made in the\n" +
			"background, for as long as that takes: until it is there, the browser shows the one from before, which\n" +
			"says so, or, at first, that the page is being made.\n\n" +
			"One thing runs at a time: a query, the opening or the making. A query that waits for its turn, or runs,\n" +
			"longer than --timeout is told what it waited for. Requests of other web pages, and those by other names\n" +
			"than that of the address, are refused; who can log in to this machine can ask.",
		Example: example(`
flowlake serve --lake ./lake
flowlake serve --lake ./lake --listen :8080 --max-rows 10000 --timeout 2m
flowlake serve --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-09`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.looked.register(c, "required")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback address to listen on; port 0 is a free one")
	f.IntVar(&o.options.MaxRows, "max-rows", serve.DefaultMaxRows, "rows after which an answer ends")
	f.DurationVar(&o.options.Timeout, "timeout", serve.DefaultTimeout, "longest time for a query, with the wait for its turn")
	f.DurationVar(&o.options.Refresh, "refresh", serve.DefaultRefresh, "age after which the page and the lake's partitions are read anew")
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
	ctx := c.Context()
	k, err := o.looked.open(ctx, nil)
	if err != nil {
		return err
	}
	if o.options.Queries, err = queries.All(); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "flowlake-serve-")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(temp) // with that of a query which does not stop, whose lake stays open
	o.options.TimeoutName = "--timeout"
	o.options.Open = func(ctx context.Context) (*serve.Lake, error) {
		if err := os.MkdirAll(temp, 0o700); err != nil { // somebody may have cleaned up what is old
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		slots := newSlots(k.days)
		db, done, err := k.query(ctx, c.ErrOrStderr(), temp, slots.Watch)
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

// nothingYet is the page of a lake that has no records, with what else is to be said.
const nothingYet = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>No records yet</title>
<main><h1>No records yet</h1><p>There are none in the registered partitions of the days that are looked at. Load this page again when some were converted.</p>%s</main>
</html>
`

// writePage writes the page of report.
func writePage(ctx context.Context, w io.Writer, db *query.DB, slots *reporting.Slots) error {
	data, err := reporting.Collect(ctx, db, slots)
	if errors.Is(err, reporting.ErrEmpty) {
		more := ""
		if rejects := schema.GlobalAccelerator().Rejects().Name; !db.Empty(rejects) {
			more = "<p>Lines that were rejected are in " + rejects + ".</p>"
		}
		_, err := fmt.Fprintf(w, nothingYet, more)
		return err
	}
	if err != nil {
		return err
	}
	return data.Write(w, reporting.Page{})
}
