package gluetest

import "slices"

const (
	maxIndexes = 3 // partition indexes of a table

	creating = "CREATING"
	active   = "ACTIVE"
)

// index is a partition index of a table.
type index struct {
	name   string   // folded
	keys   []object // name and type
	status string
}

// indexInput is a partition index that is to be created.
type indexInput struct {
	IndexName string
	Keys      []string
}

// createPartitionIndex adds an index that is CREATING until somebody has seen it so.
func (s *Server) createPartitionIndex(in *input) (any, error) {
	x := need[indexInput](in, "PartitionIndex")
	t, _, err := s.tableOf(in, "TableName")
	if err != nil {
		return nil, err
	}
	return object{}, t.addIndex(x, creating)
}

// addIndex adds an index to a table. Codes and messages of its errors, and the order of the checks, are
// AWS's as measured for github.com/floci-io/floci, pull request 3551.
func (t *table) addIndex(x indexInput, status string) error {
	switch {
	case x.IndexName == "":
		return outOfRange("partitionIndex.indexName", "have length greater than or equal to 1")
	case len(x.Keys) == 0:
		return outOfRange("partitionIndex.keys", "have length greater than or equal to 1")
	}
	name := fold(x.IndexName)
	var keys []object
	for _, k := range x.Keys {
		kind, ok := t.keyType(k)
		if !ok {
			return invalid("IndexKeys not a part of PartitionColumns. Verify the indexKeys : [%s]", k)
		}
		keys = append(keys, object{"Name": fold(k), "Type": kind})
	}
	for _, other := range t.indexes {
		if other.status != active {
			return tooMany("Index %s is in %s state. Only 1 index can be created or deleted simultaneously per table.", other.name, other.status)
		}
	}
	if len(t.indexes) == maxIndexes {
		return tooMany("Partition index limit exceeded. Maximum: %d", maxIndexes)
	}
	for _, other := range t.indexes {
		switch {
		case other.name == name:
			return &apiError{400, "AlreadyExistsException", "Partition Index " + name + " already exists with the same name."}
		case slices.EqualFunc(other.keys, keys, func(a, b object) bool { return a["Name"] == b["Name"] }):
			return &apiError{400, "AlreadyExistsException", "Partition Index " + other.name + " already exists with the same keys."}
		}
	}
	t.indexes = append(t.indexes, &index{name, keys, status})
	return nil
}

// keyType gives the type of a partition key, and whether it is one.
func (t *table) keyType(name string) (kind any, ok bool) {
	columns, _ := t.input["PartitionKeys"].([]any)
	for _, c := range columns {
		if column := c.(object); fold(column["Name"].(string)) == fold(name) { // checked by columnNames
			return column["Type"], true
		}
	}
	return nil, false
}

func (s *Server) getPartitionIndexes(in *input) (any, error) {
	page := takeNext(in, min(maxIndexes, s.pageSize))
	t, _, err := s.tableOf(in, "TableName")
	if err != nil {
		return nil, err
	}
	return page.of("PartitionIndexDescriptorList", len(t.indexes), func(i int) object {
		x := t.indexes[i]
		seen := x.status
		x.status = active
		return object{"IndexName": x.name, "Keys": x.keys, "IndexStatus": seen}
	})
}

// DropIndexes removes the partition indexes of a table, as somebody else might, and says whether there
// were any.
func (s *Server) DropIndexes(database, table string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(database, table)
	if err != nil || len(t.indexes) == 0 {
		return false
	}
	t.indexes = nil
	return true
}
