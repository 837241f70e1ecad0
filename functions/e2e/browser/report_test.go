package browser

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// pictures are the charts of the page, as their data-chart has them.
var pictures = []string{"clients", "endpoints", "directions", "edges", "regions", "ports", "refused", "rejects", "completeness", "lag"}

// testReport opens the page that flowlake report makes of a synthetic day.
func testReport(t *testing.T, browser context.Context, lake string) {
	page := filepath.Join(t.TempDir(), "report.html")
	late := writeLate(t, lake)
	flowlake(t, done, "report", "--lake", lake, "--out", page)
	url := "file://" + filepath.ToSlash(page)

	t.Run("every chart has marks, light, dark and narrow", func(t *testing.T) {
		b := open(t, browser)
		for _, look := range []struct {
			name, scheme string
			width        int64
		}{{"light", "light", 1200}, {"dark", "dark", 1200}, {"narrow", "light", 400}} {
			b.look(look.width, look.scheme)
			b.openPage(url)
			for name, marks := range b.checkMarks(look.name) {
				if marks == 0 {
					t.Errorf("%s: %s has no marks", look.name, name)
				}
			}
			b.screenshot("report-" + look.name)
			if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth"); wide {
				t.Errorf("%s: the page is wider than its window", look.name)
			}
		}
		b.quiet(url)
	})

	t.Run("the filter changes the numbers to those of SQL", func(t *testing.T) {
		b := open(t, browser)
		b.look(1200, "light")
		b.openPage(url)
		accelerator := eval[string](b, `document.getElementById("accelerator").options[2].value`)
		seen := map[string]bool{}
		for _, filter := range []map[string]string{
			{},
			{"accelerator": accelerator},
			{"direction": eval[string](b, `document.getElementById("direction").options[1].value`)},
			{"from": "5", "to": "14"},
			{"accelerator": accelerator, "direction": eval[string](b, `document.getElementById("direction").options[2].value`), "from": "9", "to": "9"},
		} {
			eval[any](b, `document.getElementById("reset").click()`)
			for _, id := range slices.Sorted(maps.Keys(filter)) {
				b.filter(id, filter[id])
			}
			s := b.selection(filter)
			b.checkNumbers(lake, s)
			tables := b.tables()
			checkLag(t, tables["lag"], late, s.Accelerator)
			checkCompleteness(t, tables["completeness"], late, s.Accelerator)
			for name, marks := range b.checkMarks(fmt.Sprint(filter)) {
				if (marks == 0) != (len(tables[name].Rows) == 0) {
					t.Errorf("%v: %s has %d marks, and %d rows in its table", filter, name, marks, len(tables[name].Rows))
				}
			}
			if total := fmt.Sprint(b.totals()); seen[total] {
				t.Errorf("%v: the totals %s are those of another filter", filter, total)
			} else {
				seen[total] = true
			}
		}
		b.quiet(url)
	})
}

// testStrays opens the page of a day to which two records of other years came.
func testStrays(t *testing.T, browser context.Context) {
	dir := t.TempDir()
	logs, lake, page := filepath.Join(dir, "logs"), filepath.Join(dir, "lake"), filepath.Join(dir, "report.html")
	flowlake(t, done, "synth", "--out", logs, "--day", "2026-01-09", "--records", "2000", "--seed", "1")
	record := func(start string) string {
		return "2.0 123456789012 a 203.0.113.1 1 192.0.2.1 443 198.51.100.1 80 TCP IPV4 10 1000 " + start + " " + start + " ACCEPT OK 192.0.2.2 1 us-east-1 JFK6-2 INGRESS vpc-1 -"
	}
	writeLog(t, filepath.Join(logs, "wild.log.gz"), record("0"), record("2145916800"))
	flowlake(t, done, "replay", logs, "--lake", lake)
	flowlake(t, done, "report", "--lake", lake, "--out", page)
	b := open(t, browser)
	b.look(1200, "light")
	url := "file://" + filepath.ToSlash(page)
	b.openPage(url)
	if text := eval[string](b, `document.getElementById("range").textContent`); !strings.HasPrefix(text, "2026-01-0") || !strings.Contains(text, ", by hour. ") {
		t.Errorf("the page is of %s", text)
	}
	if text := eval[string](b, `document.getElementById("totals-note").textContent`); !strings.Contains(text, " 2 records far from all others in time (1970-01-01 00:00:00 UTC to 2038-01-01 00:00:00 UTC): ") {
		t.Errorf("the page says of them: %s", text)
	}
	want := ask(t, lake, "SELECT count(*) AS rows, sum(bytes) AS bytes, sum(packets) AS packets FROM aga_flow_logs")[0]
	for name, text := range b.totals() {
		if text != fmt.Sprint(want[name]) {
			t.Errorf("%s are %s, want %s", name, text, want[name])
		}
	}
	from := eval[string](b, `(() => { const s = document.getElementById("from"); s.selectedIndex = s.options.length - 5; s.dispatchEvent(new Event("change", {bubbles: true})); return s.value; })()`)
	b.checkNumbers(lake, b.selection(map[string]string{"from": from}))
	b.quiet(url)
}

// testHostileTexts opens the page of a lake whose texts would be markup.
func testHostileTexts(t *testing.T, browser context.Context) {
	dir := t.TempDir()
	const (
		markup = `<img/src=x/onerror="window.owned=1">`
		script = `</script><script>window.owned=2</script>`
		quotes = `"'>` + "`${window.owned=3}&lt;\\u003cb\\u003e--></textarea>"
		hidden = "a\u202eb\u2028c\u00a0d"
		shown  = `a\u202eb\u2028c\u00a0d`
	)
	record := func(accelerator, client, endpoint, protocol, reason, region, edge, direction string) string {
		return strings.Join([]string{"2.0", "123456789012", accelerator, client, "1", "192.0.2.1", "443", endpoint, "80", protocol, "IPV4", "10", "1000", "1767960000", "1767960010", "REJECT", "OK",
			"198.51.100.1", "1", region, edge, direction, "vpc-1", reason}, " ")
	}
	writeLog(t, filepath.Join(dir, "logs", "hostile.log.gz"),
		record(script, markup, quotes, markup, script, quotes, markup, script),
		record(quotes, script, markup, quotes, markup, script, quotes, markup),
		record(hidden, quotes, script, script, quotes, markup, script, quotes),
		record(markup, hidden, hidden, hidden, hidden, hidden, hidden, hidden),
		strings.Replace(record("a", "b", "c", "d", "e", "f", "g", "h"), " 1000 ", " "+markup+" ", 1),
	)
	lake, page := filepath.Join(dir, "lake"), filepath.Join(dir, "report.html")
	const rejects = 3
	flowlake(t, rejects, "replay", filepath.Join(dir, "logs"), "--lake", lake)
	flowlake(t, done, "report", "--lake", lake, "--out", page, "--title", markup)

	b := open(t, browser)
	b.look(1200, "light")
	url := "file://" + filepath.ToSlash(page)
	b.openPage(url)
	tables := b.tables()
	for _, chart := range []string{"clients", "endpoints", "edges", "regions", "refused", "directions"} {
		texts := slices.Concat(tables[chart].Head, slices.Concat(tables[chart].Rows...))
		for _, text := range []string{markup, script, quotes, shown} {
			if !slices.Contains(texts, text) {
				t.Errorf("%s: %q is not among %q", chart, text, texts)
			}
		}
	}
	if rows := tables["rejects"].Rows; len(rows) != 1 || !strings.Contains(rows[0][0], strconv.Quote(markup)) && !strings.Contains(rows[0][0], markup) {
		t.Errorf("rejects: %q", rows)
	}
	options := eval[[]string](b, `[...document.getElementById("accelerator").options].map(o => o.textContent)`)
	for _, text := range []string{markup, script, quotes, shown} {
		if !slices.Contains(options, text) {
			t.Errorf("accelerators: %q is not among %q", text, options)
		}
	}
	if title := eval[string](b, "document.title"); title != markup {
		t.Errorf("title is %q", title)
	}
	// A pointer on a bar brings its text up in an element of its own.
	box := eval[[]float64](b, `(() => { const c = document.querySelector('[data-chart="clients"]'); c.scrollIntoView();
		const r = c.getBoundingClientRect(); return [r.left + r.width * 0.6, r.top + 4 + (r.height - 28) / 8]; })()`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, box[0], box[1]))
	b.wait(`document.querySelector(".tip")`)
	if tip := eval[string](b, `document.querySelector(".tip").textContent`); !strings.Contains(tip, markup) && !strings.Contains(tip, script) && !strings.Contains(tip, quotes) && !strings.Contains(tip, shown) {
		t.Errorf("the tip says %q", tip)
	}
	if n := eval[int](b, `document.querySelectorAll("img, textarea, body b, [onerror], [onload]").length + document.scripts.length`); n != 3 {
		t.Errorf("have %d elements of texts and scripts, want the page's own 3 scripts", n)
	}
	if eval[bool](b, "window.owned !== undefined") {
		t.Error("a text was run")
	}
	b.quiet(url)
}

// openPage opens the report's page and waits until it is drawn.
func (b *tab) openPage(url string) {
	b.Helper()
	b.do(chromedp.Navigate(url))
	b.wait(`document.documentElement.dataset.ready === "true"`)
	names := eval[[]string](b, `[...document.querySelectorAll("[data-chart]")].map(e => e.dataset.chart)`)
	if !slices.Equal(names, pictures) {
		b.Fatalf("the page has %q, want %q", names, pictures)
	}
}

// filter chooses a value of one of the page's filters.
func (b *tab) filter(id, value string) {
	b.Helper()
	eval[any](b, `(() => { const s = document.getElementById(%s); s.value = %s; s.dispatchEvent(new Event("change", {bubbles: true})); })()`, id, value)
}

// checkMarks says that so much can be seen in each chart as it says that it draws, and gives the numbers
// of marks: bars, parts of them or points of lines.
func (b *tab) checkMarks(when string) map[string]int {
	b.Helper()
	type drawing struct{ Marks, Shapes, Lines, Texts int }
	drawn := eval[map[string]drawing](b, `Object.fromEntries([...document.querySelectorAll("[data-chart]")].map(e => {
		const seen = (tags, of) => [...e.querySelectorAll(tags)].filter(p => {
			const r = p.getBoundingClientRect(), color = getComputedStyle(p)[of];
			return r.width + r.height > 0 && color !== "none" && color !== "rgba(0, 0, 0, 0)";
		}).length;
		return [e.dataset.chart, {marks: e.hidden ? 0 : Number(e.dataset.marks), shapes: seen("svg path, svg rect", "fill"), lines: seen("svg path, svg polyline", "stroke"), texts: seen("svg text", "fill")}];
	}))`)
	marks := map[string]int{}
	for name, d := range drawn {
		marks[name] = d.Marks
		wanted := d.Shapes >= d.Marks
		if name == "endpoints" || name == "directions" {
			wanted = d.Lines > 0
		}
		if d.Marks > 0 && (!wanted || d.Texts == 0) {
			b.Errorf("%s: %s draws %+v", when, name, d)
		}
	}
	return marks
}
