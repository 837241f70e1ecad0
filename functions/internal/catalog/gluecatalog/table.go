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

// What Hive, and so Glue and Athena, calls the reader, the writer and the format of Parquet.
const (
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	parquetSerDe  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// TableInput gives what Glue holds of a table of the lake at that URL. It is what [Catalog.EnsureTable]
// creates, and what templates that create the table are checked against. The caller owns it.
func TableInput(t *schema.Table, lakeURL string) *types.TableInput {
	parameters := map[string]string{"EXTERNAL": "TRUE"}
	for _, p := range t.Properties() {
		parameters[p.Key] = p.Value
	}
	return &types.TableInput{
		Name:          aws.String(t.Name),
		Description:   aws.String(t.Comment),
		TableType:     aws.String("EXTERNAL_TABLE"),
		Parameters:    parameters,
		PartitionKeys: glueColumns(schema.PartitionKeys()),
		StorageDescriptor: &types.StorageDescriptor{
			Columns:      glueColumns(t.Columns),
			Location:     aws.String(strings.TrimRight(lakeURL, "/") + "/" + t.Name + "/"),
			InputFormat:  aws.String(parquetInput),
			OutputFormat: aws.String(parquetOutput),
			SerdeInfo: &types.SerDeInfo{
				SerializationLibrary: aws.String(parquetSerDe),
				Parameters:           map[string]string{"serialization.format": "1"},
			},
		},
	}
}

func glueColumns(declared []schema.Column) []types.Column {
	columns := make([]types.Column, len(declared))
	for i, c := range declared {
		columns[i] = types.Column{Name: aws.String(c.Name), Type: aws.String(c.Type.Hive()), Comment: aws.String(c.Comment)}
	}
	return columns
}

// EnsureTable asks Glue for the table, and makes a missing one, with its partition index and its
// database, if the options say so; else the error is catalog.ErrNoTable. A table that is there must be
// of Parquet, lie in the lake, and have the columns and partition keys that are declared: else the
// error is a [*catalog.TableError]. Upper case and space around names and types do not matter, as
// Athena ignores both. When it returns nil the table is durable and visible to queries.
func (c *Catalog) EnsureTable(ctx context.Context, t *schema.Table) error {
	if err := ctx.Err(); err != nil {
		return c.fail(ctx, "read table", t.Name, err)
	}
	m := c.memory(t.Name)
	if err := m.lock(ctx); err != nil {
		return c.fail(ctx, "read table", t.Name, err)
	}
	defer m.unlock()
	_, err := c.ensure(ctx, t, m)
	return err
}

// ensure does what EnsureTable says. The caller holds the table.
func (c *Catalog) ensure(ctx context.Context, t *schema.Table, m *memory) (*types.Table, error) {
	table, err := c.readTable(ctx, t.Name, m)
	if errors.Is(err, catalog.ErrNoTable) && c.create {
		if err := c.createTable(ctx, t); err != nil {
			return nil, err
		}
		table, err = c.readTable(ctx, t.Name, m)
	}
	if err != nil {
		return nil, err
	}
	return table, c.check(t, table)
}

// readTable gives the table as it is registered, and remembers it. The caller holds the table.
func (c *Catalog) readTable(ctx context.Context, name string, m *memory) (*types.Table, error) {
	now := c.now() // before the request: what it tells is not newer than that
	out, err := c.client.GetTable(ctx, &glue.GetTableInput{CatalogId: c.catalogID, DatabaseName: &c.database, Name: &name})
	if err != nil {
		return nil, c.fail(ctx, "read table", name, err)
	}
	m.keep(out.Table, now, c.maxAge)
	return out.Table, nil
}

// createTable makes a table, and its database if that is missing too. It is no error if somebody
// else is quicker.
func (c *Catalog) createTable(ctx context.Context, t *schema.Table) error {
	input := &glue.CreateTableInput{
		CatalogId:        c.catalogID,
		DatabaseName:     &c.database,
		TableInput:       TableInput(t, c.lakeURL),
		PartitionIndexes: []types.PartitionIndex{PartitionIndex()},
	}
	_, err := c.client.CreateTable(ctx, input)
	if errors.As(err, new(*types.EntityNotFoundException)) {
		_, err = c.client.CreateDatabase(ctx, &glue.CreateDatabaseInput{
			CatalogId:     c.catalogID,
			DatabaseInput: &types.DatabaseInput{Name: &c.database, Description: aws.String("Flow logs as Parquet, by flowlake")},
		})
		if err != nil && !errors.As(err, new(*types.AlreadyExistsException)) {
			return c.fail(ctx, "create database", "", err)
		}
		_, err = c.client.CreateTable(ctx, input)
	}
	if err != nil && !errors.As(err, new(*types.AlreadyExistsException)) {
		return c.fail(ctx, "create table", t.Name, err)
	}
	return nil
}

// check gives a [*catalog.TableError] unless the table is the one declared.
func (c *Catalog) check(t *schema.Table, table *types.Table) error {
	wrong := func(what, have, want string) error {
		return &catalog.TableError{Table: t.Name, Err: fmt.Errorf(
			"database %s of Glue holds another table of that name: %s is %q, want %q; use another database, or drop that table and run flowlake table create",
			c.database, what, have, want)}
	}
	d := table.StorageDescriptor
	if d == nil {
		d = &types.StorageDescriptor{}
	}
	serde := d.SerdeInfo
	if serde == nil {
		serde = &types.SerDeInfo{}
	}
	// The format first: the columns of a table of another kind do not matter.
	if have := aws.ToString(d.InputFormat); have != parquetInput {
		return wrong("its input format", have, parquetInput)
	}
	if have := aws.ToString(serde.SerializationLibrary); have != parquetSerDe {
		return wrong("its SerDe", have, parquetSerDe)
	}
	if err := catalog.Compare(t, catalogColumns(d.Columns), catalogColumns(table.PartitionKeys)); err != nil {
		return err
	}
	// Athena drops the slash at the end.
	want := c.lakeURL + "/" + t.Name
	if have := aws.ToString(d.Location); strings.TrimRight(have, "/") != want {
		return wrong("its location", have, want+"/")
	}
	return nil
}

// catalogColumns gives registered columns, folded as Athena folds them.
func catalogColumns(registered []types.Column) []catalog.Column {
	fold := func(s *string) string { return strings.ToLower(strings.TrimSpace(aws.ToString(s))) }
	columns := make([]catalog.Column, len(registered))
	for i, c := range registered {
		columns[i] = catalog.Column{Name: fold(c.Name), Type: fold(c.Type)}
	}
	return columns
}

// Tables gives the names of all tables of the database, sorted; those of others too, if it holds any.
// A missing database has none.
func (c *Catalog) Tables(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, c.fail(ctx, "list tables of", "", err)
	}
	var names []string
	pages := glue.NewGetTablesPaginator(c.client, &glue.GetTablesInput{CatalogId: c.catalogID, DatabaseName: &c.database})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if errors.As(err, new(*types.EntityNotFoundException)) {
			return nil, nil
		}
		if err != nil {
			return nil, c.fail(ctx, "list tables of", "", err)
		}
		for _, t := range page.TableList {
			names = append(names, aws.ToString(t.Name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
