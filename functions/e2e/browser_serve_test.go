package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// testServe opens what flowlake serve serves.
func testServe(t *testing.T, browser context.Context, lake string) {
	url := startServe(t, "--lake", lake, "--max-rows", "40")
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")

	t.Run("the page is that of report, and leads to the panel", func(t *testing.T) {
		b := open(t, browser)
		b.look(1200, "light")
		b.openPage(url + "/")
		b.checkNumbers(lake, b.selection(nil))
		b.do(chromedp.Click(`nav a[href="/query"]`))
		b.wait(`document.title === "Ask the lake · flowlake"`)
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
			for i, row := range got {
				if !reflect.DeepEqual(row, textsOf(want[i])) {
					t.Errorf("%s: row %d is %v, want %v", name, i, row, textsOf(want[i]))
				}
			}
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
		b.runSQL(`COPY (SELECT 1) TO '<b>x'`)
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

// runNamed runs a named query in the panel and gives the rows that it then shows.
func (b *tab) runNamed(name string) []map[string]string {
	b.Helper()
	eval[any](b, `(() => { const s = document.getElementById("name"); s.value = %s; s.dispatchEvent(new Event("change", {bubbles: true})); })()`, name)
	if got := eval[string](b, `document.getElementById("name").value`); got != name {
		b.Fatalf("%s is not among the names", name)
	}
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
