package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

// partitions are the registered ones: locations, by the table's name and the values.
type partitions map[string]registered

type registered struct {
	table *schema.Table
	schema.Partition
}

func valuesKey(t *schema.Table, values []string) string { return fmt.Sprintf("%s%q", t.Name, values) }

// place is where an output lies.
type place struct {
	table *schema.Table
	day   schema.Day
	key   string // of the output
}

// location gives the location of the place's partition.
func (p place) location() string { return p.table.Partition(p.day).Location }

// holds says whether the partition of a place is registered as its day's: with the values of the day at
// the location of the day.
func (ps partitions) holds(p place) bool {
	own := p.table.Partition(p.day)
	r, ok := ps[valuesKey(p.table, own.Values)]
	return ok && r.Location == own.Location
}

// registry knows the registered partitions, as they were read last.
type registry struct {
	mu     sync.Mutex
	latest partitions
	read   time.Time
	// lacking are the locations that a source lacked. They stay so for all sources, also where one that was
	// converted again registered them, so that findings do not depend on the order of the work.
	lacking map[string]bool
}

// readEvery is the least time between two readings of all partitions for sources that lack some. New ones
// come where a lake is being filled.
const readEvery = 2 * time.Second

// readPartitions asks the catalog.
func (v *verifier) readPartitions(ctx context.Context) error {
	latest := make(partitions)
	for _, t := range []*schema.Table{v.Table, v.rejects} {
		all, err := v.catalog.Partitions(ctx, t)
		if err != nil && !errors.Is(err, catalog.ErrNoTable) {
			return fmt.Errorf("list partitions of %s: %w", t.Name, err)
		}
		for _, p := range all {
			latest[valuesKey(t, p.Values)] = registered{t, p}
		}
	}
	v.registry.latest, v.registry.read = latest, time.Now()
	return nil
}

// register holds the places of a source's outputs against the catalog. Partitions that are not known are
// looked for once more: after the source was converted again at once, as this registers them, else if
// the last reading is old enough.
func (v *verifier) register(ctx context.Context, j *judge, again bool) error {
	r := &v.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	unknown := func(p place) bool { return !r.latest.holds(p) && (again || !r.lacking[p.location()]) }
	if slices.ContainsFunc(j.places, unknown) && (again || time.Since(r.read) >= readEvery) {
		if err := v.readPartitions(ctx); err != nil {
			return err
		}
	}
	j.registered = make(map[string]bool)
	for _, p := range j.places {
		location := p.location()
		ok := r.latest.holds(p) && (again || !r.lacking[location])
		j.registered[location] = ok
		if ok {
			continue
		}
		r.lacking[location] = true
		have := "no such partition"
		if other, found := r.latest[valuesKey(p.table, p.table.Partition(p.day).Values)]; found && other.Location != location {
			have = "the partition at " + other.Location + ", which flowlake does not change"
		}
		j.find(Unregistered, p.key, "a partition at "+location, have)
	}
	return nil
}

// misplaced reports the partitions that are registered with other values, or elsewhere, than their day has:
// queries see the rows there under a wrong day, or twice. Where the lake is listed by day, those are looked at
// that are registered as one of these days, or hold what lies there.
func (v *verifier) misplaced() {
	v.registry.mu.Lock()
	defer v.registry.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(v.registry.latest)) {
		p := v.registry.latest[key]
		own := p.table.Partition(dayOf(p.Values))
		ownValues := slices.Equal(p.Values, own.Values)
		if ownValues && p.Location == own.Location || !v.index.covers(own.Location) && !v.index.covers(p.Location) {
			continue
		}
		want := "no partition of the values " + strings.Join(p.Values, "/")
		if ownValues {
			want = fmt.Sprintf("partition %s at %s", strings.Join(p.Values, "/"), own.Location)
		}
		v.report.find(Finding{Kind: Misplaced, Output: p.Location, Want: want,
			Have: fmt.Sprintf("partition %s of %s at %s", strings.Join(p.Values, "/"), p.table.Name, p.Location)})
	}
}

// covers says whether what lies at a location is listed, or some of it.
func (x *index) covers(location string) bool {
	location = strings.TrimPrefix(path.Clean("/"+location)+"/", "/")
	return slices.ContainsFunc(x.prefixes, func(prefix string) bool {
		return strings.HasPrefix(location, prefix) || strings.HasPrefix(prefix, location)
	})
}

// dayOf gives the day of a partition's values, also of those without zeros in front, or NoDay.
func dayOf(values []string) schema.Day {
	var n [3]int
	if len(values) != len(n) {
		return schema.NoDay
	}
	for i, value := range values {
		var err error
		if n[i], err = strconv.Atoi(value); err != nil {
			return schema.NoDay
		}
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if at.Unix() < 0 || at.Unix() > schema.MaxSeconds {
		return schema.NoDay
	}
	return schema.DayOf(at.Unix())
}
