package gluecatalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

// PartitionIndex gives the index over the partition keys that a table gets besides [TableInput].
func PartitionIndex() types.PartitionIndex {
	name, keys := schema.PartitionIndex()
	return types.PartitionIndex{IndexName: &name, Keys: keys}
}

// Index is what [Catalog.EnsureIndex] found of a table's partition index.
type Index struct {
	// Name is the name of the index in Glue.
	Name string
	// Added says that the call added it. Glue then builds it, for as long as it takes; meanwhile
	// queries go without.
	Added bool
	// Used says that Athena uses it: the table has the property schema.PartitionFiltering.
	Used bool
}

// EnsureIndex asks Glue for the partition index of a table that is there, and adds a missing one,
// whatever the options say of tables. An index over the same keys will do under any name; if it is
// broken, or about to go, the error is a [*catalog.TableError]. First it does what
// [Catalog.EnsureTable] does, but with what is remembered of the table.
func (c *Catalog) EnsureIndex(ctx context.Context, t *schema.Table) (Index, error) {
	if err := ctx.Err(); err != nil {
		return Index{}, c.fail(ctx, readIndexes, t.Name, err)
	}
	m := c.memory(t.Name)
	if err := m.lock(ctx); err != nil {
		return Index{}, c.fail(ctx, readIndexes, t.Name, err)
	}
	defer m.unlock()
	table := c.recall(t, m)
	if table == nil {
		var err error
		if table, err = c.ensure(ctx, t, m); err != nil {
			return Index{}, err
		}
	}
	index, filtering := PartitionIndex(), schema.PartitionFiltering()
	found := Index{Name: *index.IndexName, Used: table.Parameters[filtering.Key] == filtering.Value}
	there, err := c.findIndex(ctx, t.Name, index.Keys)
	if err == nil && there == nil {
		there, err = c.addIndex(ctx, t.Name, index)
		found.Added = there == nil
	}
	if err != nil {
		return Index{}, err
	}
	if there == nil {
		return found, nil
	}
	found.Name = aws.ToString(there.IndexName)
	if s := there.IndexStatus; s == types.PartitionIndexStatusFailed || s == types.PartitionIndexStatusDeleting {
		return Index{}, &catalog.TableError{Table: t.Name, Err: fmt.Errorf(
			"partition index %s is %s%s; once it is deleted, flowlake table create adds another", found.Name, s, reasons(there))}
	}
	return found, nil
}

const readIndexes = "read partition indexes of"

// findIndex gives the partition index over those keys, or nil. Glue keeps one at most.
func (c *Catalog) findIndex(ctx context.Context, table string, keys []string) (*types.PartitionIndexDescriptor, error) {
	pages := glue.NewGetPartitionIndexesPaginator(c.client, &glue.GetPartitionIndexesInput{
		CatalogId:    c.catalogID,
		DatabaseName: &c.database,
		TableName:    &table,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.fail(ctx, readIndexes, table, err)
		}
		for _, index := range page.PartitionIndexDescriptorList {
			same := func(k types.KeySchemaElement, key string) bool { return strings.EqualFold(aws.ToString(k.Name), key) }
			if slices.EqualFunc(index.Keys, keys, same) {
				return &index, nil
			}
		}
	}
	return nil, nil
}

// addIndex adds a partition index, which it gives nil for. If somebody else was quicker, it gives
// theirs.
func (c *Catalog) addIndex(ctx context.Context, table string, index types.PartitionIndex) (*types.PartitionIndexDescriptor, error) {
	_, err := c.client.CreatePartitionIndex(ctx, &glue.CreatePartitionIndexInput{
		CatalogId:      c.catalogID,
		DatabaseName:   &c.database,
		TableName:      &table,
		PartitionIndex: &index,
	})
	if err == nil {
		return nil, nil
	}
	// Whoever comes second is told that it exists; or, while Glue still builds it, that it builds one
	// index at a time.
	if errors.As(err, new(*types.AlreadyExistsException)) || errors.As(err, new(*types.ResourceNumberLimitExceededException)) {
		if there, err := c.findIndex(ctx, table, index.Keys); there != nil || err != nil {
			return there, err
		}
	}
	return nil, c.fail(ctx, "add partition index to", table, err)
}

// reasons gives why Glue could not build an index, in brackets, or nothing.
func reasons(index *types.PartitionIndexDescriptor) string {
	var codes []string
	for _, e := range index.BackfillErrors {
		codes = append(codes, string(e.Code))
	}
	if codes == nil {
		return ""
	}
	return " (" + strings.Join(codes, ", ") + ")"
}
