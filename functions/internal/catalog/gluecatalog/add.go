package gluecatalog

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

// createBatch is the number of partitions that Glue creates in one request.
const createBatch = 100

// AddPartitions registers what is not registered yet and gives how many were new; first it does what
// [Catalog.EnsureTable] does, but with what is remembered of the table. When it returns nil all of
// the partitions are durable and visible to queries. On an error it may have registered some of them,
// which are counted. Doing it again does nothing.
//
// A partition is known by its values: one that is registered stays as it is, whatever its location.
//
// A call whose partitions are all remembered sends nothing. Calls for the same table take turns
// otherwise, so that those that want the same new partition send one request together.
func (c *Catalog) AddPartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (added int, err error) {
	if err := catalog.CheckPartitions(t.Name, partitions); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, c.fail(ctx, "add partitions to", t.Name, err)
	}
	m := c.memory(t.Name)
	if c.recall(t, m) != nil && len(c.unknown(m, partitions)) == 0 {
		return 0, nil
	}
	if err := m.lock(ctx); err != nil {
		return 0, c.fail(ctx, "add partitions to", t.Name, err)
	}
	defer m.unlock()

	table := c.recall(t, m)
	recalled := table != nil
	if !recalled {
		if table, err = c.ensure(ctx, t, m); err != nil {
			return 0, err
		}
	}
	added, err = c.register(ctx, t, table, m, c.unknown(m, partitions))
	if recalled && errors.Is(err, catalog.ErrNoTable) {
		// Somebody has dropped the table since it was read.
		if table, err = c.ensure(ctx, t, m); err != nil {
			return 0, err
		}
		added, err = c.register(ctx, t, table, m, c.unknown(m, partitions))
	}
	return added, err
}

// recall gives the table that is remembered, if it is the one declared. That one which is not is read
// again: somebody may have mended it.
func (c *Catalog) recall(t *schema.Table, m *memory) *types.Table {
	table := m.recall(c.now(), c.maxAge)
	if table == nil || c.check(t, table) != nil {
		return nil
	}
	return table
}

func (c *Catalog) unknown(m *memory, partitions []schema.Partition) []schema.Partition {
	return m.unknown(partitions, c.now(), c.maxAge)
}

// register creates partitions, none of which occurs twice. The caller holds the table.
func (c *Catalog) register(ctx context.Context, t *schema.Table, table *types.Table, m *memory, partitions []schema.Partition) (added int, err error) {
	create := change{
		op:      "add partitions to",
		size:    createBatch,
		already: "AlreadyExistsException",
		send: func(batch []schema.Partition) ([]types.PartitionError, error) {
			out, err := c.client.BatchCreatePartition(ctx, &glue.BatchCreatePartitionInput{
				CatalogId:          c.catalogID,
				DatabaseName:       &c.database,
				TableName:          &t.Name,
				PartitionInputList: c.partitionInputs(table, batch),
			})
			if err != nil {
				return nil, err
			}
			return out.Errors, nil
		},
		settled: m.remember,
	}
	return c.apply(ctx, t, create, partitions)
}

// partitionInputs gives what Glue is to hold of partitions: what it holds of their table, with their
// own locations.
func (c *Catalog) partitionInputs(table *types.Table, partitions []schema.Partition) []types.PartitionInput {
	inputs := make([]types.PartitionInput, len(partitions))
	for i, p := range partitions {
		d := *table.StorageDescriptor
		d.Location = aws.String(c.lakeURL + "/" + p.Location)
		inputs[i] = types.PartitionInput{Values: p.Values, StorageDescriptor: &d}
	}
	return inputs
}
