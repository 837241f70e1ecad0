package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/schema"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program and of the tables it writes",
		Example: example("flowlake version"),
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			version := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						version += " " + s.Value
					}
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "flowlake %s, %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			for _, t := range schema.Tables() {
				fmt.Fprintf(c.OutOrStdout(), "table %s, schema version %d\n", t.Name, t.Version)
			}
			return nil
		},
	}
}
