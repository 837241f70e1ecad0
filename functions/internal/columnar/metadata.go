package columnar

import (
	"bytes"
	"encoding/binary"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowlake/flowlake/schema"
)

// writeFooter writes the page index, the metadata and the end of the file, as the Parquet format
// lays them out: https://parquet.apache.org/docs/file-format/
func (w *Writer) writeFooter(metadata []Metadata) error {
	var buf bytes.Buffer
	e := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&buf))
	start := w.out.size
	for g := range w.groups {
		for c := range w.groups[g].Columns {
			chunk, at := &w.groups[g].Columns[c], buf.Len()
			if err := e.Encode(&w.pages[g][c].bounds); err != nil {
				return err
			}
			chunk.ColumnIndexOffset, chunk.ColumnIndexLength = start+int64(at), int32(buf.Len()-at)
		}
	}
	for g := range w.groups {
		for c := range w.groups[g].Columns {
			chunk, at := &w.groups[g].Columns[c], buf.Len()
			if err := e.Encode(&w.pages[g][c].places); err != nil {
				return err
			}
			chunk.OffsetIndexOffset, chunk.OffsetIndexLength = start+int64(at), int32(buf.Len()-at)
		}
	}
	m := format.FileMetaData{Version: 2, NumRows: w.want.rows, RowGroups: w.groups, CreatedBy: CreatedBy, Schema: schemaElements(w.table)}
	for _, kv := range metadata {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: kv.Key, Value: kv.Value})
	}
	for range w.table.Columns {
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	at := buf.Len()
	if err := e.Encode(&m); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, uint32(buf.Len()-at))
	buf.Write(append(end, magic...))
	_, err := w.out.Write(buf.Bytes())
	return err
}

// schemaElements gives the Parquet schema of a table: a root and below it the columns, all optional,
// in the table's order.
func schemaElements(t *schema.Table) []format.SchemaElement {
	elements := []format.SchemaElement{{Name: t.Name, NumChildren: thrift.New(int32(len(t.Columns)))}}
	for i := range t.Columns {
		e := format.SchemaElement{
			Name:           t.Columns[i].Name,
			Type:           thrift.New(physicalType(t.Columns[i].Type)),
			RepetitionType: thrift.New(format.Optional),
		}
		switch t.Columns[i].Type { // older readers know the converted types only
		case schema.String:
			e.LogicalType = format.LogicalType{Value: &format.StringType{}}
			e.ConvertedType = thrift.New(deprecated.UTF8)
		case schema.Timestamp:
			e.LogicalType = format.LogicalType{Value: &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: &format.MilliSeconds{}}}}
			e.ConvertedType = thrift.New(deprecated.TimestampMillis)
		}
		elements = append(elements, e)
	}
	return elements
}

func physicalType(t schema.Type) format.Type {
	switch t {
	case schema.String:
		return format.ByteArray
	case schema.Int32:
		return format.Int32
	}
	return format.Int64
}
