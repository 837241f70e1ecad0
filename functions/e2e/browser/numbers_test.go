package browser

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
)

// table is a table of the page: cells as the numbers that they show or as their texts.
type table struct {
	Head []string
	Rows [][]string
	Foot []string
}

func (b *tab) tables() map[string]table {
	b.Helper()
	return eval[map[string]table](b, `(() => {
		const cells = (row) => [...row?.cells ?? []].map(c => c.dataset.value ?? c.textContent);
		return Object.fromEntries([...document.querySelectorAll("[data-table]")].map(t => [t.dataset.table,
			{head: cells(t.tHead?.rows[0]), rows: [...t.tBodies[0]?.rows ?? []].map(cells), foot: cells(t.tFoot?.rows[0])}]));
	})()`)
}

// totals gives the numbers that head the page.
func (b *tab) totals() map[string]string {
	b.Helper()
	return eval[map[string]string](b, `Object.fromEntries(["rows", "bytes", "packets"].map(n => [n, document.querySelector('[data-total="' + n + '"]').dataset.value]))`)
}

// selection is what the page says that it shows.
type selection struct {
	From, To               *string // instants
	Accelerator, Direction *string
}

// where gives the condition of a selection in SQL; whole says that all times are shown, and with them
// the records that have none.
func (s selection) where(whole bool) string {
	conditions := []string{"true"}
	for column, value := range map[string]*string{"acceleratorid": s.Accelerator, "direction": s.Direction} {
		if value != nil {
			conditions = append(conditions, fmt.Sprintf("coalesce(%s, '(none)') = '%s'", column, *value))
		}
	}
	if !whole {
		conditions = append(conditions, fmt.Sprintf("starttime >= TIMESTAMP '%s' AND starttime < TIMESTAMP '%s'", sqlTime(*s.From), sqlTime(*s.To)))
	}
	return strings.Join(conditions, " AND ")
}

func sqlTime(instant string) string {
	return strings.NewReplacer("T", " ", "Z", "").Replace(instant)
}

// selection gives what the page shows, which must be what the filter says.
func (b *tab) selection(filter map[string]string) selection {
	b.Helper()
	s := eval[selection](b, "window.flowlake.state")
	for id, of := range map[string]*string{"accelerator": s.Accelerator, "direction": s.Direction} {
		if (of == nil) != (filter[id] == "") {
			b.Errorf("%v: the page's %s is %v", filter, id, of)
		}
	}
	if from, set := filter["from"]; set {
		hour, _ := strconv.Atoi(from)
		start := eval[string](b, `document.getElementById("from").selectedOptions[0].textContent`)
		if !strings.HasPrefix(strings.Replace(*s.From, "T", " ", 1), start) || eval[int](b, `document.getElementById("from").selectedIndex`) != hour {
			b.Errorf("%v: the page shows from %s, its filter says %s", filter, *s.From, start)
		}
	}
	return s
}

// checkNumbers says that the page's numbers are those of flowlake query.
func (b *tab) checkNumbers(lake string, s selection) {
	b.Helper()
	whole := eval[bool](b, `document.getElementById("from").selectedIndex === 0 && document.getElementById("to").selectedIndex === document.getElementById("to").options.length - 1`)
	sql := "WITH f AS (SELECT * FROM aga_flow_logs WHERE " + s.where(whole) + "), g AS (" + `
		SELECT 'total' AS chart, '' AS member, '' AS step, count(*) AS rows, sum(bytes) AS bytes, sum(packets) AS packets FROM f`
	for chart, expr := range map[string]string{
		"clients": "clientip", "edges": "globalacceleratorregion", "regions": "endpointregion", "ports": "coalesce(protocol, '-') || ' ' || coalesce(CAST(gipport AS VARCHAR), '-')",
	} {
		sql += fmt.Sprintf("\nUNION ALL SELECT '%s', coalesce(%s, '(none)'), '', count(*), sum(bytes), sum(packets) FROM f GROUP BY 2", chart, expr)
	}
	sql += "\nUNION ALL SELECT 'refused', coalesce(rejectreason, '(none)'), '', count(*), sum(bytes), sum(packets) FROM f WHERE action = 'REJECT' GROUP BY 2"
	for chart, expr := range map[string]string{"endpoints": "endpointip", "directions": "direction"} {
		sql += fmt.Sprintf("\nUNION ALL SELECT '%s', coalesce(%s, '(none)'), strftime(starttime, '%%Y-%%m-%%d %%H:00'), count(*), sum(bytes), sum(packets) FROM f WHERE starttime IS NOT NULL GROUP BY 2, 3", chart, expr)
	}
	want := map[string]map[string]*big.Int{}
	for _, r := range ask(b.T, lake, sql+") SELECT chart, member, step, rows, coalesce(bytes, 0) AS bytes, coalesce(packets, 0) AS packets FROM g") {
		chart := r["chart"].(string)
		if want[chart] == nil {
			want[chart] = map[string]*big.Int{}
		}
		measure := "bytes"
		if chart == "refused" {
			measure = "rows"
		}
		want[chart][r["member"].(string)+"|"+r["step"].(string)] = number(b.T, fmt.Sprint(r[measure]))
		if chart == "total" {
			for name, text := range b.totals() {
				if sql := fmt.Sprint(r[name]); text != sql {
					b.Errorf("%+v: %s are %s, and %s by SQL", s, name, text, sql)
				}
			}
		}
	}
	tables := b.tables()
	for _, chart := range []string{"clients", "edges", "regions", "ports", "refused"} {
		b.checkBars(chart, tables[chart], want[chart])
	}
	for _, chart := range []string{"endpoints", "directions"} {
		b.checkLines(chart, tables[chart], want[chart])
	}
}

// checkBars says that a table's members have the sums of SQL, the largest first, and that all others
// are what remains.
func (b *tab) checkBars(chart string, got table, want map[string]*big.Int) {
	b.Helper()
	rest, largest := new(big.Int), new(big.Int)
	for _, n := range want {
		rest.Add(rest, n)
		if n.Cmp(largest) > 0 {
			largest = n
		}
	}
	if got.Foot[1] != rest.String() || largest.Sign() > 0 && (len(got.Rows) == 0 || got.Rows[0][1] != largest.String()) {
		b.Errorf("%s: want %s first, and %s in all, have %q", chart, largest, rest, got)
	}
	for i, r := range got.Rows {
		label, n := r[0], number(b.T, r[1])
		if label == "others" && i == len(got.Rows)-1 {
			if n.Cmp(rest) != 0 {
				b.Errorf("%s: others are %s, want %s", chart, n, rest)
			}
			return
		}
		if sql := want[label+"|"]; sql == nil || sql.Cmp(n) != 0 {
			b.Errorf("%s: %s is %s, and %v by SQL", chart, label, n, sql)
		}
		rest.Sub(rest, n)
	}
	if rest.Sign() != 0 {
		b.Errorf("%s: %s are in no row", chart, rest)
	}
}

// checkLines says that a table's numbers are those of SQL at every step.
func (b *tab) checkLines(chart string, got table, want map[string]*big.Int) {
	b.Helper()
	rest := new(big.Int)
	for _, n := range want {
		rest.Add(rest, n)
	}
	for _, r := range got.Rows {
		if _, err := time.Parse("2006-01-02 15:04", r[0]); err != nil {
			b.Fatalf("%s: step %q", chart, r[0])
		}
		for i, label := range got.Head[1 : len(got.Head)-1] {
			n := number(b.T, r[i+1])
			rest.Sub(rest, n)
			if label == "others" {
				continue
			}
			if sql := want[label+"|"+r[0]]; sql == nil && n.Sign() != 0 || sql != nil && sql.Cmp(n) != 0 {
				b.Errorf("%s: %s at %s is %s, and %v by SQL", chart, label, r[0], n, sql)
			}
		}
	}
	if len(got.Rows) == 0 || rest.Sign() != 0 {
		b.Errorf("%s: %d rows, from which %s are missing", chart, len(got.Rows), rest)
	}
}

func number(t *testing.T, digits string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		t.Fatalf("%q is no number", digits)
	}
	return n
}
