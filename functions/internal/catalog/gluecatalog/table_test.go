package gluecatalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// TestGolden compares what is sent to Glue to create a table.
func TestGolden(t *testing.T) {
	for _, declared := range []*schema.Table{table(), table().Rejects()} {
		t.Run(declared.Name, func(t *testing.T) {
			server := start(t)
			c := open(t, server, gluecatalog.Options{Create: true})
			if err := c.EnsureTable(t.Context(), declared); err != nil {
				t.Fatal(err)
			}
			sent := server.Requests("CreateTable")
			var got bytes.Buffer
			if err := json.Indent(&got, ordered(t, sent[len(sent)-1]), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", declared.Name+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the request is\n%s\nwant\n%s", got.Bytes(), want)
			}
		})
	}
}

// ordered gives JSON with the fields of its objects in the order of their names.
func ordered(t *testing.T, data []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEnsureTableCreates(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{Create: true})
	for range 2 {
		if err := c.EnsureTable(t.Context(), table()); err != nil {
			t.Fatal(err)
		}
	}
	wantCalls(t, server, "CreateDatabase", 1)
	wantCalls(t, server, "CreateTable", 2) // the first finds no database
	wantCalls(t, server, "GetTable", 3)
	wantIndexes(t, server, ours)
}

// TestNoTable has options that forbid to create anything.
func TestNoTable(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{})
	all := func() {
		t.Helper()
		_, add := c.AddPartitions(t.Context(), table(), days(0, 1))
		_, remove := c.RemovePartitions(t.Context(), table(), days(0, 1))
		_, removeNone := c.RemovePartitions(t.Context(), table(), nil)
		_, list := c.Partitions(t.Context(), table())
		for _, err := range []error{c.EnsureTable(t.Context(), table()), add, remove, removeNone, list} {
			wantNoTable(t, err)
		}
		wantCalls(t, server, "CreateTable", 0)
		wantCalls(t, server, "CreateDatabase", 0)
	}
	all()
	createDatabase(t, server)
	server.ResetCalls()
	all()

	// A table that comes later is found at once.
	if err := open(t, server, gluecatalog.Options{Create: true}).EnsureTable(t.Context(), table()); err != nil {
		t.Fatal(err)
	}
	add(t, c, days(0, 1), 1)
}

// TestRaces has somebody else create the database, or the table, just before this catalog does.
func TestRaces(t *testing.T) {
	for _, op := range []string{"CreateDatabase", "CreateTable"} {
		t.Run(op, func(t *testing.T) {
			server := start(t)
			other := open(t, server, gluecatalog.Options{Create: true})
			done := false
			server.SetHook(func(called string, when gluetest.When) *gluetest.Fault {
				if called == op && when == gluetest.Before && !done {
					done = true
					if err := other.EnsureTable(t.Context(), table()); err != nil {
						t.Error(err)
					}
				}
				return nil
			})
			c := open(t, server, gluecatalog.Options{Create: true})
			add(t, c, days(0, 1), 1)
			if !done {
				t.Error("there was no race")
			}
		})
	}
}

// TestForeignTables has tables that others registered under the name.
func TestForeignTables(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*types.TableInput)
		want   []string // parts of the error; none if the table will do
	}{
		"as Athena's DDL makes it": {func(i *types.TableInput) {
			i.StorageDescriptor.Location = aws.String(lakeURL + "/aga_flow_logs")
			i.StorageDescriptor.NumberOfBuckets = -1
			delete(i.Parameters, "partition_filtering.enabled")
		}, nil},
		"upper case": {func(i *types.TableInput) {
			i.StorageDescriptor.Columns[0].Name = aws.String("Version")
			i.StorageDescriptor.Columns[0].Type = aws.String(" STRING")
			i.PartitionKeys[0].Name = aws.String("YEAR")
		}, nil},
		"the article's": {func(i *types.TableInput) {
			i.StorageDescriptor.InputFormat = aws.String("org.apache.hadoop.mapred.TextInputFormat")
			i.StorageDescriptor.SerdeInfo.SerializationLibrary = aws.String("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe")
			i.StorageDescriptor.Columns[0].Type = aws.String("int")
			i.StorageDescriptor.Location = aws.String("s3://flow-logs/AWSLogs/")
		}, []string{"another table", "input format", "TextInputFormat", "MapredParquetInputFormat"}},
		"other SerDe": {func(i *types.TableInput) {
			i.StorageDescriptor.SerdeInfo = nil
		}, []string{"another table", "SerDe"}},
		"a view": {func(i *types.TableInput) {
			i.TableType, i.StorageDescriptor = aws.String("VIRTUAL_VIEW"), nil
		}, []string{"another table", "input format"}},
		"another lake's": {func(i *types.TableInput) {
			i.StorageDescriptor.Location = aws.String("s3://flow-lake/some/aga_flow_logs/")
		}, []string{"another table", "location", "s3://flow-lake/some/aga_flow_logs/", lakeURL + "/aga_flow_logs/"}},
		"other keys": {func(i *types.TableInput) {
			i.PartitionKeys = i.PartitionKeys[:2]
		}, []string{"column day"}},
		"key of another type": {func(i *types.TableInput) {
			i.PartitionKeys[2].Type = aws.String("int")
		}, []string{"column day", "int"}},
		"column of another type": {func(i *types.TableInput) {
			i.StorageDescriptor.Columns[12].Type = aws.String("int")
		}, []string{"column bytes", "bigint", "int"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			input := gluecatalog.TableInput(table(), lakeURL)
			test.change(input)
			createTable(t, server, input)
			c := open(t, server, gluecatalog.Options{Create: true})
			_, add := c.AddPartitions(t.Context(), table(), days(0, 1))
			for call, err := range map[string]error{"EnsureTable": c.EnsureTable(t.Context(), table()), "AddPartitions": add} {
				if test.want == nil {
					if err != nil {
						t.Errorf("%s gives %v", call, err)
					}
					continue
				}
				if !errors.As(err, new(*catalog.TableError)) {
					t.Errorf("%s gives %v, want a TableError", call, err)
				}
				wantError(t, err, false, append(test.want, table().Name)...)
			}
			if n := len(server.Partitions(database, table().Name)); (n == 1) != (test.want == nil) {
				t.Errorf("there are %d partitions", n)
			}
		})
	}
}

// TestMendedTable has somebody drop a table that differs, and this catalog see it at once.
func TestMendedTable(t *testing.T) {
	server := start(t)
	input := gluecatalog.TableInput(table(), lakeURL)
	input.StorageDescriptor.Columns[12].Type = aws.String("int")
	createTable(t, server, input)
	c := open(t, server, gluecatalog.Options{})
	if _, err := c.AddPartitions(t.Context(), table(), days(0, 1)); err == nil {
		t.Fatal("a table that differs will do")
	}
	server.DropTable(database, table().Name)
	createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
	add(t, c, days(0, 1), 1)
}

func createDatabase(t *testing.T, server *gluetest.Server) {
	t.Helper()
	_, err := client(server.URL()).CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(database)}})
	if err != nil && !errors.As(err, new(*types.AlreadyExistsException)) {
		t.Fatal(err)
	}
}

func createTable(t *testing.T, server *gluetest.Server, input *types.TableInput) {
	t.Helper()
	createDatabase(t, server)
	_, err := client(server.URL()).CreateTable(t.Context(), &glue.CreateTableInput{DatabaseName: aws.String(database), TableInput: input})
	if err != nil {
		t.Fatal(err)
	}
}
