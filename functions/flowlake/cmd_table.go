package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/schema"
)

func newTables() *cobra.Command {
	c := &cobra.Command{
		Use:   "table",
		Short: "Create a lake's tables in its catalog",
		Example: example(`
flowlake table create --lake s3://amzn-s3-demo-bucket/lake --database sampledb`),
	}
	c.AddCommand(newTableCreate())
	return c
}

func newTableCreate() *cobra.Command {
	o := lakeOptions{create: true}
	c := &cobra.Command{
		Use:   "create --lake LAKE",
		Short: "Create a lake's tables, and in Glue their database, where they are missing",
		Long: "create makes the table of the flow logs and the table of the rejected lines, and in Glue their\n" +
			"database too, where they are missing. What is there must be as it is declared, and stays. In Glue a\n" +
			"table that has no partition index, as CloudFormation and Athena make it, gets one. It asks for\n" +
			"glue:CreateDatabase, GetTables, GetTable and CreateTable, and where the tables are there already for\n" +
			"glue:GetPartitionIndexes and CreatePartitionIndex, which AWS denies without UpdateTable.",
		Example: example(`
flowlake table create --lake s3://amzn-s3-demo-bucket/lake --database sampledb
flowlake table create --lake ./lake`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return createTables(c, &o) },
	}
	o.register(c, "required")
	return c
}

// createTables makes what is missing, and says what that was, and what is left to do.
func createTables(c *cobra.Command, o *lakeOptions) error {
	ctx := c.Context()
	l, err := o.open(ctx, new(cloud))
	if err != nil {
		return err
	}
	before, err := l.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, t := range allTables() {
		if err := l.catalog.EnsureTable(ctx, t); err != nil {
			return err
		}
		what := "created"
		if slices.Contains(before, t.Name) {
			what = "there already"
			more, err := addIndex(ctx, l, t, o.database)
			if err != nil {
				return err
			}
			what += more
		}
		fmt.Fprintf(c.OutOrStdout(), "table %s in %s, over %s: %s\n", t.Name, l.at, l.URL(t.Name+"/"), what)
	}
	return nil
}

// addIndex adds the partition index that a table in Glue may lack, and gives what there is to say of
// it; "" is nothing.
func addIndex(ctx context.Context, l *lake, t *schema.Table, database string) (said string, err error) {
	if l.glue == nil {
		return "", nil
	}
	index, err := l.glue.EnsureIndex(ctx, t)
	if err != nil {
		return "", err
	}
	if index.Added {
		said = "; partition index " + index.Name + " added"
	}
	if !index.Used {
		said += "; for Athena to use the partition index, run there: " +
			strings.TrimSpace(t.SetProperty(database, schema.PartitionFiltering()))
	}
	return said, nil
}
