package replay

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/flowlake/flowlake/schema"
)

// Amount is a number of objects and the sum of their sizes, gzip, in bytes.
type Amount struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"gzip_bytes"`
}

func (a *Amount) add(size int64) {
	a.Objects++
	a.Bytes += size
}

// Group is the part of the objects that have a name in common.
type Group struct {
	Name string `json:"name"`
	Amount
}

// Reason is why objects are skipped.
type Reason struct {
	Reason  string `json:"reason"`
	Objects int    `json:"objects"`
}

// Rates is what a plan's estimates rest on.
type Rates struct {
	// Ratio is the size of the outputs to that of the objects; default [DefaultRatio]. ObjectBytes is
	// what an output takes besides, however few its rows, in bytes; default [DefaultObjectBytes].
	Ratio       float64 `json:"output_ratio"`
	ObjectBytes int64   `json:"output_bytes_per_object"`
	// BytesPerSecond is how much gzip is converted in a second, and ObjectsPerSecond is that of the time
	// which objects take besides, however small; 0 is no time at all. The times add up.
	BytesPerSecond   float64 `json:"gzip_bytes_per_second"`
	ObjectsPerSecond float64 `json:"objects_per_second"`
}

// What outputs take, as measured: 29.1 MB for 75.6 MB of gzip in one object of 2.2 million records, and
// 6 kB for objects of a few records each.
const (
	DefaultRatio       = 0.39
	DefaultObjectBytes = 6000
)

// Plan is what a replay would do. Its memory is bounded by the number of days.
type Plan struct {
	// Found are the selected objects that were found; Convert, Before, the skipped and the failed ones
	// add up to them.
	Found Amount `json:"found"`
	// Outside counts the objects that were found and are not selected.
	Outside int `json:"outside_selection"`
	// Convert is what would be converted, and Before what is converted already.
	Convert Amount `json:"to_convert"`
	Before  Amount `json:"already_converted"`
	// Skipped are the reasons why objects are skipped, the most frequent first.
	Skipped []Reason `json:"skipped"`
	// Failed counts the objects of which nobody could tell whether they are converted already, and
	// Failures are the first of them by URL.
	Failed   int       `json:"failed"`
	Failures []Failure `json:"failures,omitempty"`
	// FirstDay and LastDay bound the days of the objects to convert, as their keys tell, and Days is
	// their number; Undated are those whose keys do not tell.
	FirstDay string `json:"first_day,omitempty"`
	LastDay  string `json:"last_day,omitempty"`
	Days     int    `json:"days"`
	Undated  int    `json:"undated"`
	// Partitions is how many partitions of the table they fall in, going by their keys: a log may run
	// into the next day, and rejects have partitions of their own.
	Partitions int `json:"partitions"`
	// Accounts, Regions and Resources divide the objects to convert by what their keys tell, by name,
	// as far as they do; null if there are more than 1,000 names.
	Accounts  []Group `json:"accounts"`
	Regions   []Group `json:"regions"`
	Resources []Group `json:"resources"`
	// OutputBytes and Seconds are estimates of what is written and of the time that it takes, from
	// Rates; Seconds is 0 if these have no rate.
	OutputBytes int64   `json:"estimated_output_bytes"`
	Seconds     float64 `json:"estimated_seconds"`
	Rates       Rates   `json:"rates"`
}

// MakePlan gives what [Run] would do. It lists, and asks the journal and the lake what is converted
// already, as Run does, and changes nothing: the Begin and the limit of objects in a second of cfg
// are not for it. When ctx ends, the error is its.
func MakePlan(ctx context.Context, objects Lister, cfg Config, rates Rates) (*Plan, error) {
	p := planner{
		days: make(map[schema.Day]bool), accounts: make(groups), regions: make(groups), resources: make(groups),
	}
	done := cfg.Done
	cfg.Limits.ObjectsPerSecond = 0
	cfg.Done = func(o Outcome) {
		p.add(&o)
		if done != nil {
			done(o)
		}
	}
	r := newRun(cfg, nil, realClock)
	if err := r.run(ctx, objects); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.plan(&r.summary, rates), nil
}

// planner adds up the outcomes of a run that converts nothing.
type planner struct {
	Plan
	days                         map[schema.Day]bool
	accounts, regions, resources groups
}

func (p *planner) add(o *Outcome) {
	switch size := o.Object.Size; {
	case o.Err != nil:
	case o.Before:
		p.Before.add(size)
	case o.Skipped == "":
		p.Convert.add(size)
		if o.About.Day == schema.NoDay {
			p.Undated++
		} else {
			p.days[o.About.Day] = true
		}
		p.accounts.add(o.About.Account, size)
		p.regions.add(o.About.Region, size)
		p.resources.add(o.About.Resource, size)
	}
}

func (p *planner) plan(s *Summary, rates Rates) *Plan {
	p.Found, p.Outside = Amount{s.Objects, s.Bytes}, s.Outside
	p.Failed, p.Failures = s.Failed, s.Failures
	p.Skipped = []Reason{}
	for reason, n := range s.Skipped {
		p.Skipped = append(p.Skipped, Reason{reason, n})
	}
	slices.SortFunc(p.Skipped, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Objects, a.Objects), cmp.Compare(a.Reason, b.Reason))
	})
	if days := slices.Sorted(maps.Keys(p.days)); len(days) > 0 {
		p.FirstDay, p.LastDay = days[0].String(), days[len(days)-1].String()
		p.Days, p.Partitions = len(days), len(days)
	}
	p.Accounts, p.Regions, p.Resources = p.accounts.sorted(), p.regions.sorted(), p.resources.sorted()
	rates.Ratio, rates.ObjectBytes = cmp.Or(rates.Ratio, DefaultRatio), cmp.Or(rates.ObjectBytes, DefaultObjectBytes)
	p.Rates = rates
	p.OutputBytes = int64(float64(p.Convert.Bytes)*rates.Ratio) + int64(p.Convert.Objects)*rates.ObjectBytes
	if rates.BytesPerSecond > 0 {
		p.Seconds = float64(p.Convert.Bytes) / rates.BytesPerSecond
	}
	if rates.ObjectsPerSecond > 0 {
		p.Seconds += float64(p.Convert.Objects) / rates.ObjectsPerSecond
	}
	return &p.Plan
}

// maxGroups bounds the names that are told apart.
const maxGroups = 1000

// groups are amounts by name; once there are too many, there is one more than that and no further.
type groups map[string]*Amount

func (g groups) add(name string, size int64) {
	a := g[name]
	if a == nil {
		if name == "" || len(g) > maxGroups {
			return
		}
		a = &Amount{}
		g[name] = a
	}
	a.add(size)
}

func (g groups) sorted() []Group {
	if len(g) > maxGroups {
		return nil
	}
	all := []Group{}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		all = append(all, Group{name, *g[name]})
	}
	return all
}
