package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// number gives a number of the page.
func number(t *testing.T, v any) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(fmt.Sprint(v), 10)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return n
}

// index gives an index of the page.
func index(t *testing.T, v any) int {
	t.Helper()
	return int(number(t, v).Int64())
}

// packed is one number of a series: what it counts, and the number.
type packed struct {
	at      []int // the head's indexes
	step    int
	numbers []*big.Int
}

// unpack reads series with a head of so many indexes, then step and numbers.
func unpack(t *testing.T, series [][]any, head, numbers int) (all []packed) {
	t.Helper()
	for _, s := range series {
		var at []int
		for _, v := range s[:head] {
			at = append(at, index(t, v))
		}
		step := 0
		for i := head; i < len(s); i += numbers + 1 {
			step += index(t, s[i])
			p := packed{at: at, step: step}
			for _, v := range s[i+1 : i+1+numbers] {
				p.numbers = append(p.numbers, number(t, v))
			}
			all = append(all, p)
		}
	}
	return all
}

// sum adds up what a filter lets through, of the numbers those at measure.
func sum(all []packed, measure int, filter func(at []int, step int) bool) *big.Int {
	total := new(big.Int)
	for _, p := range all {
		if filter(p.at, p.step) {
			total.Add(total, p.numbers[measure])
		}
	}
	return total
}

// ask gives the one number that SQL answers.
func ask(t *testing.T, db *query.DB, sql string) *big.Int {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no row: %v", sql, rows.Err())
	}
	return number(t, rows.Values()[0])
}

// TestNumbersAreThoseOfSQL filters the page's data as its script does, and SQL by what the filter
// says.
func TestNumbersAreThoseOfSQL(t *testing.T) {
	l := newLake(t)
	r := rand.New(rand.NewPCG(1, 2))
	for a := range 12 {
		var lines []string
		for range 800 {
			fields := map[string]string{
				"accelerator": fmt.Sprint("a-", a), "client": fmt.Sprint("203.0.113.", r.IntN(250)), "endpoint": fmt.Sprint("10.0.0.", r.IntN(12)),
				"port": fmt.Sprint(443 + r.IntN(20)), "region": fmt.Sprint("region-", r.IntN(4)), "edge": fmt.Sprint("edge-", r.IntN(45)),
				"packets": fmt.Sprint(r.IntN(1000)), "bytes": fmt.Sprint(r.Int64N(1 << 40)), "start": fmt.Sprint(day1.Unix() + r.Int64N(86400)),
				"direction": []string{"INGRESS", "EGRESS"}[r.IntN(2)],
			}
			if r.IntN(20) == 0 {
				fields["action"], fields["reason"] = "REJECT", fmt.Sprint("reason-", r.IntN(20))
			}
			lines = append(lines, line(fields))
		}
		l.write(fmt.Sprintf("123456789012_globalaccelerator_a-%d_20260109T%02d05Z_x.log.gz", a, a), lines...)
	}
	l.convert()
	db, _ := l.open()
	p := read(t, l.html(Page{}))
	if p.Unit != hour || len(p.Accelerators) != maxAccelerators || len(p.Directions) != 2 {
		t.Fatalf("have steps of %s, %d accelerators, %d directions", p.Unit, len(p.Accelerators), len(p.Directions))
	}
	same := func(what string, have *big.Int, where string) {
		t.Helper()
		measure := "coalesce(sum(bytes), 0)"
		if strings.Contains(what, "records") {
			measure = "count(*)"
		}
		if want := ask(t, db, "SELECT "+measure+" FROM aga_flow_logs WHERE "+where); have.Cmp(want) != 0 || want.Sign() == 0 {
			t.Errorf("%s: have %s, want %s, which is not 0, where %s", what, have, want, where)
		}
	}
	all := func([]int, int) bool { return true }
	base := unpack(t, p.Base, 2, 3)
	same("records", sum(base, 0, all), "true")
	same("bytes", sum(base, 1, all), "true")
	quote := func(s *string) string { return "'" + strings.ReplaceAll(*s, "'", "''") + "'" }
	for i, a := range p.Accelerators {
		same("bytes of an accelerator", sum(base, 1, func(at []int, _ int) bool { return at[0] == i }), "acceleratorid = "+quote(a))
	}
	var named []string
	for _, a := range p.Accelerators {
		named = append(named, quote(a))
	}
	same("records of other accelerators", sum(base, 0, func(at []int, _ int) bool { return at[0] == len(p.Accelerators) }),
		"acceleratorid NOT IN ("+strings.Join(named, ",")+")")

	// An hour of a day, one accelerator, one direction, and each of its members.
	step := len(p.Steps) / 2
	filter := fmt.Sprintf("epoch(starttime) >= %d AND epoch(starttime) < %d AND acceleratorid = %s AND direction = %s",
		p.Steps[step], p.Steps[step]+3*3600, quote(p.Accelerators[0]), quote(p.Directions[1]))
	for name, column := range map[string]string{"endpoints": "endpointip", "regions": "endpointregion", "edges": "globalacceleratorregion",
		"ports": "concat(protocol, ' ', gipport)", "clients": "clientip"} {
		c := p.Cubes[name]
		series := unpack(t, c.Series, 3, 1)
		checked := 0
		for i, m := range c.Members {
			have := sum(series, 0, func(at []int, s int) bool {
				return at[0] == i && at[1] == 0 && at[2] == 1 && s >= step && s < step+3
			})
			if have.Sign() > 0 {
				checked++
				same("bytes of "+name, have, filter+" AND "+column+" = "+quote(m))
			}
		}
		if checked == 0 {
			t.Errorf("%s: no member has bytes", name)
		}
		if name != "clients" {
			same("bytes of all "+name, sum(series, 0, all), "true")
		}
	}
	refused := unpack(t, p.Cubes["refused"].Series, 3, 1)
	same("records that were refused", sum(refused, 0, all), "action = 'REJECT'")
	if have, want := number(t, p.Totals.Clients), ask(t, db, "SELECT count(DISTINCT clientip) FROM aga_flow_logs"); have.Cmp(want) != 0 {
		t.Errorf("have %s client addresses, want %s", have, want)
	}
	if p.Slots.PerDay != 288 || len(p.Slots.Days) != 1 {
		t.Fatalf("slots: have %+v", p.Slots)
	}
	for i, s := range p.Slots.Seen {
		have := 0
		for _, n := range s {
			have += n
		}
		if want := p.Slots.Accelerators[i][0]; have != want || want == 0 {
			t.Errorf("accelerator %d: saw %d files, want %d", i, have, want)
		}
	}
}

// TestTop says that the members are those with the largest sums, NULL among them.
func TestTop(t *testing.T) {
	l := newLake(t)
	l.write("AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/09/a.log.gz",
		line(map[string]string{"client": "198.51.100.1", "bytes": "1", "endpoint": "-", "edge": "-"}),
		line(map[string]string{"client": "198.51.100.2", "bytes": "9223372036854775807"}),
		line(map[string]string{"client": "198.51.100.2", "bytes": "9223372036854775807"}),
		line(map[string]string{"client": "198.51.100.3", "bytes": "7", "action": "REJECT", "reason": "BPA"}),
		line(map[string]string{"client": "198.51.100.3", "bytes": "7", "action": "REJECT", "start": "-"}),
		"no record",
	)
	l.convert()
	p := read(t, l.html(Page{}))
	if have, want := texts(p.Cubes["clients"].Members), "198.51.100.2 198.51.100.3 198.51.100.1"; have != want {
		t.Errorf("have clients %s, want %s", have, want)
	}
	if have, want := texts(p.Cubes["edges"].Members), "JFK6-2 NULL"; have != want {
		t.Errorf("have edges %s, want %s", have, want)
	}
	if have, want := texts(p.Cubes["refused"].Members), "BPA NULL"; have != want {
		t.Errorf("have reasons %s, want %s", have, want)
	}
	if have, want := fmt.Sprint(p.Totals.Bytes), "18446744073709551629"; have != want {
		t.Errorf("have %s bytes, want %s", have, want)
	}
	if have := number(t, p.Rejects.Cells[0][2]); len(p.Rejects.Cells) != 1 || have.Int64() != 1 {
		t.Errorf("have rejects %+v, want one line", p.Rejects)
	}
	if p.Slots.Unnamed == 0 || len(p.Slots.Days) != 0 {
		t.Errorf("have slots %+v, want a file without a time", p.Slots)
	}
}

func texts(members []*string) string {
	var all []string
	for _, m := range members {
		if m == nil {
			all = append(all, "NULL")
		} else {
			all = append(all, *m)
		}
	}
	return strings.Join(all, " ")
}

func TestEmpty(t *testing.T) {
	l := newLake(t)
	l.write("a.log.gz", "no record")
	l.convert()
	db, slots := l.open()
	if _, err := Collect(t.Context(), db, slots); !errors.Is(err, ErrEmpty) {
		t.Errorf("have error %v, want %v", err, ErrEmpty)
	}
}

// TestNoTime says that records without a time, which have no partition either, are counted.
func TestNoTime(t *testing.T) {
	c := cells{}
	one := sums{big.NewInt(1), big.NewInt(2), big.NewInt(3)}
	c.add(coordinates{accelerator: value{text: "a"}, direction: value{null: true}, step: aside}, one)
	c.add(coordinates{accelerator: value{text: "a"}, direction: value{null: true}, step: day1.Unix()}, one)
	a := newAxes(hour, c, []value{{text: "a"}}, []value{{null: true}})
	have, err := json.Marshal([]any{a.list(), a.base(c)})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("[[%d],[[0,0,0,1,2,3,1,1,2,3]]]", day1.Unix()); string(have) != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

// TestTextsThatSQLWouldRefuse says that no text of the lake becomes a part of a statement: DuckDB would refuse
// some.
func TestTextsThatSQLWouldRefuse(t *testing.T) {
	l := newLake(t)
	for i, s := range []string{"query('x')", "enable_logging", "';DROP", "\x00", `\`, "%"} {
		l.write(fmt.Sprint(i, ".log.gz"), line(map[string]string{"client": s, "endpoint": s, "accelerator": s, "direction": s, "edge": s, "region": s, "protocol": s}))
	}
	l.convert()
	p := read(t, l.html(Page{}))
	if have := len(p.Cubes["clients"].Members); have != 6 {
		t.Errorf("have clients %s, want 6", texts(p.Cubes["clients"].Members))
	}
}
