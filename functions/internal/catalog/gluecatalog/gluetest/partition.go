package gluetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxCreate = 100  // partitions in a BatchCreatePartition
	maxDelete = 25   // partitions in a BatchDeletePartition
	maxValue  = 1024 // bytes of a value
)

// partition is one partition.
type partition struct {
	values     []string
	parameters object
	descriptor object
	created    float64
}

// partitionInput is a partition that is to be created or deleted.
type partitionInput struct {
	Values            []string
	Parameters        object
	StorageDescriptor object
}

// key gives a string for the values of a partition.
func key(values []string) string { return strings.Join(values, "\x00") }

// sorted gives the partitions in the order of their values.
func (t *table) sorted() []*partition {
	return slices.SortedFunc(maps.Values(t.partitions), func(p, q *partition) int { return slices.Compare(p.values, q.values) })
}

func (s *Server) batchCreatePartition(in *input) (any, error) {
	list := need[[]partitionInput](in, "PartitionInputList")
	t, _, err := s.tableOf(in, "TableName")
	if err != nil {
		return nil, err
	}
	if len(list) > maxCreate {
		return nil, outOfRange("partitionInputList", fmt.Sprintf("have length less than or equal to %d", maxCreate))
	}
	return s.each(in, list, func(p partitionInput) error {
		if len(p.Values) != len(t.keys) {
			return invalid("The number of partition keys do not match the number of partition values")
		}
		for _, v := range p.Values {
			if v == "" || len(v) > maxValue || strings.Contains(v, "\x00") {
				return invalid("Partition value %q is not valid.", v)
			}
		}
		if p.StorageDescriptor == nil {
			return invalid("Partition has no storage descriptor.")
		}
		if _, err := columnNames(p.StorageDescriptor["Columns"]); err != nil {
			return err
		}
		if t.partitions[key(p.Values)] != nil {
			return alreadyExists("Partition")
		}
		t.partitions[key(p.Values)] = &partition{p.Values, p.Parameters, p.StorageDescriptor, s.stamp()}
		return nil
	})
}

func (s *Server) batchDeletePartition(in *input) (any, error) {
	list := need[[]partitionInput](in, "PartitionsToDelete")
	t, _, err := s.tableOf(in, "TableName")
	if err != nil {
		return nil, err
	}
	if len(list) > maxDelete {
		return nil, outOfRange("partitionsToDelete", fmt.Sprintf("have length less than or equal to %d", maxDelete))
	}
	return s.each(in, list, func(p partitionInput) error {
		if len(p.Values) != len(t.keys) {
			return invalid("The number of partition keys do not match the number of partition values")
		}
		if t.partitions[key(p.Values)] == nil {
			return &apiError{400, "EntityNotFoundException", "Partition not found."}
		}
		delete(t.partitions, key(p.Values))
		return nil
	})
}

// each does something with each partition of a batch that is not exempt, and gives the answer with
// the errors of those that failed.
func (s *Server) each(in *input, list []partitionInput, do func(partitionInput) error) (any, error) {
	errs := []object{}
	for _, p := range list {
		err := error(nil)
		if f := in.exempt; f != nil && f.item(p.Values) {
			err = &apiError{code: f.code, message: f.message}
		} else {
			err = do(p)
		}
		if err != nil {
			errs = append(errs, itemError(p.Values, err.(*apiError)))
		}
	}
	return answerOf(errs), nil
}

// blame gives the answer to a batch with errors of the fault, though nothing failed.
func blame(out any, body []byte, f *Fault) any {
	var in struct{ PartitionInputList, PartitionsToDelete []partitionInput }
	_ = json.Unmarshal(body, &in) // was read before
	list := slices.Concat(in.PartitionInputList, in.PartitionsToDelete)
	if len(list) == 0 {
		return out
	}
	errs, _ := out.(object)["Errors"].([]object)
	// What failed anyway keeps its error.
	failed := map[string]bool{}
	for _, e := range errs {
		failed[key(e["PartitionValues"].([]string))] = true
	}
	for _, p := range list {
		if f.item(p.Values) && !failed[key(p.Values)] {
			errs = append(errs, itemError(p.Values, &apiError{code: f.code, message: f.message}))
		}
	}
	return answerOf(errs)
}

// answerOf gives the answer to a batch. AWS leaves the errors out where there are none.
func answerOf(errs []object) object {
	if len(errs) == 0 {
		return object{}
	}
	return object{"Errors": errs}
}

func itemError(values []string, e *apiError) object {
	return object{"PartitionValues": values, "ErrorDetail": object{"ErrorCode": e.code, "ErrorMessage": e.message}}
}

func (s *Server) getPartitions(in *input) (any, error) {
	page := takePage(in, maxPage, s.pageSize)
	exclude, _ := take[bool](in, "ExcludeColumnSchema")
	t, databaseName, err := s.tableOf(in, "TableName")
	if err != nil {
		return nil, err
	}
	partitions := t.sorted()
	return page.of("Partitions", len(partitions), func(i int) object {
		p := partitions[i]
		descriptor := with(p.descriptor, nil)
		if exclude {
			delete(descriptor, "Columns")
		}
		return object{
			"Values":            p.values,
			"DatabaseName":      fold(databaseName),
			"TableName":         fold(in.table),
			"CatalogId":         account,
			"CreationTime":      p.created,
			"Parameters":        with(p.parameters, nil),
			"StorageDescriptor": descriptor,
		}
	})
}
