package report

import (
	"fmt"
	"math/big"
	"testing"
	"time"
)

// TestWithoutStrays says which days decide the steps: days of 2026 by their numbers, from 1 for the first
// of January, each with its records.
func TestWithoutStrays(t *testing.T) {
	const y1970, y2038 = -20453, 4392 // the first days of those years
	type days [][2]int64
	run := func(from, to, rows int64) (d days) {
		for n := from; n <= to; n++ {
			d = append(d, [2]int64{n, rows})
		}
		return d
	}
	join := func(parts ...days) (d days) {
		for _, p := range parts {
			d = append(d, p...)
		}
		return d
	}
	for name, test := range map[string]struct{ days, want days }{
		"nothing":                      {nil, nil},
		"one day":                      {days{{9, 1}}, days{{9, 1}}},
		"one wild record":              {days{{y1970, 1}, {9, 1000}}, days{{9, 1000}}},
		"one at each end":              {days{{y1970, 1}, {9, 1000}, {y2038, 1}}, days{{9, 1000}}},
		"several of them":              {days{{y1970, 1}, {y1970 + 400, 1}, {9, 500}, {10, 500}, {y2038, 8}}, days{{9, 500}, {10, 500}}},
		"exactly one in a hundred":     {days{{y1970, 10}, {9, 990}}, days{{9, 990}}},
		"more than one in a hundred":   {days{{y1970, 10}, {9, 989}}, days{{y1970, 10}, {9, 989}}},
		"together more than that":      {days{{y1970, 6}, {9, 989}, {y2038, 5}}, days{{9, 989}, {y2038, 5}}},
		"a gap as long as the rest":    {join(run(1, 20, 1000), days{{41, 1}}), join(run(1, 20, 1000), days{{41, 1}})},
		"a longer one, to no end":      {join(run(1, 20, 1000), days{{42, 1}}), join(run(1, 20, 1000), days{{42, 1}})},
		"a longer one, for the hours":  {join(run(1, 10, 1000), days{{26, 1}}), run(1, 10, 1000)},
		"the next one to no end":       {join(days{{1, 1000}, {5, 1}}, days{{y2038, 1}}), days{{1, 1000}, {5, 1}}},
		"years":                        {join(days{{y1970, 1}}, run(-1000, 1000, 10)), run(-1000, 1000, 10)},
		"equal halves":                 {days{{y1970, 1000}, {9, 1000}}, days{{y1970, 1000}, {9, 1000}}},
		"few records, which all count": {days{{y1970, 1}, {9, 50}}, days{{y1970, 1}, {9, 50}}},
	} {
		t.Run(name, func(t *testing.T) {
			var given []dated
			for _, d := range test.days {
				start := time.Date(2026, 1, int(d[0]), 0, 0, 0, 0, time.UTC)
				given = append(given, dated{d[0], d[1], start, start.Add(24*time.Hour - time.Second)})
			}
			var have days
			for _, d := range withoutStrays(given) {
				have = append(have, [2]int64{d.day, d.rows})
			}
			if fmt.Sprint(have) != fmt.Sprint(test.want) {
				t.Errorf("have %v, want %v", have, test.want)
			}
		})
	}
}

// TestStrays says that a record of 1970 and one of 2038 change neither the steps of the page nor its sums.
func TestStrays(t *testing.T) {
	l := newLake(t)
	lines := []string{
		line(map[string]string{"start": "0", "client": "198.51.100.70", "bytes": "1970"}),
		line(map[string]string{"start": "2145916800", "client": "198.51.100.38", "bytes": "2038", "action": "REJECT", "reason": "BPA"}),
	}
	for i := range 1000 {
		lines = append(lines, line(map[string]string{"start": fmt.Sprint(day1.Unix() + int64(i)*86), "client": fmt.Sprint("203.0.113.", i%7), "bytes": fmt.Sprint(i)}))
	}
	l.write("123456789012_globalaccelerator_a-1_20260109T0000Z_x.log.gz", append(lines, "no record")...)
	// A log of no other record than a wild one, and wild names of logs without any.
	l.write("123456789012_globalaccelerator_a-1_20260109T0005Z_x.log.gz", line(map[string]string{"start": "2145916800", "bytes": "0"}))
	l.write("AWSLogs/123456789012/globalaccelerator/us-west-2/1970/01/01/renamed.log.gz", "no record")
	l.write("123456789012_globalaccelerator_a-1_20380101T0000Z_x.log.gz", "no record")
	l.convert()
	db, _ := l.open()
	p := read(t, l.html(Page{}))
	if p.Unit != hour || len(p.Steps) != 24 || p.Steps[0] != day1.Unix() {
		t.Errorf("have %d steps of a %s from %d on, want the 24 hours of %d", len(p.Steps), p.Unit, p.Steps[0], day1.Unix())
	}
	if have, want := fmt.Sprint(p.Aside), fmt.Sprint("{0 3 0 ", time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), "}"); have != want {
		t.Errorf("aside are %s, want %s", have, want)
	}
	if have, want := fmt.Sprintf("%v, %v", p.First, p.Last), fmt.Sprintf("%d, %d", day1.UnixMilli(), day1.UnixMilli()+999*86_000); have != want {
		t.Errorf("have records from and to %s, want %s", have, want)
	}
	if have, want := fmt.Sprintf("%v, %v", p.Totals.First, p.Totals.Last), fmt.Sprintf("%v, %v", p.Aside.First, p.Aside.Last); have != want {
		t.Errorf("totals are from and to %s, want %s", have, want)
	}
	base := unpack(t, p.Base, 2, 3)
	clients := unpack(t, p.Cubes["clients"].Series, 3, 1)
	for where, from := range map[string]int{"true": 0, fmt.Sprintf("epoch(starttime) BETWEEN %d AND %d", p.Steps[20], p.Steps[23]+3599): 20} {
		shown := func(_ []int, step int) bool {
			if step == len(p.Steps) {
				return from == 0
			}
			return step >= from
		}
		for sql, have := range map[string]*big.Int{"count(*)": sum(base, 0, shown), "sum(bytes)": sum(base, 1, shown), "sum(packets)": sum(base, 2, shown)} {
			if want := ask(t, db, "SELECT "+sql+" FROM aga_flow_logs WHERE "+where); have.Cmp(want) != 0 {
				t.Errorf("%s is %s, want %s, where %s", sql, have, want, where)
			}
		}
		if have, want := sum(clients, 0, shown), sum(base, 1, shown); have.Cmp(want) != 0 {
			t.Errorf("clients have %s bytes of %s, where %s", have, want, where)
		}
	}
	if have, want := fmt.Sprint(p.Slots.Days, p.Slots.Seen[0]), fmt.Sprint([]int64{day1.Unix(), 2145916800}, []int{0, 0, 0, 0, 2, 1, 0, 0, 0, 0}); have != want {
		t.Errorf("have days of files, and files, %s, want %s", have, want)
	}
	if have, want := fmt.Sprint(p.Rejects.Cells), fmt.Sprintf("[[0 0 1] [%d 0 1] [2145916800 0 1]]", day1.Unix()); have != want {
		t.Errorf("have rejected lines %s, want %s", have, want)
	}
}
