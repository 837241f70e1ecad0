package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

type verifyOptions struct {
	lake       lakeOptions
	conversion conversion
	selection  selectionOptions
	sums       []string // columns
	format     string   // of what is printed
	workers    int      // sources at the same time
	findings   int      // that are printed
	fix        bool
}

// fixFlags are the flags that say how logs are converted again, and nothing else.
var fixFlags = []string{"codec", "sort-rows", "row-group-rows", "standard-gunzip", "kms-key"}

func newVerify() *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify SOURCE... --lake LAKE",
		Short: "Prove that a lake holds every line of its sources, or say what it lacks",
		Long: "verify reads flow logs once more and holds them against a lake. A SOURCE is what it is for replay.\n" +
			"Each log is inflated by Go's standard library, its lines are counted and judged anew, and its\n" +
			"outputs are decoded to the last page by another project's reader: rows and rejects must be as many\n" +
			"as the log holds and as its outputs record, made of the log as it is now (SHA-256), with the\n" +
			"columns of the table as it is now, and their partitions registered. With --sum, columns are added up\n" +
			"on both sides, for each log and day.\n\n" +
			"Findings, one to a line, are\n" +
			"  missing       an output that is not there, or has too few rows\n" +
			"  different     an output that is damaged, of another version of its log or table, or at odds with it\n" +
			"  unregistered  an output whose partition queries do not see\n" +
			"  misplaced     a registered partition whose location or values are not its day's: queries see its\n" +
			"                rows under a wrong day, or twice\n" +
			"  unreadable    a log that cannot be read, or an output of one; a source that cannot be looked for\n" +
			"  extra         an output, made of something below a SOURCE, that no log of today accounts for, or a\n" +
			"                file among the outputs that does not say what it was made of\n\n" +
			"--from, --to, --account, --accelerator and --region select logs by what their keys tell, as those of\n" +
			"replay do. With both --from and --to, the lake is searched for extra outputs and misplaced partitions\n" +
			"on these days and those that --late reaches. Verify a lake that is being filled up to some --to in\n" +
			"the past: logs that are not converted yet are missing.\n\n" +
			"What ends verify early, such as a SOURCE that cannot be listed any further or Ctrl-C, is printed with\n" +
			"what was verified until then.\n\n" +
			"--fix converts the logs again whose findings are of the first three kinds, and verifies them again;\n" +
			"the settings should be those of the first conversion, and are refused without it. --max-line must be\n" +
			"in any case. Nothing is ever deleted.\n\n" + exitHelp(),
		Example: example(`
flowlake verify logs --lake ./lake
flowlake verify logs --lake ./lake --sum bytes,packets
flowlake verify s3://amzn-s3-demo-logs/AWSLogs --lake s3://amzn-s3-demo-bucket/lake --database sampledb --from 2026-01-01 --to 2026-01-31
flowlake verify logs --lake ./lake --fix --format json`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.lake.register(c, "required")
	o.selection.register(c, "verify", 24*time.Hour)
	f.StringSliceVar(&o.sums, "sum", nil, "columns of integers to add up, such as bytes,packets")
	f.StringVar(&o.format, "format", formatText, `how to print the findings, the summary and the progress, "text" or "json": an object to a line`)
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "logs to verify at the same time; memory grows with it")
	f.IntVar(&o.findings, "findings", 1000, "findings to print, the first by log; the others are counted")
	f.BoolVar(&o.fix, "fix", false, "convert logs again where this can help")
	o.conversion.register(c, &o.lake.s3)
	return c
}

// validate finds what is wrong with the flags but for those of the conversion, and completes what they say.
func (o *verifyOptions) validate(c *cobra.Command) error {
	if err := o.selection.validate(c); err != nil {
		return err
	}
	for _, name := range fixFlags {
		if !o.fix && c.Flags().Changed(name) {
			return usage("--%s: want --fix with it: without it nothing is converted", name)
		}
	}
	switch {
	case o.format != formatText && o.format != formatJSON:
		return usage("--format: want text or json, have %q", o.format)
	case o.findings < 1:
		return usage("--findings: want at least 1, have %d", o.findings)
	}
	return nil
}

func (o *verifyOptions) run(c *cobra.Command, sources []string) error {
	ctx, started := c.Context(), time.Now()
	config, err := o.conversion.config(o.workers)
	if err != nil {
		return err
	}
	if err := o.validate(c); err != nil {
		return err
	}
	selection := &o.selection.selected
	holds, err := verify.Scope(sources)
	if err != nil {
		return err
	}
	var aws cloud
	p := &verifyProgress{w: c.ErrOrStderr(), now: time.Now, last: started, json: o.format == formatJSON}
	options := verify.Options{
		Table:         config.Table,
		Select:        selection.Judge,
		From:          selection.From,
		Until:         selection.To,
		Late:          selection.Late,
		Sums:          o.sums,
		Holds:         holds,
		Exists:        aws.exists,
		MaxLine:       config.MaxLine,
		MaxPartitions: flowlog.DefaultMaxPartitions,
		Workers:       o.workers,
		MaxFindings:   o.findings,
		Done:          p.done,
	}
	if err := options.Validate(); err != nil {
		return usage("%w", err)
	}
	l, err := o.lake.open(ctx, &aws)
	if err != nil {
		return err
	}
	if err := l.mustExist(ctx); err != nil {
		return err
	}
	if o.fix {
		if options.Fix, err = l.fix(ctx, config); err != nil {
			return err
		}
	}
	if options.TempDirectory, err = os.MkdirTemp("", "flowlake-verify-"); err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(options.TempDirectory)
	found := foreign{replay.Finder{Sources: sources, Open: aws.source, Table: config.Table, Select: *selection}, l}
	find := func(ctx context.Context, fn func(verify.Object) error) error {
		return found.Each(ctx, func(r replay.Object) error {
			return fn(verify.Object{Source: r.Source, Key: r.Key, Size: r.Size})
		})
	}
	report, err := verify.Run(ctx, options, find, l, l.catalog)
	if report == nil {
		return err
	}
	if o.format == formatJSON {
		err = cmp.Or(err, writeReportJSON(c.OutOrStdout(), report))
	} else {
		writeReport(c.OutOrStdout(), report, l, time.Since(started))
	}
	if err == nil && report.Standing() > 0 {
		err = &exitError{code: exitDiffers}
	}
	return err
}

// fix gives what converts a source again.
func (l *lake) fix(ctx context.Context, c etl.Config) (func(context.Context, verify.Object) error, error) {
	if err := l.ensure(ctx, []*schema.Table{c.Table, c.Table.Rejects()}); err != nil {
		return nil, err
	}
	converter, err := etl.New(c, l, l.catalog)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o verify.Object) error {
		res, err := converter.Convert(ctx, o.Source, o.Key)
		if err == nil && res.Skipped != "" {
			err = errors.New("skipped: " + res.Skipped)
		}
		return err
	}, nil
}

// exists says whether there is an object, or a file, of that URL that is not empty.
func (c *cloud) exists(ctx context.Context, source string) (bool, error) {
	if !isS3(source) {
		u, err := url.Parse(source)
		if err != nil || u.Scheme != "file" {
			return false, err
		}
		path := filepath.FromSlash(u.Path)
		if runtime.GOOS == "windows" {
			path = strings.TrimPrefix(path, `\`) // in front of the drive letter
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil && info.Size() > 0, err
	}
	s, key, err := c.object(ctx, source)
	if err != nil {
		return false, err
	}
	body, o, err := s.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return o.Size > 0, body.Close()
}
