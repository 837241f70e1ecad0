package main

import (
	"context"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/functions/internal/synth"
)

type synthOptions struct {
	out    string // directory or s3://bucket/prefix
	day    string
	single string // name of the one file to make
	config synth.Config
}

func newSynth() *cobra.Command {
	var o synthOptions
	c := &cobra.Command{
		Use:   "synth --out PLACE --day DATE",
		Short: "Make synthetic flow logs, for demonstrations and benchmarks",
		Long: "synth makes SYNTHETIC Global Accelerator flow logs: nothing in them was ever real traffic. They\n" +
			"are in the layout and with the file names of AWS, one file per accelerator and five minutes, and\n" +
			"hold what real ones do: skewed client addresses, IPv6, both directions, lines of 22, 23 and 24\n" +
			"fields, SKIPDATA, records across midnight. The same flags make the same bytes.",
		Example: example(`
flowlake synth --out logs --day 2026-01-09
flowlake synth --out logs --day 2026-01-09 --accelerators 2 --records 200000 --seed 7
flowlake synth --out bench --day 2026-01-09 --records 2150000 --single big.log.gz`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "directory or s3://bucket/prefix to write to (required)")
	f.StringVar(&o.day, "day", "", "UTC day of the logs, such as 2026-01-09 (required)")
	f.IntVar(&o.config.Accelerators, "accelerators", 2, "number of accelerators")
	f.IntVar(&o.config.Records, "records", 200_000, "number of records in all files together")
	f.Uint64Var(&o.config.Seed, "seed", 1, "chooses among the logs that fit the other flags")
	f.IntVar(&o.config.Clients, "clients", 0, "number of client addresses (default: grows with the records)")
	f.StringVar(&o.config.Account, "account", synth.DefaultAccount, "account that owns the accelerators")
	f.StringVar(&o.single, "single", "", "make one file of this name instead, of one accelerator")
	return c
}

func (o *synthOptions) run(c *cobra.Command) error {
	if o.out == "" {
		return usage("--out: want a directory or s3://bucket/prefix")
	}
	day, err := time.Parse(time.DateOnly, o.day)
	if err != nil {
		return usage("--day: want a date such as 2026-01-09, have %q", o.day)
	}
	o.config.Day = day
	if err := o.config.Validate(); err != nil {
		return usage("%w", err)
	}
	ctx := c.Context()
	out, err := openOut(ctx, o.out)
	if err != nil {
		return err
	}
	if o.single != "" {
		return o.makeSingle(ctx, out)
	}
	files, err := synth.Make(ctx, o.config, func(key string) (synth.Writer, error) { return out.Create(ctx, key) })
	if err != nil {
		return err
	}
	var bytes int64
	for _, f := range files {
		bytes += f.Size
	}
	fmt.Fprintf(c.OutOrStdout(), "made %s synthetic records in %s files, %s gzip, in %s\n",
		comma(o.config.Records), comma(len(files)), size(bytes), o.out)
	return nil
}

// openOut opens the place to write to.
func openOut(ctx context.Context, out string) (etl.Lake, error) {
	if isS3(out) {
		var aws cloud
		return aws.store(ctx, out, s3store.Options{})
	}
	return store.OpenLocal(out)
}

// makeSingle makes one file with the records of five minutes that cross midnight.
func (o *synthOptions) makeSingle(ctx context.Context, out etl.Lake) error {
	w, err := out.Create(ctx, o.single)
	if err != nil {
		return err
	}
	defer w.Abort()
	z := gzip.NewWriter(w)
	if err := synth.One(z, o.config, o.config.Day.Add(-100*time.Second), 5*time.Minute); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return w.Commit(ctx)
}
