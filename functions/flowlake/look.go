package main

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// lookOptions say which days of which lake a command looks at.
type lookOptions struct {
	lake     lakeOptions
	from, to string // days, both included; "" is no limit
	cache    string // directory; "" is one of the user's
}

// register declares the flags; required says when --lake is.
func (o *lookOptions) register(c *cobra.Command, required string) {
	f := c.Flags()
	o.lake.register(c, required)
	f.StringVar(&o.from, "from", "", "first day to look at, such as 2026-01-09 (default: the lake's first)")
	f.StringVar(&o.to, "to", "", "last day to look at (default: the lake's last)")
	f.StringVar(&o.cache, "cache", "", "directory of the copies of lakes in S3 (default: flowlake in the user's cache directory)")
}

// looked is a lake, of which some days are seen.
type looked struct {
	*lake
	options *lookOptions
	days    *days         // nil where all are seen
	catalog query.Catalog // of the partitions of those days
}

// open finds the lake, which must exist. within, if it is not nil, comes between its catalog and the days.
func (o *lookOptions) open(ctx context.Context, within func(query.Catalog) query.Catalog) (*looked, error) {
	options := query.Options{Database: o.lake.database}
	if err := options.Validate(); err != nil {
		return nil, usage("%w", err)
	}
	d, err := o.days()
	if err != nil {
		return nil, err
	}
	l, err := o.lake.open(ctx, new(cloud))
	if err != nil {
		return nil, err
	}
	if err := l.mustExist(ctx); err != nil {
		return nil, err
	}
	k := &looked{lake: l, options: o, days: d, catalog: l.catalog}
	if within != nil {
		k.catalog = within(k.catalog)
	}
	if d != nil {
		d.Catalog = k.catalog
		k.catalog = d
	}
	return k, nil
}

// query opens what is looked at for queries, as openQuery does. Downloads are shown on stderr. watch, if it
// is not nil, comes between the queries and the files.
func (k *looked) query(ctx context.Context, stderr io.Writer, temp string, watch func(query.Files) query.Files) (db *query.DB, done func(), err error) {
	d := &download{w: stderr, last: time.Now()}
	defer d.close()
	files, err := k.files(k.options.cache, d)
	if err != nil {
		return nil, nil, err
	}
	if watch != nil {
		files = watch(files)
	}
	return openQuery(ctx, k.catalog, files, k.options.lake.database, temp)
}

// days gives the limits of what is looked at, or nil.
func (o *lookOptions) days() (*days, error) {
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
