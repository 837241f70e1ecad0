package gluetest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxComment = 255 // bytes of a column's comment

// table is a table and its partitions by the key of their values.
type table struct {
	input      object
	created    float64
	keys       []string // names of the partition keys
	indexes    []*index
	partitions map[string]*partition
}

// operations are the operations that the server knows.
var operations = map[string]func(*Server, *input) (any, error){
	"CreateDatabase":       (*Server).createDatabase,
	"GetDatabase":          (*Server).getDatabase,
	"DeleteDatabase":       (*Server).deleteDatabase,
	"CreateTable":          (*Server).createTable,
	"GetTable":             (*Server).getTable,
	"GetTables":            (*Server).getTables,
	"DeleteTable":          (*Server).deleteTable,
	"CreatePartitionIndex": (*Server).createPartitionIndex,
	"GetPartitionIndexes":  (*Server).getPartitionIndexes,
	"BatchCreatePartition": (*Server).batchCreatePartition,
	"BatchDeletePartition": (*Server).batchDeletePartition,
	"GetPartitions":        (*Server).getPartitions,
}

// fold gives a name as Glue stores it.
func fold(name string) string { return strings.ToLower(name) }

// stamp gives the time as Glue does: seconds since 1970, with a fraction. No two things are created
// at the same time.
func (s *Server) stamp() float64 {
	s.created++
	return float64(time.Now().Unix()) + float64(s.created%1000)/1000
}

func (s *Server) createTable(in *input) (any, error) {
	take[string](in, "CatalogId")
	databaseName := need[string](in, "DatabaseName")
	t := need[object](in, "TableInput")
	indexes, _ := take[[]indexInput](in, "PartitionIndexes")
	if err := in.end(); err != nil {
		return nil, err
	}
	name, err := nameOf(t, "tableInput")
	if err != nil {
		return nil, err
	}
	d, err := s.database(databaseName)
	if err != nil {
		return nil, err
	}
	if d.tables[name] != nil {
		return nil, alreadyExists("Table")
	}
	descriptor, _ := t["StorageDescriptor"].(object)
	if _, err := columnNames(descriptor["Columns"]); err != nil {
		return nil, err
	}
	keys, err := columnNames(t["PartitionKeys"])
	if err != nil {
		return nil, err
	}
	t["Name"] = name
	made := &table{input: t, created: s.stamp(), keys: keys, partitions: map[string]*partition{}}
	for _, x := range indexes {
		if err := made.addIndex(x, active); err != nil { // of no partitions yet
			return nil, err
		}
	}
	d.tables[name] = made
	return object{}, nil
}

func (s *Server) getTable(in *input) (any, error) {
	t, databaseName, err := s.tableOf(in, "Name")
	if err != nil {
		return nil, err
	}
	return object{"Table": t.output(databaseName)}, nil
}

func (s *Server) getTables(in *input) (any, error) {
	take[string](in, "CatalogId")
	name := need[string](in, "DatabaseName")
	page := takePage(in, maxTablePage, s.pageSize)
	if err := in.end(); err != nil {
		return nil, err
	}
	d, err := s.database(name)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(d.tables))
	return page.of("TableList", len(names), func(i int) object { return d.tables[names[i]].output(name) })
}

func (s *Server) deleteTable(in *input) (any, error) {
	_, databaseName, err := s.tableOf(in, "Name")
	if err != nil {
		return nil, err
	}
	delete(s.databases[fold(databaseName)].tables, fold(in.table))
	return object{}, nil
}

// table gives a table, or Glue's error.
func (s *Server) table(databaseName, name string) (*table, error) {
	d, err := s.database(databaseName)
	if err != nil {
		return nil, err
	}
	if t := d.tables[fold(name)]; t != nil {
		return t, nil
	}
	return nil, notFound("Table", name)
}

// tableOf takes the last fields of an input, those that say which table it is about, and gives the
// table.
func (s *Server) tableOf(in *input, nameField string) (t *table, databaseName string, err error) {
	take[string](in, "CatalogId")
	databaseName = need[string](in, "DatabaseName")
	in.table = need[string](in, nameField)
	if err := in.end(); err != nil {
		return nil, "", err
	}
	t, err = s.table(databaseName, in.table)
	return t, databaseName, err
}

const account = "123456789012"

func (t *table) output(databaseName string) object {
	return with(t.input, object{
		"DatabaseName":                  fold(databaseName),
		"CreateTime":                    t.created,
		"UpdateTime":                    t.created,
		"CatalogId":                     account,
		"VersionId":                     "0",
		"IsRegisteredWithLakeFormation": false,
	})
}

// with gives an object with more fields.
func with(o, more object) object {
	out := object{}
	for _, fields := range []object{o, more} {
		for name, v := range fields {
			out[name] = v
		}
	}
	return out
}

// nameOf gives the folded name of a database or a table that is to be created.
func nameOf(o object, field string) (string, error) {
	name, _ := o["Name"].(string)
	if name == "" {
		return "", outOfRange(field+".name", "have length greater than or equal to 1")
	}
	if len(name) > 255 {
		return "", outOfRange(field+".name", "have length less than or equal to 255")
	}
	return fold(name), nil
}

// columnNames gives the names of columns that are to be created.
func columnNames(columns any) ([]string, error) {
	var names []string
	list, _ := columns.([]any)
	for i, c := range list {
		column, _ := c.(object)
		name, _ := column["Name"].(string)
		if name == "" {
			return nil, outOfRange("columns."+strconv.Itoa(i+1)+".name", "have length greater than or equal to 1")
		}
		if comment, _ := column["Comment"].(string); len(comment) > maxComment {
			return nil, outOfRange("columns."+strconv.Itoa(i+1)+".comment", fmt.Sprintf("have length less than or equal to %d", maxComment))
		}
		names = append(names, name)
	}
	return names, nil
}
