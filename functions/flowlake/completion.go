package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/deploy/queries"
)

// completeFlag has the shell offer the values of a flag.
func completeFlag(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag, or it has its values: a mistake of the program
	}
}

// completeLake has the shell offer the values of the flags that say which lake.
func completeLake(c *cobra.Command) {
	if c.Flag("catalog") != nil {
		completeFlag(c, "catalog", localCatalog, glueCatalog)
	}
	if c.Flag("lake") != nil {
		if err := c.MarkFlagDirname("lake"); err != nil {
			panic(err) // as above
		}
	}
	for _, sub := range c.Commands() {
		completeLake(sub)
	}
}

// completeQuery offers the named queries with their descriptions.
func completeQuery(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := queries.All()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, q := range all {
		names = append(names, cobra.CompletionWithDesc(q.Name, q.Description))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeQueryParameters has the shell offer the parameters of the query that is named before, and
// their defaults once the name is there.
func completeQueryParameters(c *cobra.Command) {
	offer := func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		q, _ := queries.Find(args[0])
		var values []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, p := range q.Parameters {
			if strings.Contains(typed, "=") {
				values = append(values, p.Name+"="+p.Default)
			} else {
				values = append(values, cobra.CompletionWithDesc(p.Name+"=", string(p.Type)))
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return values, directive
	}
	if err := c.RegisterFlagCompletionFunc("param", offer); err != nil {
		panic(err) // there is no such flag: a mistake of the program
	}
}
