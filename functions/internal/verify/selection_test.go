package verify_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

// Sources are limited by the time in their keys. Their outputs are found on whatever day they are; those
// of other sources do not matter.
func TestSelection(t *testing.T) {
	w := newWorld(t)
	table := schema.GlobalAccelerator()
	w.put("untimed.log.gz", stored(header+record(midnight, 1)))
	far := key("20260109T2345Z", "far") // a record of long ago
	w.put(far, stored(header+record(midnight-400*86400, 1)))
	gone := key("20260109T2340Z", "gone")
	w.put(gone, stored(header+record(midnight, 1)))
	w.convertAll()
	w.remove(w.sources.Path(gone))
	w.remove(w.sources.Path(clean))
	w.remove(w.lake.Path(w.output(table, "2026-01-10", second)))

	o := w.options()
	o.From, o.Until = time.Unix(midnight-86400, 0), time.Unix(midnight, 0)
	o.Select = func(about schema.Source) (bool, string) {
		if about.Time.IsZero() {
			return false, "no time"
		}
		return !about.Time.Before(o.From) && about.Time.Before(o.Until), ""
	}
	r := w.verify(o)
	w.wantFindings(t, r.Findings, []finding{
		{verify.Extra, gone, w.output(table, "2026-01-10", gone), "no such source", "1 row"},
		{verify.Missing, second, w.output(table, "2026-01-10", second), "3 rows", "no such output"},
	})
	if r.Verified != 3 || r.Skipped["no time"] != 1 || r.Outside != 0 || r.OthersOutputs != 1 {
		t.Errorf("report %+v", r)
	}
	// Of another scope, or there after all, no source is gone.
	o.Holds = func(string) bool { return false }
	if r = w.verify(o); r.Open[verify.Extra] != 0 || r.OthersOutputs != 2 {
		t.Errorf("report %+v", r)
	}
	o.Holds = w.options().Holds
	o.Exists = func(_ context.Context, url string) (bool, error) { return url == w.sources.URL(gone), nil }
	if r = w.verify(o); r.Open[verify.Extra] != 0 || r.OthersOutputs != 2 {
		t.Errorf("report %+v", r)
	}
	o.Exists = func(context.Context, string) (bool, error) { return false, errors.New("no answer") }
	r = w.verify(o)
	w.wantFindings(t, r.Findings, []finding{
		{verify.Unreadable, gone, w.output(table, "2026-01-10", gone), "whether there is such a source", "no answer"},
		{verify.Missing, second, w.output(table, "2026-01-10", second), "3 rows", "no such output"},
	})
	if r.Incomplete != "" || r.Unreadable != 0 {
		t.Errorf("report %+v", r)
	}
	o.Exists = nil
	// Of the partitions that are not in their place, those of other days do not matter.
	for _, p := range []schema.Partition{
		{Values: []string{"2026", "1", "10"}, Location: "elsewhere/10/"},
		{Values: []string{"2026", "01", "20"}, Location: table.Partition(schema.DayOf(midnight)).Location + "sub/"},
		{Values: []string{"2026", "01", "21"}, Location: table.Name + "/year=2026/"},
		{Values: []string{"2026", "1", "25"}, Location: table.Partition(schema.DayOf(midnight + 15*86400)).Location},
		{Values: []string{"2026", "01", "26"}, Location: "elsewhere/26/"},
	} {
		w.register(table, p)
	}
	r = w.verify(o)
	w.wantFindings(t, r.Findings, []finding{
		{verify.Misplaced, "", "aga_flow_logs/year=2026/", "partition 2026/01/21 at", ""},
		{verify.Misplaced, "", "aga_flow_logs/year=2026/month=01/day=10/sub/", "partition 2026/01/20 at", ""},
		{verify.Misplaced, "", "elsewhere/10/", "no partition of the values 2026/1/10", ""},
		{verify.Extra, gone, w.output(table, "2026-01-10", gone), "no such source", "1 row"},
		{verify.Missing, second, w.output(table, "2026-01-10", second), "3 rows", "no such output"},
	})
	// Another day: nothing of all that is seen.
	o.From, o.Until = time.Unix(midnight, 0), time.Unix(midnight+86400, 0)
	if r = w.verify(o); r.Standing() != 3 || r.Open[verify.Misplaced] != 3 || r.Verified != 0 || r.Outside != 3 || r.Listed == 0 {
		t.Errorf("report %+v", r)
	}
}
