package gluecatalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// ours is what an index test wants where a table has the index that is declared.
const ours = "year_month_day: year month day"

// TestEnsureIndex has tables that came to be in other ways than by this catalog.
func TestEnsureIndex(t *testing.T) {
	for name, test := range map[string]struct {
		indexes []types.PartitionIndex // that are there, in a table without them by the catalog
		table   func(*types.TableInput)
		want    gluecatalog.Index
		holds   string
		calls   int // of CreatePartitionIndex
	}{
		"none, as CloudFormation makes it": {
			want: gluecatalog.Index{Name: "year_month_day", Added: true, Used: true}, holds: ours, calls: 1,
		},
		"none, as Athena's DDL made it before it had the property": {
			table: func(i *types.TableInput) { delete(i.Parameters, "partition_filtering.enabled") },
			want:  gluecatalog.Index{Name: "year_month_day", Added: true}, holds: ours, calls: 1,
		},
		"filtering is off": {
			table: func(i *types.TableInput) { i.Parameters["partition_filtering.enabled"] = "false" },
			want:  gluecatalog.Index{Name: "year_month_day", Added: true}, holds: ours, calls: 1,
		},
		"ours": {
			indexes: []types.PartitionIndex{index("year_month_day", "year", "month", "day")},
			want:    gluecatalog.Index{Name: "year_month_day", Used: true}, holds: ours,
		},
		"ours under another name, on the third page": {
			indexes: []types.PartitionIndex{index("a", "day"), index("b", "month"), index("Crawler", "Year", "Month", "Day")},
			want:    gluecatalog.Index{Name: "crawler", Used: true}, holds: "a: day, b: month, crawler: year month day",
		},
		"other keys, another order": {
			indexes: []types.PartitionIndex{index("a", "year", "month"), index("b", "day", "month", "year")},
			want:    gluecatalog.Index{Name: "year_month_day", Added: true, Used: true}, holds: "a: year month, b: day month year, " + ours, calls: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			server.SetPageSize(1)
			input := gluecatalog.TableInput(table(), lakeURL)
			if test.table != nil {
				test.table(input)
			}
			createTable(t, server, input)
			for _, x := range test.indexes {
				createIndex(t, server, x, true)
			}
			server.ResetCalls()
			c := open(t, server, gluecatalog.Options{})
			if got, err := c.EnsureIndex(t.Context(), table()); got != test.want || err != nil {
				t.Errorf("have %+v, %v, want %+v", got, err, test.want)
			}
			wantCalls(t, server, "GetTable", 1)
			wantCalls(t, server, "CreatePartitionIndex", test.calls)
			wantIndexes(t, server, test.holds)

			// Once more, whether Glue is done with it or not, there is nothing to do.
			server.ResetCalls()
			test.want.Added = false
			if got, err := c.EnsureIndex(t.Context(), table()); got != test.want || err != nil {
				t.Errorf("once more, have %+v, %v, want %+v", got, err, test.want)
			}
			wantCalls(t, server, "GetTable", 0)
			wantCalls(t, server, "CreatePartitionIndex", 0)
		})
	}
}

// TestEnsureIndexWhileGlueBuildsIt looks at the state of an index that was just added.
func TestEnsureIndexWhileGlueBuildsIt(t *testing.T) {
	server := start(t)
	createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
	c := open(t, server, gluecatalog.Options{})
	if got, err := c.EnsureIndex(t.Context(), table()); !got.Added || err != nil {
		t.Fatalf("have %+v, %v", got, err)
	}
	for _, want := range []types.PartitionIndexStatus{types.PartitionIndexStatusCreating, types.PartitionIndexStatusActive} {
		if got := indexes(t, server)[0].IndexStatus; got != want {
			t.Errorf("the index is %s, want %s", got, want)
		}
	}
}

// TestEnsureIndexRaces has somebody else add an index after this catalog has looked.
func TestEnsureIndexRaces(t *testing.T) {
	for name, test := range map[string]struct {
		other types.PartitionIndex
		done  bool   // Glue has built it
		again bool   // the second look fails
		want  string // name of the index
		fails []string
	}{
		"the same, in progress":       {other: index("year_month_day", "year", "month", "day"), want: "year_month_day"},
		"the same, done":              {other: index("year_month_day", "year", "month", "day"), done: true, want: "year_month_day"},
		"the same keys, another name": {other: index("theirs", "year", "month", "day"), done: true, want: "theirs"},
		"other keys, in progress":     {other: index("theirs", "day"), fails: []string{"add partition index to " + database, "Index theirs is in CREATING state"}},
		"other keys, the same name":   {other: index("year_month_day", "day"), done: true, fails: []string{"add partition index to " + database, "AlreadyExistsException", "same name"}},
		"no second look":              {other: index("year_month_day", "year", "month", "day"), again: true, fails: []string{"read partition indexes of " + database, "InternalServiceException"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
			raced := false
			server.SetHook(func(op string, when gluetest.When) *gluetest.Fault {
				if raced && test.again && op == "GetPartitionIndexes" {
					return gluetest.Internal()
				}
				if op != "CreatePartitionIndex" || when != gluetest.Before || raced {
					return nil
				}
				raced = true
				createIndex(t, server, test.other, test.done)
				return nil
			})
			got, err := open(t, server, gluecatalog.Options{}).EnsureIndex(t.Context(), table())
			if !raced {
				t.Error("there was no race")
			}
			if test.fails != nil {
				wantError(t, err, test.again, test.fails...)
				return
			}
			if want := (gluecatalog.Index{Name: test.want, Used: true}); got != want || err != nil {
				t.Errorf("have %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// TestEnsureIndexBroken has indexes that are of no use.
func TestEnsureIndexBroken(t *testing.T) {
	for state, want := range map[string]string{
		`"FAILED", "BackfillErrors": [{"Code": "ENCRYPTED_PARTITION_ERROR"}, {"Code": "INTERNAL_ERROR"}]`: "partition index x is FAILED (ENCRYPTED_PARTITION_ERROR, INTERNAL_ERROR); once it is deleted, flowlake table create adds another",
		`"FAILED"`:   "partition index x is FAILED; once",
		`"DELETING"`: "partition index x is DELETING; once",
	} {
		server := start(t)
		createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
		hook, _ := failing("GetPartitionIndexes", gluetest.Before, -1, func() *gluetest.Fault {
			return gluetest.Success(`{"PartitionIndexDescriptorList": [{"IndexName": "x", "Keys": [{"Name": "year", "Type": "string"},
				{"Name": "month", "Type": "string"}, {"Name": "day", "Type": "string"}], "IndexStatus": ` + state + `}]}`)
		})
		server.SetHook(hook)
		got, err := open(t, server, gluecatalog.Options{}).EnsureIndex(t.Context(), table())
		wantError(t, err, false, "table "+table().Name, want)
		if !errors.As(err, new(*catalog.TableError)) || got != (gluecatalog.Index{}) {
			t.Errorf("have %+v, %v, want a TableError", got, err)
		}
		wantCalls(t, server, "CreatePartitionIndex", 0)
	}
}

// TestEnsureIndexFull has a table with as many indexes as Glue keeps.
func TestEnsureIndexFull(t *testing.T) {
	server := start(t)
	createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
	for _, key := range []string{"year", "month", "day"} {
		createIndex(t, server, index(key, key), true)
	}
	_, err := open(t, server, gluecatalog.Options{}).EnsureIndex(t.Context(), table())
	wantError(t, err, false, "add partition index to "+database+"."+table().Name, "Partition index limit exceeded. Maximum: 3")
}

// TestEnsureIndexOfNoTable has no table, another one, and one that goes while it is looked at.
func TestEnsureIndexOfNoTable(t *testing.T) {
	server := start(t)
	c := open(t, server, gluecatalog.Options{})
	_, err := c.EnsureIndex(t.Context(), table())
	wantNoTable(t, err)

	input := gluecatalog.TableInput(table(), lakeURL)
	input.PartitionKeys = input.PartitionKeys[:2]
	createTable(t, server, input)
	_, err = c.EnsureIndex(t.Context(), table())
	wantError(t, err, false, "column day")
	wantIndexes(t, server, "")

	for _, op := range []string{"GetPartitionIndexes", "CreatePartitionIndex"} {
		server.SetHook(nil)
		server.DropTable(database, table().Name)
		createTable(t, server, gluecatalog.TableInput(table(), lakeURL))
		server.SetHook(func(called string, when gluetest.When) *gluetest.Fault {
			if called == op && when == gluetest.Before {
				server.DropTable(database, table().Name)
			}
			return nil
		})
		_, err = c.EnsureIndex(t.Context(), table())
		wantNoTable(t, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server.ResetCalls()
	if _, err := c.EnsureIndex(ctx, table()); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context gives %v", err)
	}
	wantCalls(t, server, "", 0)
}

// TestEventPathAsksNothingOfIndexes has a table without index and property, as a lake of yesterday may
// have it, and a catalog with the permissions of the function.
func TestEventPathAsksNothingOfIndexes(t *testing.T) {
	server := start(t)
	input := gluecatalog.TableInput(table(), lakeURL)
	delete(input.Parameters, "partition_filtering.enabled")
	createTable(t, server, input)
	server.ResetCalls()
	c := open(t, server, gluecatalog.Options{})
	if err := c.EnsureTable(t.Context(), table()); err != nil {
		t.Fatal(err)
	}
	add(t, c, days(0, 2), 2)
	wantCalls(t, server, "GetTable", 1)
	wantCalls(t, server, "BatchCreatePartition", 1)
	wantCalls(t, server, "", 2)
}

// TestPartitionIndexIsDeclared compares what is sent with the schema.
func TestPartitionIndexIsDeclared(t *testing.T) {
	name, keys := schema.PartitionIndex()
	if got, want := text(gluecatalog.PartitionIndex()), fmt.Sprintf("%s: %s", name, strings.Join(keys, " ")); got != want || want != ours {
		t.Errorf("the index is %s, declared as %s, want %s", got, want, ours)
	}
	filtering := schema.PartitionFiltering()
	if got := gluecatalog.TableInput(table(), lakeURL).Parameters[filtering.Key]; got != filtering.Value || got != "true" {
		t.Errorf("the property %s is %q", filtering.Key, got)
	}
}

func index(name string, keys ...string) types.PartitionIndex {
	return types.PartitionIndex{IndexName: &name, Keys: keys}
}

func text(x types.PartitionIndex) string {
	return aws.ToString(x.IndexName) + ": " + strings.Join(x.Keys, " ")
}

// createIndex adds an index as others might; done is for Glue to have built it, too.
func createIndex(t *testing.T, server *gluetest.Server, x types.PartitionIndex, done bool) {
	t.Helper()
	_, err := client(server.URL()).CreatePartitionIndex(t.Context(), &glue.CreatePartitionIndexInput{
		DatabaseName: aws.String(database), TableName: aws.String(table().Name), PartitionIndex: &x,
	})
	if err != nil {
		t.Error(err)
	}
	if done {
		indexes(t, server)
	}
}

// indexes gives what the server says of the indexes.
func indexes(t *testing.T, server *gluetest.Server) (all []types.PartitionIndexDescriptor) {
	t.Helper()
	pages := glue.NewGetPartitionIndexesPaginator(client(server.URL()),
		&glue.GetPartitionIndexesInput{DatabaseName: aws.String(database), TableName: aws.String(table().Name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		all = append(all, page.PartitionIndexDescriptorList...)
	}
	return all
}

func wantIndexes(t *testing.T, server *gluetest.Server, want string) {
	t.Helper()
	var got []string
	for _, x := range indexes(t, server) {
		var keys []string
		for _, k := range x.Keys {
			keys = append(keys, aws.ToString(k.Name))
		}
		got = append(got, text(index(aws.ToString(x.IndexName), keys...)))
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("the table has the indexes %q, want %q", strings.Join(got, ", "), want)
	}
}
