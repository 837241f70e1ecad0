package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// index remembers which objects the lake's tables hold, and which of them a source has accounted for. It
// takes 24 bytes for each: names are known by their hashes, and there are few locations.
type index struct {
	prefixes  []string // of the keys that are listed
	locations []string

	mu      sync.Mutex
	objects []listed // by name
	left    int      // objects that nobody has accounted for
}

// listed is one object.
type listed struct {
	name     [16]byte // hash of the last element of its key
	location uint32   // of the others, with a slash at the end; an index into locations
	taken    bool
}

func hashName(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}

func (o listed) compare(p listed) int {
	return slices.Compare(o.name[:], p.name[:])
}

// outputName gives the last element of the keys of a source's outputs, which is the same for all.
func (v *verifier) outputName(url string) string { return path.Base(v.Table.ObjectKey(0, url)) }

// list lists the lake's tables: where the sources are limited to days, those days and the days around
// them that Late reaches.
func (v *verifier) list(ctx context.Context) (*index, error) {
	x := &index{}
	for _, t := range []*schema.Table{v.Table, v.rejects} {
		if v.From.IsZero() || v.Until.IsZero() {
			x.prefixes = append(x.prefixes, t.Name+"/")
			continue
		}
		last := schema.DayOf(max(0, v.Until.Add(v.Late).Unix()-1))
		for d := schema.DayOf(max(0, v.From.Add(-v.Late).Unix())); d <= last; d++ {
			x.prefixes = append(x.prefixes, t.Partition(d).Location)
		}
	}
	known := make(map[string]uint32)
	err := x.each(ctx, v.lake, func(location, name string) error {
		at, ok := known[location]
		if !ok {
			at = uint32(len(x.locations))
			location = strings.Clone(location) // and not the whole key
			known[location] = at
			x.locations = append(x.locations, location)
		}
		x.objects = append(x.objects, listed{name: hashName(name), location: at})
		return nil
	})
	if err != nil {
		return nil, err
	}
	x.objects = slices.Clone(x.objects) // without room for more
	slices.SortFunc(x.objects, listed.compare)
	x.left = len(x.objects)
	v.report.Listed = int64(x.left)
	return x, nil
}

// each calls fn for each object of the lake's tables, with the two parts of its key.
func (x *index) each(ctx context.Context, lake Lake, fn func(location, name string) error) error {
	for _, prefix := range x.prefixes {
		err := lake.List(ctx, prefix, func(o store.Object) error {
			location, name := path.Split(o.Key)
			return fn(location, name)
		})
		if err != nil {
			return fmt.Errorf("list the lake: %w", err)
		}
	}
	return nil
}

// take gives the locations of all objects of that name, and remembers that they are accounted for.
func (x *index) take(name string) []string {
	var locations []string
	x.mu.Lock()
	defer x.mu.Unlock()
	want := listed{name: hashName(name)}
	i, _ := slices.BinarySearchFunc(x.objects, want, listed.compare)
	for ; i < len(x.objects) && x.objects[i].name == want.name; i++ {
		if o := &x.objects[i]; !o.taken {
			o.taken = true
			x.left--
			locations = append(locations, x.locations[o.location])
		}
	}
	slices.Sort(locations)
	return locations
}

// untaken says whether an object is one that was listed and that nobody has accounted for.
func (x *index) untaken(location, name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	want := listed{name: hashName(name)}
	i, _ := slices.BinarySearchFunc(x.objects, want, listed.compare)
	for ; i < len(x.objects) && x.objects[i].name == want.name; i++ {
		if o := x.objects[i]; x.locations[o.location] == location {
			return !o.taken
		}
	}
	return false
}
