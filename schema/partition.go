package schema

import (
	"fmt"
	"math"
	"time"
)

// Day is a UTC day, the unit of partitioning: days since 1970-01-01.
type Day int32

// NoDay is the day of what has none: the lines of a file without a single usable time, whose key
// has no date either.
const NoDay Day = math.MinInt32

const secondsPerDay = 86400

// DayOf gives the day of an instant in seconds since 1970-01-01 UTC, which must lie between 0 and
// [MaxSeconds].
func DayOf(seconds int64) Day { return Day(seconds / secondsPerDay) }

// Start gives the first instant of the day.
func (d Day) Start() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// String gives the day as 2026-01-09.
func (d Day) String() string {
	if d == NoDay {
		return "no day"
	}
	return d.Start().Format(time.DateOnly)
}

// hiveDefault is the value that Hive gives a partition key that is NULL.
const hiveDefault = "__HIVE_DEFAULT_PARTITION__"

// Values gives the values of the partition keys, in their order: year, month, day, zero-padded.
func (d Day) Values() []string {
	if d == NoDay {
		return []string{hiveDefault, hiveDefault, hiveDefault}
	}
	t := d.Start()
	return []string{fmt.Sprintf("%04d", t.Year()), fmt.Sprintf("%02d", t.Month()), fmt.Sprintf("%02d", t.Day())}
}

// PartitionKeys gives the partition keys of every table, in the order of their values.
func PartitionKeys() []Column {
	return []Column{
		{Name: "year", Type: String, Comment: "year of the start in UTC, four digits"},
		{Name: "month", Type: String, Comment: "month, two digits"},
		{Name: "day", Type: String, Comment: "day of the month, two digits"},
	}
}

// PartitionIndex gives the name and the keys, in their order, of the partition index that every table
// gets in Glue. With it Glue finds the partitions of a query without going through all of them.
func PartitionIndex() (name string, keys []string) {
	for _, k := range PartitionKeys() {
		keys = append(keys, k.Name)
	}
	return "year_month_day", keys
}

// Partition is one partition of a table, as a catalog holds it.
type Partition struct {
	// Values are the values of the partition keys, in the order of [PartitionKeys].
	Values []string
	// Location is the prefix of the keys of the partition's objects, relative to the lake's URL,
	// ending in a slash.
	Location string
}

// Partition gives the partition of that day.
func (t *Table) Partition(d Day) Partition {
	p := Partition{Values: d.Values(), Location: t.Name + "/"}
	for i, k := range PartitionKeys() {
		p.Location += k.Name + "=" + p.Values[i] + "/"
	}
	return p
}
