package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/query"
	reporting "github.com/flowlake/flowlake/functions/internal/report" // report is what prints errors
	"github.com/flowlake/flowlake/schema"
)

type reportOptions struct {
	looked lookOptions
	out    string // file; "-" is standard output
	page   reporting.Page
}

func newReport() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use:   "report --lake LAKE --out FILE",
		Short: "Make a web page of a lake",
		Long: "report makes a web page with pictures of a lake: top client addresses, bytes by endpoint, direction,\n" +
			"edge location, Region, protocol and port, over time and in total, rejected lines, and which source\n" +
			"files were seen, how late. It is one file of less than 3 MB that needs no network, and has filters for\n" +
			"time, accelerator and direction. The same lake gives the same bytes, as long as its objects were not\n" +
			"written anew or copied: the times of that are on the page.\n\n" +
			"Of a lake in S3, the objects of the partitions that are looked at are copied to a cache first, as\n" +
			"flowlake query does.",
		Example: example(`
flowlake report --lake ./lake --out report.html
flowlake report --lake ./lake --out january.html --from 2026-01-01 --to 2026-01-31 --title "January"
flowlake report --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-09 --out - > day.html`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.looked.register(c, "required")
	f.StringVar(&o.out, "out", "", `file to write, "-" for standard output (required)`)
	f.StringVar(&o.page.Title, "title", reporting.DefaultTitle, "heading of the page")
	return c
}

func (o *reportOptions) run(c *cobra.Command) error {
	if o.out == "" {
		return usage(`--out: want a file, or "-" for standard output`)
	}
	if o.out != "-" && isS3(o.out) {
		return usage("--out: want a file of this machine, have %s", o.out)
	}
	ctx := c.Context()
	var seen *seenDays
	k, err := o.looked.open(ctx, func(all query.Catalog) query.Catalog {
		seen = &seenDays{Catalog: all}
		return seen
	})
	if err != nil {
		return err
	}
	slots := newSlots(k.days)
	db, done, err := k.query(ctx, c.ErrOrStderr(), "", slots.Watch)
	if err != nil {
		return err
	}
	defer done()
	data, err := reporting.Collect(ctx, db, slots)
	if errors.Is(err, reporting.ErrEmpty) {
		return fmt.Errorf("report on %s: %w", o.looked.lake.url, o.nothing(err, seen, db))
	}
	if err != nil {
		return fmt.Errorf("report on %s: %w", o.looked.lake.url, err)
	}
	if o.out == "-" {
		return data.Write(c.OutOrStdout(), o.page)
	}
	return writeFile(ctx, o.out, func(w io.Writer) error { return data.Write(w, o.page) })
}

// newSlots gives the slots of the days that are looked at, nil for all.
func newSlots(d *days) *reporting.Slots {
	if d == nil {
		d = &days{to: math.MaxInt32}
	}
	return reporting.NewSlots(d.from, d.to, schema.DayOf(time.Now().Unix()))
}

// nothing says of which days there is nothing, and what there is.
func (o *reportOptions) nothing(err error, seen *seenDays, db *query.DB) error {
	t := schema.GlobalAccelerator()
	of := ""
	switch {
	case o.looked.from != "" && o.looked.to != "":
		of = fmt.Sprintf(" from %s to %s", o.looked.from, o.looked.to)
	case o.looked.from != "":
		of = fmt.Sprintf(" from %s on", o.looked.from)
	case o.looked.to != "":
		of = fmt.Sprintf(" up to %s", o.looked.to)
	}
	err = fmt.Errorf("%w%s", err, of)
	if _, ok := seen.tables[t.Name]; ok {
		err = fmt.Errorf("%w; %s", err, seen.has(t.Name))
	}
	if rejects := t.Rejects().Name; !db.Empty(rejects) {
		err = fmt.Errorf("%w; lines that were rejected are in %s, which flowlake query shows", err, rejects)
	}
	return err
}
