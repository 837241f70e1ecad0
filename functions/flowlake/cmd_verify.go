package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	from, to   string   // dates or instants; "" is no limit
	sums       []string // columns
	format     string   // of what is printed
	workers    int      // sources at the same time
	findings   int      // that are printed
	fix        bool
}

// verifyLate is how far from its day's folder a source may lie and still be found, where only the folders
// of some days are listed.
const verifyLate = 24 * time.Hour

func newVerify() *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify SOURCE... --lake LAKE",
		Short: "Prove that a lake holds every line of its sources, or say what it lacks",
		Long: "verify reads flow logs once more and holds them against a lake. A SOURCE is what it is for replay.\n" +
			"Each log is inflated by Go's standard library, its lines are counted and judged anew, and its\n" +
			"outputs are decoded to the last page by another project's reader: rows and rejects must be as many\n" +
			"as the log holds and as its outputs record, made of the log as it is now (SHA-256), and their\n" +
			"partitions registered. With --sum, columns are added up on both sides, for each log and day.\n\n" +
			"Findings, one to a line, are\n" +
			"  missing       an output that is not there, or has too few rows\n" +
			"  different     an output that is damaged, of another version of its log, or at odds with it\n" +
			"  unregistered  an output whose partition queries do not see\n" +
			"  unreadable    a log that cannot be read, or an output of one\n" +
			"  extra         an output, made of something below a SOURCE, that no log of today accounts for\n\n" +
			"--from and --to select logs by the time in their names, as those of replay do. With both, the lake\n" +
			"is searched for extra outputs on these days, the one before and the one after.\n\n" +
			"--fix converts the logs again whose findings are of the first three kinds, and verifies them again;\n" +
			"the settings should be those of the first conversion. --max-line must be in any case. Nothing is\n" +
			"ever deleted.\n\n" + exitHelp(),
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
	f.StringVar(&o.from, "from", "", "first date, such as 2026-01-09, or instant, such as 2026-01-09T13:05:00Z, of the logs (default: their first)")
	f.StringVar(&o.to, "to", "", "last date of the logs, or the instant that they end before (default: their last)")
	f.StringSliceVar(&o.sums, "sum", nil, "columns of integers to add up, such as bytes,packets")
	f.StringVar(&o.format, "format", formatText, `how to print, "text" or "json": a line for each finding and one for the summary`)
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "logs to verify at the same time; memory grows with it")
	f.IntVar(&o.findings, "findings", 1000, "findings to print, the first by log; the others are counted")
	f.BoolVar(&o.fix, "fix", false, "convert logs again where this can help")
	o.conversion.register(c, &o.lake.s3)
	return c
}

func (o *verifyOptions) run(c *cobra.Command, sources []string) error {
	ctx, started := c.Context(), time.Now()
	config, err := o.conversion.config(o.workers)
	if err != nil {
		return err
	}
	selection, err := o.selection()
	if err != nil {
		return err
	}
	switch {
	case o.format != formatText && o.format != formatJSON:
		return usage("--format: want text or json, have %q", o.format)
	case o.findings < 1:
		return usage("--findings: want at least 1, have %d", o.findings)
	}
	holds, err := verify.Scope(sources)
	if err != nil {
		return err
	}
	var aws cloud
	p := &verifyProgress{w: c.ErrOrStderr(), last: started}
	options := verify.Options{
		Table:         config.Table,
		Select:        selection.Judge,
		From:          selection.From,
		Until:         selection.To,
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
	found := foreign{replay.Finder{Sources: sources, Open: aws.source, Table: config.Table, Select: selection}, l}
	find := func(ctx context.Context, fn func(verify.Object) error) error {
		return found.Each(ctx, func(r replay.Object) error {
			return fn(verify.Object{Source: r.Source, Key: r.Key, Size: r.Size})
		})
	}
	report, err := verify.Run(ctx, options, find, l, l.catalog)
	if err != nil {
		return err
	}
	if o.format == formatJSON {
		err = writeReportJSON(c.OutOrStdout(), report)
	} else {
		writeReport(c.OutOrStdout(), report, l, time.Since(started))
	}
	if err == nil && report.Standing() > 0 {
		err = &exitError{code: exitDiffers}
	}
	return err
}

// selection gives what --from and --to select.
func (o *verifyOptions) selection() (s replay.Selection, err error) {
	s.Late = verifyLate
	if o.from != "" {
		if s.From, err = replay.ParseFrom(o.from); err != nil {
			return s, usage("--from: %w", err)
		}
	}
	if o.to != "" {
		if s.To, err = replay.ParseTo(o.to); err != nil {
			return s, usage("--to: %w", err)
		}
	}
	if o.from != "" && o.to != "" && !s.From.Before(s.To) {
		return s, usage("--to: want %s or later, as --from says, have %s", o.from, o.to)
	}
	return s, nil
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

// verifyProgress prints a line now and then.
type verifyProgress struct {
	w                        io.Writer
	objects, bytes, findings int64
	last                     time.Time // of the last line
}

// verifyEvery is the time between two lines of progress.
const verifyEvery = 5 * time.Second

func (p *verifyProgress) done(gzip int64, findings int) {
	p.objects++
	p.bytes += gzip
	p.findings += int64(findings)
	if now := time.Now(); now.Sub(p.last) >= verifyEvery {
		p.last = now
		fmt.Fprintf(p.w, "%s objects verified, %s gzip, %s findings\n", comma(p.objects), size(p.bytes), comma(p.findings))
	}
}

// writeReport prints the findings and what was verified.
func writeReport(w io.Writer, r *verify.Report, l *lake, took time.Duration) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, describeFinding(f))
	}
	if n := r.Omitted(); n > 0 {
		fmt.Fprintf(w, "... and %s more findings, see --findings\n", comma(n))
	}
	if r.Open[verify.Extra] > 0 {
		remove := "aws s3 rm " + l.URL("") + "/OUTPUT"
		if l.dir != nil {
			remove = "rm " + filepath.Join(l.dir.Path(""), "OUTPUT")
		}
		fmt.Fprintf(w, "flowlake deletes no extra output. Where its source is gone for good, do so: %s\n", remove)
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(w)
	}
	skipped := int64(0)
	for _, n := range r.Skipped {
		skipped += n
	}
	fmt.Fprintf(w, "objects     %s found: %s verified, %s unreadable, %s skipped, %s not selected\n",
		comma(r.Found), comma(r.Verified), comma(r.Unreadable), comma(skipped), comma(r.Outside))
	for _, reason := range slices.SortedFunc(maps.Keys(r.Skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Skipped[b], r.Skipped[a]), strings.Compare(a, b))
	}) {
		fmt.Fprintf(w, "  skipped   %s: %s\n", comma(r.Skipped[reason]), reason)
	}
	fmt.Fprintf(w, "lines       %s = %s rows + %s rejects + %s headers + %s blank, counted again in %s of text, %s gzip\n",
		comma(r.Lines), comma(r.Rows), comma(r.Rejected), comma(r.Headers), comma(r.Blank), size(r.Text), size(r.BytesIn))
	fmt.Fprintf(w, "outputs     %s rows + %s rejects in %s objects, %s, read to the last page\n",
		comma(r.OutputRows), comma(r.OutputRejects), comma(r.Outputs), size(r.BytesOut))
	fmt.Fprintf(w, "partitions  %s registered, %s not\n", comma(r.Partitions), comma(r.Unregistered))
	for _, s := range r.Sums {
		fmt.Fprintf(w, "sum         %s: %v in the text, %v in the outputs\n", s.Column, s.Text, s.Lake)
	}
	fmt.Fprintf(w, "lake        %s objects listed, %s of them of other sources, %s of unknown ones\n",
		comma(r.Listed), comma(r.OthersOutputs), comma(r.UnknownOutputs))
	if r.ConvertedAgain > 0 {
		fmt.Fprintf(w, "fixed       %s sources converted again, %s of them without success\n", comma(r.ConvertedAgain), comma(r.ConversionFails))
	}
	fmt.Fprintf(w, "took        %.2f s\n", took.Seconds())
	fmt.Fprintf(w, "findings    %s\n", describeCounts(r))
}

// describeFinding gives a finding in one line.
func describeFinding(f verify.Finding) string {
	about := f.Output
	switch {
	case f.Output == "":
		about = f.Source
	case f.Source != "":
		about += " of " + f.Source
	}
	s := fmt.Sprintf("%s: %s: want %s, have %s", f.Kind, about, f.Want, f.Have)
	if f.Mended {
		s += "; mended"
	}
	if f.Fix != "" {
		s += "; not mended: " + f.Fix
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// describeCounts gives the numbers of findings.
func describeCounts(r *verify.Report) string {
	var open, mended []string
	for _, k := range verify.Kinds() {
		if n := r.Open[k]; n > 0 {
			open = append(open, comma(n)+" "+string(k))
		}
		if n := r.Mended[k]; n > 0 {
			mended = append(mended, comma(n)+" "+string(k))
		}
	}
	s := strings.Join(open, ", ")
	if s == "" {
		s = "none: the lake holds what its sources say"
	}
	if mended != nil {
		s += "; mended " + strings.Join(mended, ", ")
	}
	return s
}

// writeReportJSON prints the findings, an object to a line, and then the summary.
func writeReportJSON(w io.Writer, r *verify.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, f := range r.Findings {
		if err := e.Encode(f); err != nil {
			return err
		}
	}
	return e.Encode(struct {
		Summary *verify.Report `json:"summary"`
		Omitted int64          `json:"omitted"`
	}{r, r.Omitted()})
}
