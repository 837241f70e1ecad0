package schema

import (
	"fmt"
	"strings"
)

// CreateTable gives the Athena DDL that creates the table over the lake at that URL, such as
// s3://bucket/prefix, in a database ("" leaves the database to the session).
func (t *Table) CreateTable(database, lakeURL string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n", qualified(database, t.Name))
	writeColumns(&b, t.Columns)
	fmt.Fprintf(&b, ")\nCOMMENT %s\nPARTITIONED BY (\n", quote(t.Comment))
	writeColumns(&b, PartitionKeys())
	fmt.Fprintf(&b, ")\nSTORED AS PARQUET\nLOCATION %s\n", quote(location(lakeURL, t.Name+"/")))
	b.WriteString("TBLPROPERTIES (\n")
	properties := t.Properties()
	for i, p := range properties {
		fmt.Fprintf(&b, "  %s = %s%s\n", quote(p.Key), quote(p.Value), comma(i, len(properties)))
	}
	b.WriteString(");\n")
	return b.String()
}

// AddPartition gives the Athena DDL that registers one day of the table.
func (t *Table) AddPartition(database, lakeURL string, d Day) string {
	p := t.Partition(d)
	var spec []string
	for i, k := range PartitionKeys() {
		spec = append(spec, fmt.Sprintf("%s = %s", identifier(k.Name), quote(p.Values[i])))
	}
	return fmt.Sprintf("ALTER TABLE %s ADD IF NOT EXISTS\n  PARTITION (%s)\n  LOCATION %s;\n",
		qualified(database, t.Name), strings.Join(spec, ", "), quote(location(lakeURL, p.Location)))
}

// Property is one table property of the catalog.
type Property struct{ Key, Value string }

// Properties gives the table properties, the same in the DDL and in Glue.
func (t *Table) Properties() []Property {
	return []Property{
		{"classification", "parquet"},
		{"flowlake.schema.version", fmt.Sprint(t.Version)},
		PartitionFiltering(),
	}
}

// PartitionFiltering gives the table property without which Athena does not use a partition index
// of Glue's (Athena User Guide, "Optimize queries with AWS Glue partition indexing and filtering").
func PartitionFiltering() Property { return Property{"partition_filtering.enabled", "true"} }

// SetProperty gives the Athena DDL that sets a property of the table that is there.
func (t *Table) SetProperty(database string, p Property) string {
	return fmt.Sprintf("ALTER TABLE %s SET TBLPROPERTIES (%s = %s);\n", qualified(database, t.Name), quote(p.Key), quote(p.Value))
}

func writeColumns(b *strings.Builder, columns []Column) {
	for i, c := range columns {
		fmt.Fprintf(b, "  %s %s COMMENT %s%s\n", identifier(c.Name), c.Type.Hive(), quote(c.Comment), comma(i, len(columns)))
	}
}

func comma(i, n int) string {
	if i < n-1 {
		return ","
	}
	return ""
}

func location(lakeURL, prefix string) string { return strings.TrimRight(lakeURL, "/") + "/" + prefix }

func qualified(database, table string) string {
	if database == "" {
		return identifier(table)
	}
	return identifier(database) + "." + identifier(table)
}

func identifier(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "\\'") + "'" }
