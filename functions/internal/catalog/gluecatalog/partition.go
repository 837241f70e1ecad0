package gluecatalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

const (
	// deleteBatch is the number of partitions that Glue deletes in one request.
	deleteBatch = 25
	// listPage is the number of partitions that Glue lists in one request.
	listPage = 1000
)

// Partitions gives all registered partitions in the order of their values, which the caller owns. It
// asks Glue each time. The error is catalog.ErrNoTable if the table does not exist, and another
// [*catalog.TableError] if a partition is not in the lake: this program could not read its objects.
func (c *Catalog) Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error) {
	if err := ctx.Err(); err != nil {
		return nil, c.fail(ctx, "list partitions of", t.Name, err)
	}
	pages := glue.NewGetPartitionsPaginator(c.client, &glue.GetPartitionsInput{
		CatalogId:           c.catalogID,
		DatabaseName:        &c.database,
		TableName:           &t.Name,
		ExcludeColumnSchema: aws.Bool(true), // else most of the answer is the same columns again
		MaxResults:          aws.Int32(listPage),
	})
	partitions := []schema.Partition{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.fail(ctx, "list partitions of", t.Name, err)
		}
		for _, registered := range page.Partitions {
			p, err := c.partition(&registered)
			if err != nil {
				return nil, &catalog.TableError{Table: t.Name, Err: err}
			}
			partitions = append(partitions, p)
		}
	}
	slices.SortFunc(partitions, func(p, q schema.Partition) int { return slices.Compare(p.Values, q.Values) })
	// Pages that are read while others change the table may overlap.
	return slices.CompactFunc(partitions, func(p, q schema.Partition) bool { return slices.Equal(p.Values, q.Values) }), nil
}

// partition gives a registered partition with its location relative to the lake.
func (c *Catalog) partition(registered *types.Partition) (schema.Partition, error) {
	p := schema.Partition{Values: registered.Values}
	if want := len(schema.PartitionKeys()); len(p.Values) != want {
		return p, fmt.Errorf("partition %q has %d values, want %d", p.Values, len(p.Values), want)
	}
	location := ""
	if registered.StorageDescriptor != nil {
		location = aws.ToString(registered.StorageDescriptor.Location)
	}
	below, ok := strings.CutPrefix(location, c.lakeURL+"/")
	if below = strings.TrimRight(below, "/"); !ok || below == "" {
		return p, fmt.Errorf("partition %q has location %q, which is not in the lake %s/", p.Values, location, c.lakeURL)
	}
	p.Location = below + "/"
	return p, nil
}

// RemovePartitions removes partitions from the catalog, by their values, and gives how many were
// registered. Their objects stay where they are. When it returns nil the change is durable; on an
// error some may be removed, which are counted. The error is catalog.ErrNoTable if the table does not
// exist.
func (c *Catalog) RemovePartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (removed int, err error) {
	const op = "remove partitions from"
	if err := ctx.Err(); err != nil {
		return 0, c.fail(ctx, op, t.Name, err)
	}
	m := c.memory(t.Name)
	if err := m.lock(ctx); err != nil {
		return 0, c.fail(ctx, op, t.Name, err)
	}
	defer m.unlock()
	// Before the request and not after: who adds one of them meanwhile must wait for its end.
	m.forget(partitions)
	gone := removable(partitions)
	if len(gone) == 0 {
		_, err := c.readTable(ctx, t.Name, m)
		return 0, err
	}
	return c.apply(ctx, t, change{
		op:      op,
		size:    deleteBatch,
		already: "EntityNotFoundException",
		send: func(batch []schema.Partition) ([]types.PartitionError, error) {
			input := &glue.BatchDeletePartitionInput{CatalogId: c.catalogID, DatabaseName: &c.database, TableName: &t.Name}
			for _, p := range batch {
				input.PartitionsToDelete = append(input.PartitionsToDelete, types.PartitionValueList{Values: p.Values})
			}
			out, err := c.client.BatchDeletePartition(ctx, input)
			if err != nil {
				return nil, err
			}
			return out.Errors, nil
		},
		settled: func([]string, time.Time) {},
	}, gone)
}

// removable gives those of the partitions that may be registered, each once. Glue would refuse the
// others instead of not finding them.
func removable(partitions []schema.Partition) []schema.Partition {
	keys := len(schema.PartitionKeys())
	listed := map[string]bool{}
	var some []schema.Partition
	for _, p := range partitions {
		if len(p.Values) != keys || slices.Contains(p.Values, "") || listed[valuesKey(p.Values)] {
			continue
		}
		listed[valuesKey(p.Values)] = true
		some = append(some, p)
	}
	return some
}
