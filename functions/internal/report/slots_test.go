package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// listed are the files of every location.
type listed []store.File

func (l listed) Files(context.Context, string) ([]store.File, error) { return l, nil }

// written adds an object that was written so long after an instant, such as 20260109T0005Z.
func (l *listed) written(key, instant string, after time.Duration) {
	at, err := time.Parse("20060102T1504Z", instant)
	if err != nil {
		panic(err)
	}
	*l = append(*l, store.File{Object: store.Object{Key: key, Modified: at.Add(after)}, Path: "/elsewhere"})
}

// TestSlots says which slots the names of objects tell of, and how late they are.
func TestSlots(t *testing.T) {
	const a, b = "x/123456789012_globalaccelerator_a_", "y/123456789012_globalaccelerator_b_"
	const end = "-01234567.parquet"
	var files listed
	files.written(a+"20260109T0000Z_1"+end, "20260109T0005Z", time.Minute) // of two days:
	files.written("z/"+a+"20260109T0000Z_1"+end, "20260109T0005Z", 5*time.Minute+time.Millisecond)
	files.written(a+"20260109T2355Z_2"+end, "20260110T0000Z", 5*time.Minute)
	files.written(a+"20260109T0200Z_8"+end, "20260109T0205Z", -time.Hour) // clocks differ
	files.written(a+"20260111T0000Z_3"+end, "20260111T0005Z", 24*time.Hour+1)
	files.written(b+"20260109T0005Z_4"+end, "20260109T0010Z", time.Hour)
	files.written("c"+b[1:]+"20260109T0005Z_7"+end, "20260109T0010Z", 16*time.Minute) // another one of those five minutes
	files.written("x/renamed"+end, "20260109T0000Z", 0)
	files.written("x/other", "20260109T0000Z", 0)
	files.written(a+"20260201T0000Z_5"+end, "20260201T0005Z", 0) // outside
	day := func(d int) schema.Day { return schema.DayOf(day1.AddDate(0, 0, d-9).Unix()) }
	s := NewSlots(day(9), day(31), day(60))
	if got, err := s.Watch(files).Files(t.Context(), ""); err != nil || len(got) != len(files) {
		t.Fatal(len(got), err)
	}
	have, err := json.Marshal(s.put([]value{{text: "a"}, {text: "silent"}}))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"perDay":288,"days":[%d,%d,%d],"earlier":0,"bounds":[300,900,3600,86400],"accelerators":[[1,1,1],[0,0,0],[1,1,1]],`+
		`"seen":[[2,1,0,0,0,0,0,0,0,0,0,0,0,0,1],[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0]],`+
		`"longest":[[301,null,86401],[null,null,null],[3600,null,null]],"unnamed":2}`,
		day(9).Start().Unix(), day(10).Start().Unix(), day(11).Start().Unix())
	if string(have) != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
	few := NewSlots(0, math.MaxInt32, 0)
	for _, day := range []string{"19700101", "20250101", "20250103", "20380101"} {
		few.add(store.Object{Key: a + day + "T0000Z_1" + end})
	}
	if days, earlier := few.days(); len(days) != 5 || earlier != 0 || days[2] != days[1]+1 || days[3] != days[1]+2 {
		t.Errorf("have days %v, %d left out, want five of which one has no files", days, earlier)
	}
	if have := NewSlots(0, math.MaxInt32, 0).put(nil); len(have.Days) != 0 || have.Days == nil {
		t.Errorf("have %+v of nothing", have)
	}
}

// TestLives says on which days files of an accelerator are looked for.
func TestLives(t *testing.T) {
	s := NewSlots(0, math.MaxInt32, 0)
	see := func(accelerator string, days ...int) {
		for _, d := range days {
			at := day1.AddDate(0, 0, d)
			s.add(store.Object{Key: "123456789012_globalaccelerator_" + accelerator + at.Format("_20060102T1504Z_") + "1-01234567.parquet"})
		}
	}
	see("steady", 0, 50)
	see("young", 40)
	see("deleted", 1, 3)
	see("other", 10)
	for _, test := range []struct{ today, to, last int }{
		{50, 365, 50}, {51, 365, 50}, {60, 365, 59}, {80, 365, 79}, {60, 55, 55}, {20, 365, 50},
		{81, 365, 50}, // nothing came for so long
	} {
		s.today, s.to = schema.DayOf(day1.AddDate(0, 0, test.today).Unix()), schema.DayOf(day1.AddDate(0, 0, test.to).Unix())
		p := s.put([]value{{text: "steady"}, {text: "young"}, {text: "deleted"}})
		ranges := [][2]int{{0, 80}, {40, 70}, {1, 33}, {10, 40}} // the days looked for, both included
		for i, r := range ranges {
			if n := len(p.Days); n != test.last+1 {
				t.Fatalf("%+v: have %d days", test, n)
			}
			for d := range p.Days {
				want := 0
				if r[0] <= d && d <= r[1] {
					want = 1
				}
				if have := p.Accelerators[i][d]; have != want {
					t.Errorf("%+v: accelerator %d, day %d: looks for files of %d, want %d", test, i, d, have, want)
				}
			}
		}
	}
}

// TestLag says that no time of writing is too strange.
func TestLag(t *testing.T) {
	source := schema.Source{Time: day1}
	for written, want := range map[time.Time]int{
		{}: 0, time.Unix(0, 0): 0, day1: 0, day1.Add(10 * time.Minute): 0, day1.Add(10*time.Minute + 1): 1, day1.Add(65 * time.Minute): 2,
		day1.AddDate(0, 0, 1): 3, day1.AddDate(1000, 0, 0): 4,
	} {
		if l := lagOf(source, written); l.class() != want || l == unseen {
			t.Errorf("written at %v: lag of %d s is of class %d, want %d", written, l, l.class(), want)
		}
	}
}

// TestManySlots says that the last days are shown where there are too many.
func TestManySlots(t *testing.T) {
	p := manySlots("a", "b").put([]value{{text: "a"}})
	if n := len(p.Days); n != maxSlotDays || p.Earlier != 10 || p.Days[0] != 10*86400 || p.Days[n-1] != (maxSlotDays+9)*86400 {
		t.Errorf("have %d days from %d on, %d left out", n, p.Days[0], p.Earlier)
	}
	for a := range p.Seen {
		total := 0
		for _, n := range p.Seen[a] {
			total += n
		}
		if total != perDay*maxSlotDays || *p.Longest[a][0] != 1_234_567_890 {
			t.Errorf("accelerator %d: have %d files, the longest lag %d", a, total, *p.Longest[a][0])
		}
	}
}

// manySlots are those of more days than a page has, each with files of all accelerators and classes.
func manySlots(accelerators ...string) *Slots {
	s := NewSlots(0, math.MaxInt32, 0)
	for d := range schema.Day(maxSlotDays + 10) {
		for _, a := range accelerators {
			seen := new([perDay]lag)
			for i := range seen {
				seen[i] = lag(1_234_567_890 >> (i % 30))
			}
			s.seen[slotsKey{a, d}] = seen
		}
	}
	return s
}
