package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot gives the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "flowlake",
		Short: "AWS flow logs as a columnar lake",
		Long: "flowlake turns AWS Global Accelerator flow logs, gzip text, into a lake of Hive-partitioned\n" +
			"Parquet with registered partitions, and answers SQL over it. No AWS account is needed.\n\n" + exitHelp(),
		Example: example(`
flowlake synth --out logs --day 2026-01-09        # make some logs to try it with
flowlake replay logs --lake ./lake                # convert them
flowlake query --lake ./lake top-talkers-by-bytes # ask`),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newReplay(), newQuery(), newInspect(), newDDL(), newSynth(), newVersion())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	for _, c := range root.Commands() {
		check := c.Args
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage("%s: %w", c.Name(), err)
			}
			return nil
		}
	}
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("unknown command %q", args[0])
		}
		return nil
	}
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// example indents the lines of an example as the help shows them.
func example(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}
