package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

type replayOptions struct {
	lake    lakeOptions
	workers int    // objects at the same time
	codec   string // of the outputs
	sorted  int    // rows that are sorted together
	rows    int    // of a row group
	maxLine int    // bytes
	gunzip  bool   // by the standard library
}

func newReplay() *cobra.Command {
	o := replayOptions{}
	c := &cobra.Command{
		Use:   "replay SOURCE... --lake LAKE",
		Short: "Convert flow logs into a lake",
		Long: "replay converts gzip flow logs (.log.gz) to Parquet in a lake and registers their partitions. A\n" +
			"SOURCE is a file, a directory, of which everything below is converted but for names that begin\n" +
			"with a dot, or a glob pattern; or s3://bucket/key, which means that object and everything below\n" +
			"key/. Each may lie in S3 or here, and so may the lake. The tables of a lake in S3 must be there:\n" +
			"flowlake table create makes them.\n\n" +
			"Converting an object again with the same settings overwrites what the first time wrote, so a\n" +
			"replay can be repeated at any time. An object is known by its path or URL: a file that was moved\n" +
			"is another object. An object that fails never stops the others. Ctrl-C finishes the objects in\n" +
			"progress.\n\n" + exitHelp(),
		Example: example(`
flowlake replay logs --lake ./lake
flowlake replay 'mirror/AWSLogs/*/globalaccelerator/*/2026/01/*' --lake ./lake --workers 4
flowlake replay one.log.gz other.log.gz --lake ./lake --codec snappy
flowlake replay s3://amzn-s3-demo-logs/AWSLogs/123456789012/globalaccelerator --lake s3://amzn-s3-demo-bucket/lake --database sampledb`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.lake.register(c, "required")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "objects to convert at the same time; memory grows with it")
	f.StringVar(&o.codec, "codec", string(columnar.Zstd), fmt.Sprintf("compression of the outputs, one of %q", columnar.Codecs()))
	f.IntVar(&o.sorted, "sort-rows", flowlog.DefaultBatchRows, "rows that are sorted by client address together; an object of no more is sorted whole; memory grows with it")
	f.IntVar(&o.rows, "row-group-rows", columnar.DefaultRowGroupRows, "rows of a row group")
	f.BoolVar(&o.gunzip, "standard-gunzip", false, "inflate by Go's standard library instead of flowlake's own decoder, which is three times as fast")
	f.IntVar(&o.maxLine, "max-line", flowlog.DefaultMaxLine, "longest line in bytes; longer ones are rejected")
	f.StringVar(&o.lake.s3.KMSKey, "kms-key", "", "key of KMS that encrypts the outputs in S3 (default: what the bucket does)")
	f.StringVar(&o.lake.s3.BucketOwner, "bucket-owner", "", "account that the lake's bucket must belong to (default: any)")
	return c
}

func (o *replayOptions) run(c *cobra.Command, sources []string) error {
	ctx, started := c.Context(), time.Now()
	for flag, value := range map[string]int{"workers": o.workers, "sort-rows": o.sorted, "row-group-rows": o.rows, "max-line": o.maxLine} {
		if value < 1 {
			return usage("--%s: want at least 1, have %d", flag, value)
		}
	}
	config := etl.Config{
		Table:          schema.Tables()[0],
		Codec:          columnar.Codec(o.codec),
		Threads:        max(1, runtime.GOMAXPROCS(0)/o.workers),
		SortRows:       o.sorted,
		RowGroupRows:   o.rows,
		MaxLine:        o.maxLine,
		StandardGunzip: o.gunzip,
	}
	if err := config.Validate(); err != nil {
		return usage("%w", err)
	}
	var aws cloud
	l, err := o.lake.open(ctx, &aws)
	if err != nil {
		return err
	}
	converter, err := etl.New(config, l, l.catalog)
	if err != nil {
		return err
	}
	objects, err := replay.Find(ctx, sources, aws.source)
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, l.owns) // the lake may lie below a source
	if len(objects) == 0 {
		return fmt.Errorf("find source: no object in %q", sources)
	}
	// A catalog that refuses the tables is found here, once, and not after the first object is written.
	if err := l.ensure(ctx, []*schema.Table{config.Table, config.Table.Rejects()}); err != nil {
		return err
	}
	s := convert(ctx, objects, converter, o.workers, c.ErrOrStderr())
	writeSummary(c.OutOrStdout(), &s, time.Since(started))
	switch {
	case ctx.Err() != nil && s.Done() < s.Objects:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted; %d of %d objects were not begun", s.Objects-s.Done(), s.Objects)}
	case len(s.Failed) > 0:
		return &exitError{code: exitObjects}
	case s.Rejected > 0:
		return &exitError{code: exitRejects}
	}
	return nil
}

// convert runs the conversion and shows its progress.
func convert(ctx context.Context, objects []replay.Object, c replay.Converter, workers int, stderr io.Writer) replay.Summary {
	s := replay.Summary{Objects: len(objects)}
	p := newProgress(stderr, objects)
	replay.Run(ctx, objects, c, workers, func(o replay.Outcome) {
		s.Add(o)
		p.done(o, &s)
	})
	p.close()
	return s
}

// maxFailures bounds the failures that a summary names: each was named when it happened.
const maxFailures = 20

// writeSummary prints what a replay did.
func writeSummary(w io.Writer, s *replay.Summary, took time.Duration) {
	skipped := 0
	for _, n := range s.Skipped {
		skipped += n
	}
	fmt.Fprintf(w, "objects     %s found: %s converted, %s skipped, %s failed\n",
		comma(s.Objects), comma(s.Converted), comma(skipped), comma(len(s.Failed)))
	for _, reason := range slices.SortedFunc(maps.Keys(s.Skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Skipped[b], s.Skipped[a]), strings.Compare(a, b))
	}) {
		fmt.Fprintf(w, "  skipped   %s: %s\n", comma(s.Skipped[reason]), reason)
	}
	for i, f := range s.Failed {
		if i == maxFailures {
			fmt.Fprintf(w, "  failed    ... and %s more, named above\n", comma(len(s.Failed)-i))
			break
		}
		fmt.Fprintf(w, "  failed    %v\n", f.Err)
	}
	fmt.Fprintf(w, "lines       %s = %s rows + %s rejects + %s headers + %s blank\n",
		comma(s.Lines), comma(s.Rows), comma(s.Rejected), comma(s.Headers), comma(s.Blank))
	if s.UnknownFields > 0 {
		fmt.Fprintf(w, "            %s unknown header names, whose fields were left out\n", comma(s.UnknownFields))
	}
	fmt.Fprintf(w, "read        %s gzip, %s text\n", size(s.BytesIn), size(s.Text))
	fmt.Fprintf(w, "wrote       %s in %s objects\n", size(s.BytesOut), comma(s.Outputs))
	fmt.Fprintf(w, "partitions  %s registered\n", comma(s.Partitions))
	fmt.Fprintf(w, "took        %.2f s: %s of text/s, %s records/s\n", took.Seconds(),
		size(int64(float64(s.Text)/took.Seconds())), comma(int64(float64(s.Rows)/took.Seconds())))
}

func comma[T int | int64](n T) string { return humanize.Comma(int64(n)) }

func size(n int64) string { return humanize.Bytes(uint64(n)) }
