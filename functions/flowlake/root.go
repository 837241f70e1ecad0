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
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2, // edits from which on a name is another
	}
	root.AddCommand(newReplay(), newVerify(), newQuery(), newReport(), newServe(), newInspect(), newTables(), newAttach(), newDDL(), newSynth(), newVersion())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if !c.HasParent() && c.Flags().NArg() > 0 { // the flag is one of a command that there is not
			return noSuchCommand(c, c.Flags().Args())
		}
		return usage("%w", err)
	})
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		markUsage(c)
	}
	completeLake(root)
	root.Args = noSuchCommand
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// markUsage makes wrong arguments of a command, and of those below it, errors of the command line.
func markUsage(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage("%s: %w", c.Name(), err)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		markUsage(sub)
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("unknown command %q%s", args[0], didYouMean(c.Root().SuggestionsFor(args[0])))
}

// newHelp gives the help command, which, other than the library's, knows a wrong name.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return noSuchCommand(c, args)
			}
			return found.Help()
		},
	}
}

// example indents the lines of an example as the help shows them.
func example(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}
