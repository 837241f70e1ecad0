package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/schema"
)

type ddlOptions struct {
	location string   // URL of the lake, s3://bucket/prefix
	database string   // "" leaves it to the session
	days     []string // of which the partition is registered
}

func newDDL() *cobra.Command {
	var o ddlOptions
	c := &cobra.Command{
		Use:   "ddl",
		Short: "Print the Athena DDL of the tables and of partitions",
		Long: "ddl prints the statements that create the table of the flow logs and the table of the rejected\n" +
			"lines in Athena, over a lake in S3, and those that register a day's partitions in both.",
		Example: example(`
flowlake ddl --location s3://amzn-s3-demo-bucket/lake
flowlake ddl --location s3://amzn-s3-demo-bucket/lake --database sampledb --day 2026-01-09`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.location, "location", "", "URL of the lake, such as s3://bucket/prefix (required)")
	f.StringVar(&o.database, "database", "", "database of the tables (default: that of the session)")
	f.StringArrayVar(&o.days, "day", nil, "also register this day's partitions, such as 2026-01-09 (repeatable)")
	return c
}

func (o *ddlOptions) run(c *cobra.Command) error {
	if path, ok := strings.CutPrefix(o.location, "s3://"); !ok || path == "" || path[0] == '/' {
		return usage("--location: want an S3 URL such as s3://bucket/prefix, have %q", o.location)
	}
	var days []schema.Day
	for _, s := range o.days {
		day, err := parseDay("day", s)
		if err != nil {
			return err
		}
		days = append(days, day)
	}
	for _, log := range schema.Tables() {
		for _, t := range []*schema.Table{log, log.Rejects()} {
			fmt.Fprintln(c.OutOrStdout(), t.CreateTable(o.database, o.location))
			for _, d := range days {
				fmt.Fprintln(c.OutOrStdout(), t.AddPartition(o.database, o.location, d))
			}
		}
	}
	return nil
}
