package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
	"github.com/flowlake/flowlake/functions/internal/store"
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
		"late", "account", "accelerator", "region", "journal", "skip-existing", "rate", "bytes-in-flight", "retries", "failed", "source"}
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
	if o.name != "" {
		if err := stepfunctions.CheckName(o.name); err != nil {
			return usage("--execution-name: %w", err)
		}
	}
	return nil
}

// input gives what the state machine is to replay: one prefix, and whole days. Without a prefix the
// machine would replay the stack's, which is not what the SOURCE says.
func (o *engineOptions) input(sources []string, selected *replay.Selection) (stepfunctions.Input, error) {
	in := stepfunctions.Input{Concurrency: o.concurrency, ToleratedFailurePercentage: o.tolerated}
	if len(sources) != 1 || !isS3(sources[0]) {
		return in, usage("--engine step-functions: want one SOURCE, s3://bucket/prefix, have %q", sources)
	}
	var err error
	if in.Bucket, in.Prefix, err = s3store.ParseURL(sources[0]); err != nil {
		return in, usage("%w", err)
	}
	if in.Prefix == "" {
		return in, usage("--engine step-functions: want a prefix in the SOURCE, such as s3://%s/AWSLogs/, which the stack's FlowLogPrefix begins, have %q", in.Bucket, sources[0])
	}
	if !strings.HasSuffix(in.Prefix, "/") {
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

// machineObjects are the objects that the state machine finds for an input: all below its prefixes. It
// is a [replay.Lister].
type machineObjects struct {
	input stepfunctions.Input
	open  replay.Opener
}

// Each calls fn for each object. As for the state machine, none at all is an error.
func (m *machineObjects) Each(ctx context.Context, fn func(replay.Object) error) error {
	bucket := "s3://" + m.input.Bucket
	s, _, err := m.open(ctx, bucket)
	if err != nil {
		return err
	}
	found := false
	for _, prefix := range m.input.Prefixes() {
		err := s.List(ctx, prefix, func(o store.Object) error {
			found = true
			return fn(replay.Object{Source: s, Key: o.Key, Size: o.Size, ETag: o.ETag, Modified: o.Modified})
		})
		if err != nil {
			return err
		}
	}
	if !found {
		text := "no object below " + bucket + "/" + m.input.Prefix
		if m.input.From != "" {
			text += " from " + m.input.From + " to " + m.input.To
		}
		return errors.New(text)
	}
	return nil
}

// open opens the state machine. It sends no request.
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
