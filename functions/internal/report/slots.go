package report

import (
	"context"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// perDay is the number of files that a day brings of one accelerator.
const perDay = int(24 * time.Hour / schema.FileWindow)

// Slots are the source files that a lake's files were made of, as far as their names tell: for each
// accelerator the times of five minutes whose file was seen, and how late it came. A source without a
// line leaves nothing in the lake, and is not seen. It may be used by goroutines at the same time.
type Slots struct {
	table           *schema.Table
	from, to, today schema.Day

	mu      sync.Mutex
	seen    map[slotsKey]*[perDay]lag
	unnamed int // files whose names tell no time
}

// slotsKey is an accelerator, by its identifier, on a day.
type slotsKey struct {
	accelerator string
	day         schema.Day
}

// NewSlots gives slots of which none was seen. Those of days before from and after to never are. today
// is the day on which the lake is looked at: up to the day before, files are looked for that have not come.
func NewSlots(from, to, today schema.Day) *Slots {
	return &Slots{table: schema.GlobalAccelerator(), from: from, to: to, today: today, seen: map[slotsKey]*[perDay]lag{}}
}

// Watch gives files that are those of f, whose slots count as seen when they are found.
func (s *Slots) Watch(f query.Files) query.Files { return watched{s, f} }

type watched struct {
	slots *Slots
	files query.Files
}

// Files gives the files of a location, and notes their slots.
func (w watched) Files(ctx context.Context, location string) ([]store.File, error) {
	files, err := w.files.Files(ctx, location)
	for _, f := range files {
		w.slots.add(f.Object)
	}
	return files, err
}

// outputEnd is what schema.Table.ObjectKey puts behind the name of the source.
var outputEnd = regexp.MustCompile(`-[0-9a-f]{8}\.parquet$`)

// add takes an object of the lake. Of those of one slot, as a source of two days makes them, the one
// that came last counts.
func (s *Slots) add(o store.Object) {
	source, _ := s.table.Match(outputEnd.ReplaceAllString(path.Base(o.Key), schema.SourceSuffix))
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
		s.seen[at] = new([perDay]lag)
		for i := range s.seen[at] {
			s.seen[at][i] = unseen
		}
	}
	slot := &s.seen[at][source.Time.Sub(at.day.Start())/schema.FileWindow]
	*slot = max(*slot, lagOf(source, o.Modified))
}

// lag is the time from the end of a source file's five minutes to the writing of what was made of it,
// in seconds, rounded up.
type lag int32

// unseen is the lag of a slot whose file was not seen.
const unseen lag = math.MinInt32

// lagOf gives the lag of what was written at a time. Clocks may differ: it may be negative.
func lagOf(s schema.Source, written time.Time) lag {
	seconds := math.Ceil(written.Sub(s.Time.Add(schema.FileWindow)).Seconds())
	return lag(min(max(seconds, float64(unseen+1)), math.MaxInt32))
}

// lagBounds are the upper ends of the classes of lags; behind them is the class of all longer ones.
var lagBounds = []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}

// class gives the number of the class that a lag is of.
func (l lag) class() int {
	i, _ := slices.BinarySearch(lagBounds, time.Duration(l)*time.Second)
	return i
}

// slots are the slots in the page.
type slots struct {
	PerDay int     `json:"perDay"`
	Days   []int64 `json:"days"` // their starts, in seconds since 1970
	// Earlier is the number of days before those that are left out.
	Earlier int `json:"earlier"`
	// Bounds are the upper ends of the classes of lags, in seconds; the last class has none.
	Bounds []int64 `json:"bounds"`
	// Accelerators are, for each accelerator of the page and then for others, how many of them files
	// are looked for on each day: see silence.
	Accelerators [][]int `json:"accelerators"`
	// Seen are the numbers of slots seen: for each accelerator as above those of the first day, by
	// class, then those of the next.
	Seen [][]int `json:"seen"`
	// Longest are the longest lags in seconds, by accelerator and day, null where no slot was seen.
	Longest [][]*lag `json:"longest"`
	Unnamed int      `json:"unnamed"`
}

// maxSlotDays is how many days are shown at most, the last ones: three years.
const maxSlotDays = 3 * 366

// maxHole is how many days may lie between two that have files, to be shown as days without any: a
// year. A longer time is taken for the mistake of a name, and left out.
const maxHole = 366

// put gives the slots for a page with those accelerators.
func (s *Slots) put(accelerators []value) slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, classes := len(accelerators)+1, len(lagBounds)+1
	p := slots{PerDay: perDay, Accelerators: make([][]int, rows), Seen: make([][]int, rows), Longest: make([][]*lag, rows), Unnamed: s.unnamed}
	for _, b := range lagBounds {
		p.Bounds = append(p.Bounds, int64(b/time.Second))
	}
	index := indexes(accelerators)
	of := func(accelerator string) int {
		if i, ok := index[value{text: accelerator}]; ok {
			return i
		}
		return index[others]
	}
	days, earlier := s.days()
	p.Earlier = earlier
	p.Days = make([]int64, len(days))
	position := map[schema.Day]int{}
	for i, d := range days {
		position[d] = i
		p.Days[i] = d.Start().Unix()
	}
	for i := range rows {
		p.Accelerators[i], p.Seen[i], p.Longest[i] = make([]int, len(days)), make([]int, classes*len(days)), make([]*lag, len(days))
	}
	for accelerator, l := range s.lives() {
		looked := p.Accelerators[of(accelerator)]
		for i, d := range days {
			if l.first <= d && d <= l.last+silence {
				looked[i]++
			}
		}
	}
	for at, seen := range s.seen {
		row := of(at.accelerator)
		i, shown := position[at.day]
		if !shown {
			continue
		}
		for _, l := range seen {
			if l != unseen {
				p.Seen[row][classes*i+l.class()]++
			}
		}
		if l := slices.Max(seen[:]); p.Longest[row][i] == nil || l > *p.Longest[row][i] {
			p.Longest[row][i] = &l
		}
	}
	return p
}

// silence is for how many days files of an accelerator are looked for after its last one. A delivery
// that broke shows for that long; an accelerator that was deleted is forgotten then, and so is the time
// since the last file of all in a lake that gets no more.
const silence = 30

// life is the first and the last day of which files of an accelerator were seen.
type life struct{ first, last schema.Day }

// lives gives the lives of all accelerators.
func (s *Slots) lives() map[string]life {
	all := map[string]life{}
	for at := range s.seen {
		l, known := all[at.accelerator]
		if !known {
			l = life{at.day, at.day}
		}
		all[at.accelerator] = life{min(l.first, at.day), max(l.last, at.day)}
	}
	return all
}

// days gives the days that are shown, and the number of those before them that are not.
func (s *Slots) days() (days []schema.Day, earlier int) {
	used := map[schema.Day]bool{}
	for at := range s.seen {
		used[at.day] = true
	}
	for _, d := range slices.Sorted(maps.Keys(used)) {
		if n := len(days); n > 0 && d-days[n-1] <= maxHole {
			for between := days[n-1] + 1; between < d; between++ {
				days = append(days, between)
			}
		}
		days = append(days, d)
	}
	if n := len(days); n > 0 {
		if last := days[n-1]; s.today-last <= silence {
			for d := last + 1; d <= min(s.today-1, s.to); d++ {
				days = append(days, d)
			}
		}
	}
	earlier = max(0, len(days)-maxSlotDays)
	return days[earlier:], earlier
}
