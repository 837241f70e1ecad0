package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served is a running flowlake serve.
type served struct {
	*testing.T
	url   string
	stop  context.CancelFunc
	code  chan int
	lines *bufio.Scanner // of what it prints
	errs  strings.Builder
}

// serving runs flowlake serve until the test ends, when it must have ended well and printed no more.
func serving(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	s := &served{T: t, stop: stop, code: make(chan int, 1), lines: bufio.NewScanner(out)}
	go func() {
		s.code <- run(ctx, append([]string{"serve"}, args...), strings.NewReader(""), in, &s.errs)
		in.Close()
	}()
	t.Cleanup(func() {
		stop()
		if more := s.lines.Scan(); more {
			t.Errorf("serve prints more: %s", s.lines.Text())
		}
		if code := <-s.code; code != int(exitOK) || s.errs.Len() > 0 {
			t.Errorf("serve ends with %d\n%s", code, &s.errs)
		}
	})
	if !s.lines.Scan() {
		t.Fatalf("serve ended\n%s", &s.errs)
	}
	s.url = s.lines.Text()
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") || !strings.HasSuffix(s.url, "/") {
		t.Fatalf("serve prints %q", s.url)
	}
	return s
}

// get gives a page.
func (s *served) get(path string) string {
	s.Helper()
	return s.body(http.Get(s.url + path))
}

// ask gives the rows of an answer.
func (s *served) ask(question string) [][]any {
	s.Helper()
	body := s.body(http.Post(s.url+"api/query", "application/json", strings.NewReader(question)))
	var a struct{ Rows [][]any }
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		s.Fatal(err)
	}
	return a.Rows
}

func (s *served) body(resp *http.Response, err error) string {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("%s: status %d, %v: %s", resp.Request.URL, resp.StatusCode, err, body)
	}
	return string(body)
}

// TestServeRejects says that the page of a lake without records names the lines that were rejected.
func TestServeRejects(t *testing.T) {
	dir := t.TempDir()
	log, lake := filepath.Join(dir, "a.log.gz"), filepath.Join(dir, "lake")
	if err := os.WriteFile(log, compress(strings.Repeat("x", 1<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitRejects, "replay", log, "--lake", lake)
	if page := serving(t, "--lake", lake).get(""); !strings.Contains(page, "No records yet") || !strings.Contains(page, "aga_flow_logs_rejects") {
		t.Errorf("the page is %.600s", page)
	}
}

// serveIn serves a small lake with the given directory for temporary files.
func serveIn(t *testing.T, temp string) *served {
	t.Helper()
	dir := t.TempDir()
	logs, lake := filepath.Join(dir, "logs"), filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--records", "20")
	flowlake(t, exitOK, "replay", logs, "--lake", lake)
	t.Setenv("TMPDIR", temp)
	return serving(t, "--lake", lake, "--timeout", "2s", "--refresh", "1ms")
}

// TestServeAfterCleaning takes its temporary directory away, as those do who clean up what is old.
func TestServeAfterCleaning(t *testing.T) {
	temp := t.TempDir()
	s := serveIn(t, temp)
	made, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("has made %q, error %v", made, err)
	}
	if err := os.RemoveAll(made[0]); err != nil {
		t.Fatal(err)
	}
	if rows := s.ask(`{"sql":"SELECT 1"}`); len(rows) != 1 {
		t.Errorf("afterwards it has %v", rows)
	}
}

// TestServeLeavesNoLitter ends it while DuckDB parses for seconds, and hears nothing meanwhile.
func TestServeLeavesNoLitter(t *testing.T) {
	temp := t.TempDir()
	s := serveIn(t, temp)
	const nested = 15000
	resp, err := http.Post(s.url+"api/query", "application/json", strings.NewReader(`{"sql":"SELECT 1 `+strings.Repeat("/*", nested)+strings.Repeat("*/", nested)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode == http.StatusOK {
		t.Errorf("the query has ended already: %s, error %v", body, err)
	}
	t.Logf("the query: %s", body) // that it does not stop, unless the machine is very fast
	s.stop()
	s.code <- <-s.code
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("leaves %v", left)
	}
}

// TestServe says that what is converted while it runs is seen, and that the days are those asked for.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	lake := filepath.Join(dir, "lake")
	convert := func(day, name string) {
		t.Helper()
		flowlake(t, exitOK, "synth", "--out", filepath.Join(dir, "logs"), "--day", day, "--records", "300", "--single", name)
		flowlake(t, exitOK, "replay", filepath.Join(dir, "logs", name), "--lake", lake)
	}
	convert("2026-01-09", "a.log.gz")
	live := serving(t, "--lake", lake, "--refresh", "1ms")
	still := serving(t, "--lake", lake, "--refresh", "1h")
	some := serving(t, "--lake", lake, "--refresh", "1ms", "--from", "2026-01-11", "--to", "2026-01-12")

	const count = `{"sql":"SELECT count(*) AS n FROM aga_flow_logs"}`
	for _, test := range []struct {
		s    *served
		want float64
	}{{live, 300}, {still, 300}, {some, 0}} {
		if rows := test.s.ask(count); len(rows) != 1 || rows[0][0] != test.want {
			t.Errorf("has %v records, want %v", rows, test.want)
		}
	}
	if page := some.get(""); !strings.Contains(page, "No records yet") || !strings.Contains(page, `href="/query"`) {
		t.Errorf("the page of nothing is %.300s", page)
	}
	before := live.get("")
	if !strings.Contains(before, "data-chart=") || !strings.Contains(before, `href="/query"`) {
		t.Errorf("the page is %.300s", before)
	}

	convert("2026-01-12", "b.log.gz")
	time.Sleep(2 * time.Millisecond) // older than --refresh
	day := `{"sql":"SELECT count(*) AS n FROM aga_flow_logs WHERE day < '11'"}`
	if rows := live.ask(count); rows[0][0] != 600.0 || live.ask(day)[0][0] != 300.0 {
		t.Errorf("afterwards it has %v records", rows)
	}
	if rows := some.ask(count); rows[0][0] == 0.0 || some.ask(day)[0][0] != 0.0 {
		t.Errorf("afterwards the days have %v records", rows)
	}
	if rows := still.ask(count); rows[0][0] != 300.0 {
		t.Errorf("before its time it has %v records", rows)
	}
	if after := live.get(""); after == before {
		t.Error("the page is the same")
	}
	if page := some.get(""); !strings.Contains(page, "data-chart=") {
		t.Errorf("the page of the days is %.300s", page)
	}
	if rows := live.ask(`{"name":"top-talkers-of-an-hour","params":{"hour":"2026-01-12T00","limit":"3"}}`); len(rows) != 3 {
		t.Errorf("a named query gives %v", rows)
	}
}

// TestServePageIsThatOfReport says that but for the link to the panel the pages are the same.
func TestServePageIsThatOfReport(t *testing.T) {
	dir := t.TempDir()
	lake := filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", filepath.Join(dir, "logs"), "--day", "2026-01-09", "--records", "300", "--single", "a.log.gz")
	flowlake(t, exitOK, "replay", filepath.Join(dir, "logs"), "--lake", lake)
	want, _ := flowlake(t, exitOK, "report", "--lake", lake, "--out", "-")
	page := serving(t, "--lake", lake).get("")
	start, end := strings.Index(page, "<nav"), strings.Index(page, "<main>")
	if start < 0 || end < start || page[:start]+page[end:] != want {
		t.Errorf("the page of serve, %d bytes, is another than that of report, %d", len(page), len(want))
	}
}
