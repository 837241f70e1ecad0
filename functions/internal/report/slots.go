package report

import (
	"context"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/schema"
)

// perDay is the number of files that a day brings of one accelerator.
const perDay = int(24 * time.Hour / schema.FileWindow)

// Slots are the source files that a lake's files were made of, as far as their names tell: for each
// accelerator the times of five minutes whose file was seen. A source without a line leaves nothing in
// the lake, and is not seen. It may be used by goroutines at the same time.
type Slots struct {
	table    *schema.Table
	from, to schema.Day

	mu      sync.Mutex
	seen    map[slotsKey]*[perDay]bool
	unnamed int // files whose names tell no time
}

// slotsKey is an accelerator, by its identifier, on a day.
type slotsKey struct {
	accelerator string
	day         schema.Day
}

// NewSlots gives slots of which none was seen. Those of days before from and after to never are.
func NewSlots(from, to schema.Day) *Slots {
	return &Slots{table: schema.GlobalAccelerator(), from: from, to: to, seen: map[slotsKey]*[perDay]bool{}}
}

// Watch gives files that are those of f, whose slots count as seen when they are found.
func (s *Slots) Watch(f query.Files) query.Files { return watched{s, f} }

type watched struct {
	slots *Slots
	files query.Files
}

// Files gives the files of a location, and notes their slots.
func (w watched) Files(ctx context.Context, location string) ([]string, error) {
	files, err := w.files.Files(ctx, location)
	for _, f := range files {
		w.slots.add(f)
	}
	return files, err
}

var (
	// What schema.Table.ObjectKey puts behind the name of the source.
	outputEnd = regexp.MustCompile(`-[0-9a-f]{8}\.parquet$`)
	// What package mirror puts in front of the name of an object.
	copyStart = regexp.MustCompile(`^[0-9a-f]{16}-`)
)

// add takes the path of a file of the lake.
func (s *Slots) add(file string) {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	source, _ := s.table.Match(outputEnd.ReplaceAllString(name, schema.SourceSuffix))
	if source.Time.IsZero() {
		source, _ = s.table.Match(outputEnd.ReplaceAllString(copyStart.ReplaceAllString(name, ""), schema.SourceSuffix))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if source.Time.IsZero() || source.Resource == "" {
		s.unnamed++
		return
	}
	at := slotsKey{source.Resource, schema.DayOf(source.Time.Unix())}
	if at.day < s.from || at.day > s.to {
		return
	}
	if s.seen[at] == nil {
		s.seen[at] = new([perDay]bool)
	}
	s.seen[at][source.Time.Sub(at.day.Start())/schema.FileWindow] = true
}

// slots are the slots in the page.
type slots struct {
	PerDay int `json:"perDay"`
	// Accelerators are, for each accelerator of the page and then for others, how many names of files
	// tell of.
	Accelerators []int   `json:"accelerators"`
	Days         []int64 `json:"days"` // their starts, in seconds since 1970
	// Seen are the slots seen, by accelerator as above and day.
	Seen    [][]int `json:"seen"`
	Unnamed int     `json:"unnamed"`
}

// maxSlotDays is how many days are at most shown of a range in which some have no files.
const maxSlotDays = 4000

// put gives the slots for a page with those accelerators.
func (s *Slots) put(accelerators []value) slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := slots{PerDay: perDay, Accelerators: make([]int, len(accelerators)+1), Days: []int64{}, Seen: make([][]int, len(accelerators)+1), Unnamed: s.unnamed}
	index := indexes(accelerators)
	of := func(accelerator string) int {
		if i, ok := index[value{text: accelerator}]; ok {
			return i
		}
		return index[others]
	}
	used := map[schema.Day]bool{}
	known := map[string]bool{}
	for at := range s.seen {
		used[at.day] = true
		if !known[at.accelerator] {
			known[at.accelerator] = true
			p.Accelerators[of(at.accelerator)]++
		}
	}
	days := slices.Sorted(maps.Keys(used))
	if n := len(days); n > 0 && days[n-1]-days[0] < maxSlotDays {
		first, last := days[0], days[n-1]
		days = nil
		for d := first; d <= last; d++ {
			days = append(days, d)
		}
	}
	position := map[schema.Day]int{}
	for i, d := range days {
		position[d] = i
		p.Days = append(p.Days, d.Start().Unix())
	}
	for i := range p.Seen {
		p.Seen[i] = make([]int, len(days))
	}
	for at, seen := range s.seen {
		for _, one := range seen {
			if one {
				p.Seen[of(at.accelerator)][position[at.day]]++
			}
		}
	}
	return p
}
