package main

import (
	"context"
	"strconv"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/schema"
)

// parseDay reads the value of a flag that is a date.
func parseDay(flag, value string) (schema.Day, error) {
	t, err := time.Parse(time.DateOnly, value)
	if err != nil || t.Unix() < 0 {
		return 0, usage("--%s: want a date such as 2026-01-09, have %q", flag, value)
	}
	return schema.DayOf(t.Unix()), nil
}

// days is a catalog of which the partitions of some days are seen. A partition of no day is none of
// them.
type days struct {
	query.Catalog
	from, to schema.Day // both are seen
}

// Partitions gives the partitions of those days.
func (d days) Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error) {
	all, err := d.Catalog.Partitions(ctx, t)
	var some []schema.Partition
	for _, p := range all {
		if day := dayOf(p.Values); day != schema.NoDay && d.from <= day && day <= d.to {
			some = append(some, p)
		}
	}
	return some, err
}

// dayOf gives the day of a partition, also where somebody has registered its values without zeros in
// front, or NoDay.
func dayOf(values []string) schema.Day {
	var n [3]int
	if len(values) != len(n) {
		return schema.NoDay
	}
	for i, v := range values {
		var err error
		if n[i], err = strconv.Atoi(v); err != nil {
			return schema.NoDay
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if t.Unix() < 0 {
		return schema.NoDay
	}
	return schema.DayOf(t.Unix())
}
