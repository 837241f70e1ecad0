package main

import (
	"strings"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
		text   string
	}{
		{[]float64{2}, spread{2, 2, 2}, "2.00"},
		{[]float64{3, 1, 2}, spread{1, 2, 3}, "2.00 (1.00 to 3.00)"},
		{[]float64{4, 1, 3, 2}, spread{1, 2.5, 4}, "2.50 (1.00 to 4.00)"},
		{[]float64{0.501, 0.5, 0.502}, spread{0.5, 0.501, 0.502}, "0.50"},
	} {
		got := spreadOf(c.values)
		if got != c.want || got.text(2) != c.text {
			t.Errorf("spread of %v: %+v %q, want %+v %q", c.values, got, got.text(2), c.want, c.text)
		}
	}
}

// The machine runs at half its speed in the second round, and at a quarter in the third.
func TestRatiosAreTakenWithinRounds(t *testing.T) {
	m := &measured{in: input{size: 100, text: 1000, records: 10}, contenders: []contender{{who: ours, out: "a"}, {who: duckDB, out: "b"}}}
	for i, ratio := range []float64{0.3, 0.25, 0.2} {
		seconds := float64(int(1) << i)
		m.rounds = append(m.rounds, map[who]figures{
			ours:   {wall: time.Duration(ratio * seconds * 1e9), cpu: time.Second, out: 40, peak: 5 << 20},
			duckDB: {wall: time.Duration(seconds * 1e9), cpu: 2 * time.Second, out: 80, peak: 9 << 20},
		})
	}
	m.reads = []reads{{duckDB, map[string]int64{topTalkers: 1000, hotAddress: 0}}, {ours, map[string]int64{topTalkers: 250, hotAddress: 10}}}
	var b strings.Builder
	m.writeRatios(&b)
	want := `| ours to the peer's | |
|---|---|
| wall to DuckDB, 2 threads | 0.25 (0.20 to 0.30) |
| CPU to DuckDB, 2 threads | 0.50 |
| output to gzip input | 0.40 |
| output to DuckDB's | 0.50 |
| peak memory, default settings, MiB | 5 |
| bytes read for top talkers to DuckDB's file, flowlake | 0.25 |

`
	if b.String() != want {
		t.Errorf("ratios:\n%s\nwant:\n%s", b.String(), want)
	}
}
