package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// testServe opens what flowlake serve serves.
func testServe(t *testing.T, browser context.Context, lake string) {
	url := startServe(t, "--lake", lake, "--max-rows", "40")
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")

	t.Run("the page is that of report, and leads to the panel", func(t *testing.T) {
		made(t, url+"/")
		b := open(t, browser)
		b.look(1200, "light")
		b.openPage(url + "/")
		b.checkNumbers(lake, b.selection(nil))
		b.do(chromedp.Click(`nav a[href="/query"]`))
		b.wait(`document.title === "Ask the lake · flowlake" && document.readyState === "complete"`)
		b.do(chromedp.Click(`nav a[href="/"]`))
		b.wait(`document.documentElement.dataset.ready === "true"`)
		b.screenshot("serve")
		b.quiet(url + "/")
	})

	t.Run("the panel answers as the command line does", func(t *testing.T) {
		b := open(t, browser)
		b.look(1200, "light")
		b.do(chromedp.Navigate(url + "/query"))
		b.wait(`document.querySelectorAll("#name option").length > 4`)
		for _, name := range []string{"top-talkers-by-egress-bytes", "traffic-by-edge-location"} {
			want := ask(t, lake, name)
			got := b.runNamed(name)
			if n := min(len(want), 40); len(got) != n || n == 0 {
				t.Fatalf("%s: the panel shows %d rows of %d", name, len(got), len(want))
			}
			b.shows(want[:len(got)])
		}
		b.screenshot("query-light")
		b.look(1200, "dark")
		b.screenshot("query-dark")
		b.look(400, "light")
		b.screenshot("query-narrow")
		if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth"); wide {
			t.Error("the narrow panel is wider than its window")
		}
		b.quiet(url + "/")
	})

	t.Run("the panel runs the SQL that it shows", func(t *testing.T) {
		b := open(t, browser)
		b.do(chromedp.Navigate(url + "/query"))
		b.wait(`document.querySelectorAll("#name option").length > 4`)
		const name = "top-talkers-of-an-hour"
		b.choose(name)
		b.setParam("hour", "2026-01-09T05")
		b.setParam("limit", "7")
		b.wait(`document.getElementById("sql").value.includes("LIMIT /* :limit */ 7;")`)
		shown := eval[string](b, `document.getElementById("sql").value`)
		if strings.Count(shown, "/* :hour */ '2026-01-09 05'") != 5 {
			t.Errorf("shows the SQL\n%s", shown)
		}
		b.press()
		all := ask(t, lake, name, "--param", "hour=2026-01-09T05", "--param", "limit=7")
		if len(all) != 7 {
			t.Fatalf("the hour has %d clients", len(all))
		}
		b.shows(all)
		b.shows(ask(t, lake, shown))
		b.screenshot("query-parameters")
		b.quiet(url + "/")

		b.setParam("hour", "yesterday")
		b.wait(`!document.getElementById("error").hidden`)
		for range 2 { // at once, and when it is to run
			if e := eval[string](b, `document.getElementById("error").textContent`); !strings.HasPrefix(e, `hour: want an hour such as 2026-01-09T13, have "yesterday"`) {
				t.Errorf("error is %q", e)
			}
			b.press()
			if rows := b.shown(); len(rows) > 0 {
				t.Errorf("shows %v", rows)
			}
		}
		b.setParam("hour", "2026-01-09T05")
		b.wait(`document.getElementById("error").hidden`)

		// Back over the line feed and the semicolon, and on.
		b.do(chromedp.SendKeys("#sql", kb.End+kb.Backspace+kb.Backspace+" OFFSET 2"))
		edited := eval[string](b, `document.getElementById("sql").value`)
		if want := strings.TrimSuffix(shown, ";\n") + " OFFSET 2"; edited != want {
			t.Fatalf("edited, it is\n%s\nwant\n%s", edited, want)
		}
		if left := eval[string](b, `document.getElementById("name").value + document.getElementById("params").textContent`); left != "" {
			t.Errorf("edited SQL has %q", left)
		}
		b.press()
		want := ask(t, lake, edited)
		if len(want) != 7 || !reflect.DeepEqual(want[:5], all[2:]) {
			t.Errorf("the edited SQL gives %v, want from the third on of %v", want, all)
		}
		b.shows(want)
	})

	t.Run("a page that is being made says so, and then is there", func(t *testing.T) {
		hasty := startServe(t, "--lake", lake, "--timeout", "1ns") // which nobody waits longer for
		b := open(t, browser)
		b.do(chromedp.Navigate(hasty + "/"))
		if title := eval[string](b, "document.title"); title != "The page is being made" {
			t.Fatalf("title is %q", title)
		}
		b.screenshot("making")
		b.wait(`document.documentElement.dataset.ready === "true"`)
		b.checkNumbers(lake, b.selection(nil))
	})

	t.Run("the panel shows texts as they are, and errors", func(t *testing.T) {
		b := open(t, browser)
		b.do(chromedp.Navigate(url + "/query"))
		b.wait(`document.querySelectorAll("#name option").length > 4`)
		const hostile = `<img src=x onerror="document.title='owned'"></script><b>&amp;"`
		b.runSQL(fmt.Sprintf(`SELECT '%s' AS "%s"`, strings.ReplaceAll(hostile, "'", "''"), strings.ReplaceAll(hostile, `"`, `""`)))
		want := []map[string]string{{hostile: hostile}}
		if got := b.shown(); !reflect.DeepEqual(got, want) {
			t.Errorf("shows %q, want %q", got, want)
		}
		if n := eval[int](b, `document.querySelectorAll("#result img, #result b").length`); n > 0 {
			t.Errorf("%d elements came of a text", n)
		}
		b.runSQL("FROM range(41)")
		if status := eval[string](b, `document.getElementById("status").textContent`); !strings.HasPrefix(status, "The first 40 rows; there are more, in ") {
			t.Errorf("status of a long answer: %s", status)
		}
		b.runSQL("SELECT 9007199254740993 AS n, NULL AS nothing")
		if got := b.shown(); !reflect.DeepEqual(got, []map[string]string{{"n": "9007199254740993", "nothing": "NULL"}}) {
			t.Errorf("shows %q", got)
		}
		b.quiet(url + "/")
		b.runSQL(`SELECT "<b>x" FROM range(1)`)
		if e := eval[string](b, `document.getElementById("error").textContent`); !strings.Contains(e, "<b>x") {
			t.Errorf("error is %q", e)
		}
		if title := eval[string](b, "document.title"); title != "Ask the lake · flowlake" {
			t.Errorf("title is %q", title)
		}
	})

	t.Run("other names and other pages are refused", func(t *testing.T) {
		b := open(t, browser)
		for _, path := range []string{"/", "/query", "/api/queries"} {
			b.do(chromedp.Navigate("http://" + stranger + ":" + port + path))
			if text := eval[string](b, "document.body.textContent"); !strings.Contains(text, "host: want one of 127.0.0.1:"+port) {
				t.Errorf("by the name of a stranger, %s shows %.200s", path, text)
			}
		}
		seen := make(chan string, 10)
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- r.URL.Path
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>elsewhere</title>")
		}))
		defer other.Close()
		_, otherPort, _ := strings.Cut(strings.TrimPrefix(other.URL, "http://"), ":")
		for _, from := range []string{other.URL, "http://localhost:" + otherPort, "http://" + stranger + ":" + otherPort} {
			b.do(chromedp.Navigate(from))
			if title := eval[string](b, "document.title"); title != "elsewhere" {
				t.Fatalf("%s is %q", from, title)
			}
			for _, attempt := range []string{
				`fetch(%[1]s + "/api/queries").then(r => r.text())`,
				`fetch(%[1]s + "/api/query", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"sql":"SELECT 1"}'}).then(r => r.text())`,
				`fetch(%[1]s + "/api/query", {method: "POST", mode: "no-cors", body: '{"sql":"SELECT 1"}'}).then(r => r.text())`,
				`new Promise((yes, no) => { const s = document.createElement("script"); s.src = %[1]s + "/query.js"; s.onload = () => yes("loaded"); s.onerror = no; document.head.append(s); })`,
			} {
				got := eval[string](b, attempt+`.then(text => "read " + text, () => "refused")`, url)
				if got != "refused" {
					t.Errorf("from %s, %s: %s", from, attempt, got)
				}
			}
		}
	})
}

// made waits until a server has the page, for which it makes others wait a few seconds at most.
func made(t *testing.T, url string) {
	t.Helper()
	const limit = time.Minute
	for began := time.Now(); ; {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return
		}
		if r.StatusCode != http.StatusServiceUnavailable || time.Since(began) > limit {
			t.Fatalf("%s after %s: %s", url, time.Since(began), r.Status)
		}
	}
}

// textsOf gives a row as the panel shows it.
func textsOf(row map[string]any) map[string]string {
	texts := map[string]string{}
	for name, v := range row {
		texts[name] = fmt.Sprint(v)
		if v == nil {
			texts[name] = "NULL"
		}
	}
	return texts
}

// choose chooses a named query in the panel.
func (b *tab) choose(name string) {
	b.Helper()
	eval[any](b, `(() => { const s = document.getElementById("name"); s.value = %s; s.dispatchEvent(new Event("change", {bubbles: true})); })()`, name)
	if got := eval[string](b, `document.getElementById("name").value`); got != name {
		b.Fatalf("%s is not among the names", name)
	}
}

// setParam puts a value of a parameter over what was there, and leaves its field.
func (b *tab) setParam(name, value string) {
	b.Helper()
	field := `#params input[name="` + name + `"]`
	eval[any](b, `document.querySelector(%s).select()`, field)
	b.do(call(input.InsertText, input.InsertTextParams{Text: value}), chromedp.Blur(field))
}

// shows says that the panel's table has those rows of the command line.
func (b *tab) shows(want []map[string]any) {
	b.Helper()
	got := b.shown()
	if len(got) != len(want) {
		b.Errorf("the panel shows %d rows, want %d", len(got), len(want))
	}
	for i, row := range got[:min(len(got), len(want))] {
		if !reflect.DeepEqual(row, textsOf(want[i])) {
			b.Errorf("row %d is %v, want %v", i, row, textsOf(want[i]))
		}
	}
}

// runNamed runs a named query in the panel and gives the rows that it then shows.
func (b *tab) runNamed(name string) []map[string]string {
	b.Helper()
	b.choose(name)
	b.press()
	return b.shown()
}

// runSQL runs SQL in the panel, typed over what was there.
func (b *tab) runSQL(sql string) {
	b.Helper()
	eval[any](b, `document.getElementById("sql").select()`)
	b.do(chromedp.SendKeys("#sql", sql))
	b.press()
}

// press presses the button and waits for the answer.
func (b *tab) press() {
	b.Helper()
	b.do(chromedp.Click("#run"))
	b.wait(`!document.getElementById("run").disabled && document.getElementById("status").textContent !== "Running"`)
}

// shown gives the rows of the panel's table by the names of their columns.
func (b *tab) shown() []map[string]string {
	b.Helper()
	return eval[[]map[string]string](b, `(() => {
		const result = document.getElementById("result");
		if (result.hidden) return [];
		const names = [...result.querySelectorAll("th")].map(th => th.textContent);
		return [...result.querySelectorAll("tbody tr")].map(tr => Object.fromEntries([...tr.cells].map((td, i) => [names[i], td.textContent])));
	})()`)
}
