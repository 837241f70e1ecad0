package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/flowlake/flowlake/schema"
)

// formatVersion is the version of the file format below; a file of another version is not touched.
const formatVersion = 1

// document is a table's file. It is not changed once it is made: what changes a table makes another.
type document struct {
	Format        int         `json:"format"`
	Table         string      `json:"table"`
	Columns       []Column    `json:"columns"`
	PartitionKeys []Column    `json:"partition_keys"`
	Partitions    []partition `json:"partitions"` // by values, ascending
}

// partition is a [schema.Partition] with names for JSON.
type partition struct {
	Values   []string `json:"values"`
	Location string   `json:"location"`
}

func (p partition) compare(q partition) int { return slices.Compare(p.Values, q.Values) }

func newDocument(t *schema.Table) *document {
	return &document{
		Format:        formatVersion,
		Table:         t.Name,
		Columns:       columnsOf(t.Columns),
		PartitionKeys: columnsOf(schema.PartitionKeys()),
		Partitions:    []partition{},
	}
}

// compare gives a [*TableError] unless the table is the one declared.
func (d *document) compare(t *schema.Table) error {
	return Compare(t, d.Columns, d.PartitionKeys)
}

// with gives the document with partitions added, and how many of them it did not hold. Without any,
// it gives d itself.
func (d *document) with(partitions []schema.Partition) (*document, int) {
	var fresh []partition
	for _, p := range partitions {
		p := partition{slices.Clone(p.Values), p.Location}
		if _, ok := slices.BinarySearchFunc(d.Partitions, p, partition.compare); !ok {
			fresh = append(fresh, p)
		}
	}
	slices.SortStableFunc(fresh, partition.compare)
	fresh = slices.CompactFunc(fresh, func(p, q partition) bool { return p.compare(q) == 0 })
	if len(fresh) == 0 {
		return d, 0
	}
	e := *d
	e.Partitions = slices.Concat(d.Partitions, fresh)
	slices.SortFunc(e.Partitions, partition.compare)
	return &e, len(fresh)
}

// without gives the document with partitions removed, and how many of them it held. Without any, it
// gives d itself.
func (d *document) without(partitions []schema.Partition) (*document, int) {
	gone := make([]partition, len(partitions))
	for i, p := range partitions {
		gone[i] = partition(p)
	}
	slices.SortFunc(gone, partition.compare)
	e := *d
	e.Partitions = slices.DeleteFunc(slices.Clone(d.Partitions), func(p partition) bool {
		_, ok := slices.BinarySearchFunc(gone, p, partition.compare)
		return ok
	})
	removed := len(d.Partitions) - len(e.Partitions)
	if removed == 0 {
		return d, 0
	}
	return &e, removed
}

// encode gives the file's bytes, which depend on what is registered and on nothing else.
func (d *document) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}

// decode reads a table's file. It is strict, as what it does not know would be lost when the file is
// written again.
func decode(data []byte, table string) (*document, error) {
	var version struct{ Format *int }
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("not a catalog file: %w", err)
	}
	if version.Format == nil {
		return nil, errors.New("not a catalog file: no format version")
	}
	if *version.Format != formatVersion {
		return nil, fmt.Errorf("format version %d, want %d", *version.Format, formatVersion)
	}
	d := new(document)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return nil, fmt.Errorf("not a catalog file: %w", err)
	}
	return d, d.validate(table)
}

// validate checks what was read from a table's file, and puts the partitions in order, which
// somebody may have written by hand.
func (d *document) validate(table string) error {
	if d.Table != table {
		return fmt.Errorf("holds table %q, want %q", d.Table, table)
	}
	slices.SortFunc(d.Partitions, partition.compare)
	for i, p := range d.Partitions {
		if len(p.Values) != len(d.PartitionKeys) {
			return fmt.Errorf("partition %q has %d values, want %d", p.Values, len(p.Values), len(d.PartitionKeys))
		}
		if i > 0 && p.compare(d.Partitions[i-1]) == 0 {
			return fmt.Errorf("partition %q occurs twice", p.Values)
		}
	}
	return nil
}
