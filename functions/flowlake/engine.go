package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/failed"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

// Engines that replay.
const (
	localEngine         = "local"
	stepFunctionsEngine = "step-functions"
)

// engineOptions say where a replay runs.
type engineOptions struct {
	engine      string
	machine     string // ARN
	name        string // of the execution, or "" for a new one
	concurrency int    // batches
	tolerated   int    // percent
}

// register declares the flags.
func (o *engineOptions) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.engine, "engine", localEngine, `where to convert: "local" on this machine, "step-functions" on the stack's state machine, for large histories`)
	f.StringVar(&o.machine, "state-machine", "", "ARN of the state machine, the stack's output ReplayStateMachineArn; with --engine step-functions")
	f.StringVar(&o.name, "execution-name", "", "name of the execution; one of that name that exists is followed, if it replays the same (default: a new one of this time)")
	f.IntVar(&o.concurrency, "concurrency", 10, "batches of 20 objects at the same time, with --engine step-functions; leave the account some for new logs")
	f.IntVar(&o.tolerated, "tolerated-failure-percentage", 10, "objects, of 100, that may lie in batches that fail before the execution does, with --engine step-functions")
}

// remote says whether Step Functions is to convert.
func (o *engineOptions) remote() bool { return o.engine == stepFunctionsEngine }

// Flags of replay that only one of the engines knows.
var (
	remoteFlags = []string{"state-machine", "execution-name", "concurrency", "tolerated-failure-percentage"}
	localFlags  = []string{"workers", "codec", "sort-rows", "row-group-rows", "standard-gunzip", "max-line", "kms-key", "bucket-owner",
		"late", "account", "accelerator", "region", "journal", "skip-existing", "rate", "bytes-in-flight", "retries", "failed"}
)

// validate finds what is wrong with the flags of a command.
func (o *engineOptions) validate(c *cobra.Command) error {
	wrong, reason := remoteFlags, "want --engine step-functions with it"
	switch o.engine {
	case localEngine:
	case stepFunctionsEngine:
		wrong, reason = localFlags, "want --engine local with it: the stack's function has settings of its own, and the state machine replays all below a prefix"
	default:
		return usage("--engine: want %s or %s, have %q", localEngine, stepFunctionsEngine, o.engine)
	}
	for _, name := range wrong {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			return usage("--%s: %s", name, reason)
		}
	}
	return nil
}

// input gives what the state machine is to replay: one prefix, and whole days.
func (o *engineOptions) input(sources []string, selected *replay.Selection) (stepfunctions.Input, error) {
	in := stepfunctions.Input{Concurrency: o.concurrency, ToleratedFailurePercentage: o.tolerated}
	if len(sources) != 1 || !isS3(sources[0]) {
		return in, usage("--engine step-functions: want one SOURCE, s3://bucket/prefix, have %q", sources)
	}
	var err error
	if in.Bucket, in.Prefix, err = s3store.ParseURL(sources[0]); err != nil {
		return in, usage("%w", err)
	}
	if in.Prefix != "" && !strings.HasSuffix(in.Prefix, "/") {
		in.Prefix += "/"
	}
	if !selected.From.IsZero() || !selected.To.IsZero() {
		if selected.From.IsZero() || selected.To.IsZero() || !midnight(selected.From) || !midnight(selected.To) {
			return in, usage("--engine step-functions: want both --from and --to, or none, and dates: the state machine replays whole days")
		}
		in.From, in.To = selected.From.UTC().Format(time.DateOnly), selected.To.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	}
	if err := in.Validate(); err != nil {
		return in, usage("--engine step-functions: %w", err)
	}
	return in, nil
}

func midnight(t time.Time) bool { return t.Equal(t.UTC().Truncate(24 * time.Hour)) }

// estimate gives what it costs to convert what a plan has found: the state machine converts all of it.
func (o *engineOptions) estimate(p *replay.Plan, in *stepfunctions.Input) *stepfunctions.Estimate {
	return stepfunctions.NewEstimate(int64(p.Found.Objects), p.Found.Bytes, len(in.Prefixes()), stepfunctions.DefaultRates)
}

// rates gives what a plan assumes of the time: that of each Lambda, as often as there are batches at a
// time.
func (o *engineOptions) rates() replay.Rates {
	each, n := stepfunctions.DefaultRates, float64(o.concurrency)
	return replay.Rates{BytesPerSecond: n * each.BytesPerSecond, ObjectsPerSecond: n / each.SecondsPerObject}
}

// open opens the state machine.
func (o *engineOptions) open(ctx context.Context, aws *cloud) (*stepfunctions.Machine, error) {
	cfg, err := aws.load(ctx)
	if err != nil {
		return nil, err
	}
	m, err := stepfunctions.Open(stepfunctions.NewClient(cfg), o.machine)
	if err != nil {
		return nil, usage("--state-machine: %w", err)
	}
	return m, nil
}

// machine replays. It is [*stepfunctions.Machine].
type machine interface {
	Start(ctx context.Context, name string, in stepfunctions.Input) (*stepfunctions.Execution, error)
	Follow(ctx context.Context, e *stepfunctions.Execution, every time.Duration, fn func(stepfunctions.Progress)) (*stepfunctions.Outcome, error)
}

// polling is the time between two looks at an execution. Step Functions takes some requests a second
// from all of an account.
const polling = 10 * time.Second

// remoteReplay is a replay by a state machine.
type remoteReplay struct {
	machine machine
	input   stepfunctions.Input
	name    string // of the execution, or ""
	lake    lakeOptions
	open    failed.Opener // of results
	now     func() time.Time
	json    bool
}

// remoteSummary is what a replay by a state machine came to.
type remoteSummary struct {
	*stepfunctions.Outcome
	// Manifests are those of the results of what was not converted.
	Manifests []string `json:"manifests"`
	// FailedObjects are the objects that failed or were not begun, and Failures the first of them.
	FailedObjects int              `json:"failed"`
	Failures      []replay.Failure `json:"failures"`
}

// run starts an execution, or takes one up, follows it to its end, and tells what was not converted and
// how to convert it.
func (r *remoteReplay) run(ctx context.Context, stdout, stderr io.Writer, p *progress) error {
	bucket, _, err := s3store.ParseURL(r.lake.url)
	if err != nil {
		return usage("--engine step-functions: want the stack's lake, s3://bucket/lake, as --lake: the results are in its bucket, have %s", r.lake.url)
	}
	name := r.name
	if name == "" {
		name = "flowlake-" + r.now().UTC().Format("20060102T150405Z")
	}
	e, err := r.machine.Start(ctx, name, r.input)
	if err != nil {
		return err
	}
	if !r.json {
		fmt.Fprintf(stderr, "execution %s, started %s\n", e.ARN, e.Started.UTC().Format(time.RFC3339))
	}
	o, err := r.machine.Follow(ctx, e, polling, p.showExecution)
	p.close()
	goesOn := fmt.Sprintf("execution %s goes on by itself; the same command with --execution-name %s follows it again, and aws stepfunctions stop-execution --execution-arn %s stops it", e.Name, e.Name, e.ARN)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted; " + goesOn)}
	case err != nil:
		return fmt.Errorf("%w; %s", err, goesOn)
	}
	s := remoteSummary{Outcome: o, Manifests: o.Manifests(bucket), Failures: []replay.Failure{}}
	reading := s.read(ctx, r.open)
	if err := s.write(stdout, r); err != nil {
		return err
	}
	switch err := o.Err(); {
	case err != nil:
		return err
	case reading != nil:
		return reading
	case s.FailedObjects > 0:
		return &exitError{code: exitObjects}
	}
	return nil
}

// read reads the results of what was not converted.
func (s *remoteSummary) read(ctx context.Context, open failed.Opener) error {
	var errs []error
	for _, manifest := range s.Manifests {
		errs = append(errs, failed.Read(ctx, open, manifest, func(o failed.Object) error {
			if s.FailedObjects++; len(s.Failures) < replay.MaxFailures {
				s.Failures = append(s.Failures, replay.Failure{URL: o.URL, Error: o.Error})
			}
			return nil
		}))
	}
	return errors.Join(errs...)
}

// write prints the summary.
func (s *remoteSummary) write(w io.Writer, r *remoteReplay) error {
	if r.json {
		return json.NewEncoder(w).Encode(s)
	}
	fmt.Fprintf(w, "execution   %s %s\n", s.Name, strings.ToLower(strings.ReplaceAll(s.Status, "_", " ")))
	fmt.Fprintf(w, "objects     %s found: %s in batches that were converted, %s in batches that failed, %s not begun\n",
		comma(s.Total), comma(s.Succeeded), comma(s.Objects.Failed), comma(s.Running+s.Pending))
	for i, f := range s.Failures {
		if i == maxFailures {
			break
		}
		fmt.Fprintf(w, "  failed    %s: %s\n", f.URL, f.Error)
	}
	if n := s.FailedObjects - maxFailures; n > 0 {
		fmt.Fprintf(w, "  failed    ... and %s more\n", comma(n))
	}
	if len(s.Manifests) > 0 {
		fmt.Fprintf(w, "again       flowlake replay --lake %s --database %s", r.lake.url, r.lake.database)
		for _, m := range s.Manifests {
			fmt.Fprintf(w, " --failed %s", m)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// showExecution takes how far an execution is.
func (p *progress) showExecution(s stepfunctions.Progress) {
	now := p.now()
	text := fmt.Sprintf("%s of at least %s objects", comma(s.Succeeded+s.Objects.Failed), comma(s.Total))
	if s.Objects.Failed > 0 {
		text += fmt.Sprintf(", %s in batches that failed", comma(s.Objects.Failed))
	}
	if s.Number > 0 {
		text += fmt.Sprintf(", prefix %d of %d: %s", s.Number, s.Prefixes, s.Prefix)
	}
	switch {
	case p.bar != nil:
		p.bar.Describe(text)
		p.bar.Set64(s.Succeeded + s.Objects.Failed)
	case now.Sub(p.last) < every:
	case p.json:
		p.last = now
		p.line(struct {
			Progress stepfunctions.Progress `json:"progress"`
		}{s})
	default:
		p.last = now
		fmt.Fprintf(p.w, "%s\n", text)
	}
}
