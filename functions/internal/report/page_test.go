package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/schema"
)

// maxPage is the size that no page has, in bytes.
const maxPage = 3_000_000

// TestLibrary says that the chart library is the file that its makers published.
func TestLibrary(t *testing.T) {
	sum := sha256.Sum256([]byte(text("echarts/echarts.common.min.js")))
	if have := hex.EncodeToString(sum[:]); !strings.Contains(text("echarts/README.md"), "`"+have+"`") {
		t.Errorf("have SHA-256 %s, want the one in the README", have)
	}
	for _, name := range scripts {
		if s := text("assets/" + name); strings.Contains(s, "innerHTML") || strings.Contains(s, "insertAdjacentHTML") || strings.Contains(s, "document.write") {
			t.Errorf("%s makes HTML of texts", name)
		}
	}
}

var hostile = []string{
	`<script>alert(1)</script>`, `</script><script>alert(1)</script>`, `"><img/src=x/onerror=alert(1)>`, `'"&lt;`, `<!--`,
	"a\u2028b\u2029c", "bell\x07nul\x00esc\x1b[31m", "\u202eevil", `{{.Data}}`, `{a|b}`, "__proto__", strings.Repeat("x", 300),
}

// hostileLake is a lake with hostile texts in every column that is one.
func hostileLake(t *testing.T) *testLake {
	l := newLake(t)
	for i, s := range hostile {
		l.write(fmt.Sprintf("%d.log.gz", i),
			line(map[string]string{"accelerator": s, "client": s, "endpoint": s, "protocol": s, "region": s, "edge": s, "direction": s, "action": "REJECT", "reason": s}),
			s)
	}
	l.convert()
	return l
}

// TestHostileTexts says that texts of the lake, and the title, are never taken for HTML or script.
func TestHostileTexts(t *testing.T) {
	title := `</title></script><script>alert("title")</script>` + "\u202e"
	page := hostileLake(t).html(Page{Title: title})
	if n := strings.Count(page, "alert("); n == 0 {
		t.Error("the page has lost the texts")
	}
	// What a browser sees of elements: as many as in a page of harmless texts.
	l := newLake(t)
	l.write("a.log.gz", line(nil))
	l.convert()
	harmless := l.html(Page{})
	for _, tag := range []string{"<script", "</script", "<!--", "<img", "<style", "<title", "</title"} {
		if have, want := strings.Count(page, tag), strings.Count(harmless, tag); have != want {
			t.Errorf("have %s %d times, want %d", tag, have, want)
		}
	}
	if strings.ContainsAny(page[:strings.Index(page, "<script>\n")], "\x00\x07\x1b\u2028\u2029\u202e") {
		t.Error("the page has characters that do not print")
	}
	p := read(t, page)
	members := texts(p.Cubes["clients"].Members)
	for _, s := range hostile {
		if len(s) <= maxName && !strings.Contains(members, visible(s)) {
			t.Errorf("have clients %s, want %s among them", members, visible(s))
		}
	}
	if have, want := visible("bell\x07 \u2028\U000e0001é\u202e"), `bell\u0007 \u2028\U000e0001é\u202e`; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

var (
	reference = regexp.MustCompile(`(?i)(?:\b(?:src|href|action|poster|srcset)\s*=\s*["']?|url\(\s*["']?|@import\s+["']?)\s*(?:[a-z]+:)?//`)
	policyOf  = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)
	script    = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	styleOf   = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// TestOffline says that the page refers to nothing else, and that its policy allows its own scripts
// and style and nothing more.
func TestOffline(t *testing.T) {
	l := newLake(t)
	for i := range 20 {
		l.write(fmt.Sprint(i, ".log.gz"), line(map[string]string{"client": fmt.Sprint("203.0.113.", i), "edge": fmt.Sprint("JFK", i%7)}))
	}
	l.convert()
	page := l.html(Page{})
	if m := reference.FindString(page); m != "" {
		t.Errorf("the page refers to %s", m)
	}
	if again := l.html(Page{}); again != page {
		t.Error("the same lake gives another page")
	}
	m := policyOf.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page has no policy")
	}
	have := html.UnescapeString(m[1])
	var hashes []string
	for _, s := range script.FindAllStringSubmatch(page, -1) {
		hashes = append(hashes, hash(s[1]))
	}
	if len(hashes) != 2 {
		t.Fatalf("the page has %d scripts, want 2", len(hashes))
	}
	want := "default-src 'none'; base-uri 'none'; form-action 'none'; connect-src 'none'; img-src data:; style-src-attr 'unsafe-inline'; style-src " +
		hash(styleOf.FindStringSubmatch(page)[1]) + "; script-src " + strings.Join(hashes, " ")
	if have != want {
		t.Errorf("have policy\n%s, want\n%s", have, want)
	}
	for _, c := range Charts() {
		for _, hook := range []string{"data-chart", "data-table"} {
			if n := strings.Count(page, fmt.Sprintf(`%s="%s"`, hook, c.Name)); n != 1 {
				t.Errorf("have %s of %s %d times, want once", hook, c.Name, n)
			}
		}
	}
}

// TestKeepsWhatItPromises says that each picture tells apart what it says it does, though every cell is
// there: two weeks of hours become days then.
func TestKeepsWhatItPromises(t *testing.T) {
	dimensions := append(append(scans()[0].dimensions, scans()[1].dimensions...), clients())
	for accelerators, want := range map[int]unit{1: hour, maxAccelerators: day} {
		c := &collector{table: schema.GlobalAccelerator(), unit: hour, cubes: map[string]cells{}, clientCount: big.NewInt(1)}
		one := sums{big.NewInt(1), big.NewInt(1), big.NewInt(1)}
		for _, d := range dimensions {
			all := cells{}
			for step := range int64(5 * 24) {
				for a := range accelerators {
					for m := range d.least + 2 {
						all.add(coordinates{value{text: fmt.Sprint(m)}, value{text: fmt.Sprint(a)}, value{text: fmt.Sprint(m % 2)}, step * 3600}, one)
					}
				}
			}
			c.cubes[d.name] = all
		}
		p := c.put(NewSlots(0, 0, 0))
		if p.Unit != want {
			t.Errorf("%d accelerators: steps of a %s, want a %s", accelerators, p.Unit, want)
		}
		for _, d := range dimensions {
			if n := len(p.Cubes[d.name].Members); n < d.least {
				t.Errorf("%d accelerators: %s keeps %d members, want %d", accelerators, d.name, n, d.least)
			}
		}
	}
}

// TestSize says that a page is small whatever the lake holds: the worst that the collector can find,
// sums that fill a number, in every cell, for as many steps as there are.
func TestSize(t *testing.T) {
	for u, steps := range map[unit]int{hour: maxHours + 1, day: maxDays + 1, month: maxMonths + 1} {
		t.Run(string(u), func(t *testing.T) {
			c := &collector{table: schema.GlobalAccelerator(), unit: u, cubes: map[string]cells{}, clientCount: big.NewInt(1)}
			s := sums{big.NewInt(123_456_789), big.NewInt(1_234_567_890_123), big.NewInt(1_234_567_890)}
			for _, d := range append(append(scans()[0].dimensions, scans()[1].dimensions...), clients()) {
				all := cells{}
				step := u.start(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
				for range steps {
					for a := range maxAccelerators + 1 {
						for dir := range 2 {
							for m := range min(d.members, 3) + 1 {
								all.add(coordinates{value{text: fmt.Sprint(strings.Repeat("\x01", maxName-1), m)}, value{text: fmt.Sprint("accelerator ", a)}, value{text: fmt.Sprint(dir)}, step.Unix()}, s)
							}
						}
					}
					step = u.next(step)
				}
				c.cubes[d.name] = all
			}
			var names []string
			for a := range maxAccelerators + 1 {
				names = append(names, fmt.Sprint("accelerator ", a))
			}
			data := &Data{page: c.put(manySlots(names...))}
			for _, d := range append(append(scans()[0].dimensions, scans()[1].dimensions...), clients()) {
				total := new(big.Int)
				for _, series := range data.page.Cubes[d.name].Series {
					for i := 4; i < len(series); i += 2 {
						total.Add(total, number(t, series[i]))
					}
				}
				want := int64(steps * (maxAccelerators + 1) * 2 * (min(d.members, 3) + 1))
				if d.rows {
					want *= s.rows.Int64()
				} else {
					want *= s.bytes.Int64()
				}
				if total.Int64() != want {
					t.Errorf("%s: have %s in all, want %d", d.name, total, want)
				}
			}
			var b strings.Builder
			if err := data.Write(&b, Page{}); err != nil {
				t.Fatal(err)
			}
			encoded, err := json.Marshal(data.page)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d bytes of data by %s, page of %d", u, len(encoded), data.page.Unit, b.Len())
			if b.Len() >= maxPage || len(encoded) < 150_000 {
				t.Errorf("have a page of %d bytes with %d of data, want less than %d with much data", b.Len(), len(encoded), maxPage)
			}
		})
	}
}
