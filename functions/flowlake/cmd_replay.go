package main

import (
	"runtime"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
	"github.com/flowlake/flowlake/schema"
)

type replayOptions struct {
	lake       lakeOptions
	conversion conversion
	engine     engineOptions
	redrive    redriveOptions
	workers    int // objects at the same time

	selectionOptions
	bytes    string // size of the objects in conversion, or ""
	limits   replay.Limits
	journal  string // path, or ""
	existing bool   // ask the lake
	dryRun   bool
	format   string // of what is printed
}

// Formats of what is printed.
const (
	formatText = "text"
	formatJSON = "json"
)

func newReplay() *cobra.Command {
	o := replayOptions{}
	c := &cobra.Command{
		Use:   "replay {SOURCE... | --failed LIST} --lake LAKE",
		Short: "Convert flow logs into a lake",
		Long: "replay converts gzip flow logs (.log.gz) to Parquet in a lake and registers their partitions. A\n" +
			"SOURCE is a file, a directory, of which everything below is converted but for names that begin\n" +
			"with a dot, or a glob pattern; or s3://bucket/key, which means that object and everything below\n" +
			"key/. Each may lie in S3 or here, and so may the lake. The tables of a lake in S3 must be there:\n" +
			"flowlake table create makes them.\n\n" +
			"Converting an object again with the same settings overwrites what the first time wrote, so a\n" +
			"replay can be repeated at any time. An object is known by its path or URL: a file that was moved is\n" +
			"another object, and so is one that is found again by a link to its directory. An object that fails\n" +
			"never stops the others. Ctrl-C finishes the objects in progress.\n\n" +
			"--from, --to, --account, --accelerator and --region select objects by what their keys tell; the time\n" +
			"of an object is that of its name. A date means the whole day in UTC, an instant such as\n" +
			"2026-01-09T13:05:00Z itself: from it on, or before it. With both --from and --to, of a source that is\n" +
			"the folder of one Region (.../AWSLogs/ACCOUNT/SERVICE/REGION/) only the folders of these days are\n" +
			"listed. Objects that lie in the folder of another day are found with --late, which says how far off\n" +
			"they may lie.\n\n" +
			"With --journal, a file (with a .lock beside it) remembers what is done, and the same command goes on\n" +
			"where the last one ended, even if that was killed; what failed is tried again, and what changed is\n" +
			"converted again. It believes itself and not the lake: a lake that was cleared wants a new journal.\n" +
			"--skip-existing asks the lake instead: what has all its outputs there, made of the object as it is\n" +
			"now (ETag, or SHA-256 of a file), is not converted again, with whatever settings it was made. It\n" +
			"knows objects by the day that their keys name, and does not know the others.\n\n" +
			"--failed converts what failed once, whoever failed: this command, the Lambda, whose dead letters are\n" +
			"deleted when their objects are converted, or a replay by Step Functions.\n\n" +
			"--engine step-functions has the stack's state machine convert a large history by many Lambdas at a\n" +
			"time, and follows it. Ctrl-C then ends the following, not the replay.\n\n" +
			"--dry-run prints what would be done, and changes nothing; with --engine step-functions also what it\n" +
			"would cost.\n\n" + exitHelp(),
		Example: example(`
flowlake replay logs --lake ./lake
flowlake replay 'mirror/AWSLogs/*/globalaccelerator/*/2026/01/*' --lake ./lake --workers 4
flowlake replay one.log.gz other.log.gz --lake ./lake --codec snappy
flowlake replay s3://amzn-s3-demo-logs/AWSLogs/123456789012/globalaccelerator --lake s3://amzn-s3-demo-bucket/lake --database sampledb
flowlake replay logs --lake ./lake --from 2025-01-01 --to 2025-12-31 --dry-run
flowlake replay logs --lake ./lake --journal replay.journal --rate 50
flowlake replay --failed replay.journal --lake ./lake
flowlake replay --failed https://sqs.us-west-2.amazonaws.com/123456789012/flowlake-dead-letters --lake s3://amzn-s3-demo-bucket/lake --database sampledb
flowlake replay s3://amzn-s3-demo-logs/AWSLogs/123456789012/globalaccelerator/us-west-2/ --from 2023-01-01 --to 2025-12-31 --engine step-functions --state-machine arn:aws:states:us-west-2:123456789012:stateMachine:flowlake-replay --lake s3://amzn-s3-demo-bucket/lake --database sampledb`),
		Args: func(c *cobra.Command, args []string) error {
			if o.redrive.given() {
				return nil
			}
			return cobra.MinimumNArgs(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.lake.register(c, "required")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "objects to convert at the same time; memory grows with it")
	o.conversion.register(c, &o.lake.s3)
	o.redrive.register(c)
	o.engine.register(c)
	o.selectionOptions.register(c, "convert", 0)
	f.StringVar(&o.journal, "journal", "", "file that remembers what is done; it is made if it is missing (default: none)")
	f.BoolVar(&o.existing, "skip-existing", false, "do not convert again what the lake holds")
	f.Float64Var(&o.limits.ObjectsPerSecond, "rate", 0, "objects to begin in a second at most (default: any)")
	f.StringVar(&o.bytes, "bytes-in-flight", "", "size of the objects that are converted at the same time together, such as 500MB (default: any)")
	f.IntVar(&o.limits.Retries, "retries", 3, "how often an object is tried again after a failure that may pass")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be done, and do nothing")
	f.StringVar(&o.format, "format", formatText, `how to print the plan, the progress and the summary, "text" or "json"`)
	return c
}

// validate finds what is wrong with the flags, and completes what they say.
func (o *replayOptions) validate(c *cobra.Command) error {
	if err := o.selectionOptions.validate(c); err != nil {
		return err
	}
	if o.bytes != "" {
		n, err := humanize.ParseBytes(o.bytes)
		if err != nil || n == 0 || n > 1<<62 {
			return usage("--bytes-in-flight: want a size such as 500MB, have %q", o.bytes)
		}
		o.limits.BytesInFlight = int64(n)
	}
	o.limits.Workers = o.workers
	switch {
	case !(o.limits.ObjectsPerSecond >= 0):
		return usage("--rate: want a number of at least 0, have %v", o.limits.ObjectsPerSecond)
	case o.limits.Retries < 0:
		return usage("--retries: want at least 0, have %d", o.limits.Retries)
	case o.format != formatText && o.format != formatJSON:
		return usage("--format: want text or json, have %q", o.format)
	}
	return nil
}

func (o *replayOptions) run(c *cobra.Command, sources []string) error {
	if err := o.validate(c); err != nil {
		return err
	}
	if err := o.redrive.validate(sources, &o.selected, o.dryRun); err != nil {
		return err
	}
	if err := o.engine.validate(c); err != nil {
		return err
	}
	if o.engine.remote() {
		return o.runRemote(c, sources)
	}
	return o.runLocal(c, sources)
}

// runRemote has the state machine convert.
func (o *replayOptions) runRemote(c *cobra.Command, sources []string) error {
	if err := o.lake.validate(); err != nil {
		return err
	}
	in, err := o.engine.input(sources, &o.selected)
	if err != nil {
		return err
	}
	var aws cloud
	// Of a plan, the state machine is no part; one that is named is looked at all the same.
	var m *stepfunctions.Machine
	if !o.dryRun || o.engine.machine != "" {
		if m, err = o.engine.open(c.Context(), &aws); err != nil {
			return err
		}
	}
	if o.dryRun {
		p, err := replay.MakePlan(c.Context(), &machineObjects{in, aws.source}, replay.Config{Table: schema.Tables()[0], Limits: o.limits}, o.engine.rates())
		if err != nil {
			return err
		}
		return o.printPlan(c.OutOrStdout(), p, o.engine.estimate(p, &in))
	}
	r := remoteReplay{machine: m, input: in, name: o.engine.name, lake: o.lake, open: aws.openList, now: time.Now, json: o.format == formatJSON}
	return r.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), newProgress(c.ErrOrStderr(), o.format))
}
