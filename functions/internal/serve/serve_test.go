package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/schema"
)

// long is a query that runs for hours.
const long = "SELECT count(*) FROM range(10000000) AS a(i), range(10000000) AS b(i) WHERE hash(a.i, b.i) = 1"

// emptyLake has the tables and no partition.
type emptyLake struct{}

func (emptyLake) Partitions(context.Context, *schema.Table) ([]schema.Partition, error) {
	return nil, nil
}
func (emptyLake) Files(context.Context, string) ([]string, error) { return nil, nil }

// site is a running server over an empty lake.
type site struct {
	*testing.T
	url    string
	opened atomic.Int32
	done   atomic.Int32
	stop   context.CancelFunc
	ended  chan error
}

// start serves with those options, of which Open has a default.
func start(t *testing.T, o Options) *site {
	t.Helper()
	s := &site{T: t}
	if o.Open == nil {
		o.Open = s.open
	}
	s.serve(o)
	return s
}

// serve serves until the test ends.
func (s *site) serve(o Options) {
	s.Helper()
	l, err := Listen(s.Context(), "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	server, err := New(s.Context(), o)
	if err != nil {
		s.Fatal(err)
	}
	s.url, s.ended = "http://"+l.Addr().String(), make(chan error, 1)
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	go func() { s.ended <- server.Serve(ctx, l) }()
	s.Cleanup(s.end)
}

// open opens a lake whose page says how many were opened so far.
func (s *site) open(ctx context.Context) (*Lake, error) {
	n := s.opened.Add(1)
	db, err := query.Open(ctx, schema.Tables(), emptyLake{}, emptyLake{}, query.Options{Threads: 2})
	if err != nil {
		return nil, err
	}
	page := func(_ context.Context, w io.Writer) error {
		_, err := fmt.Fprintf(w, "<!doctype html><title>%d</title><main>", n)
		return err
	}
	return &Lake{db, page, func() {
		s.done.Add(1)
		db.Close()
	}}, nil
}

// end stops the server, which must be over soon, with nothing left open.
func (s *site) end() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	select {
	case err := <-s.ended:
		if err != nil {
			s.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		s.Fatal("runs on")
	}
	if opened, done := s.opened.Load(), s.done.Load(); opened != done {
		s.Errorf("opened the lake %d times and freed it %d times", opened, done)
	}
}

// send sends a request as it stands and gives status and body.
func (s *site) send(r *http.Request) (*http.Response, string) {
	s.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp, string(body)
}

func (s *site) get(path string) (int, string) {
	s.Helper()
	resp, body := s.send(s.request(http.MethodGet, path, ""))
	return resp.StatusCode, body
}

// ask sends a question as the panel does.
func (s *site) ask(body string) (int, string) {
	s.Helper()
	resp, answer := s.send(s.request(http.MethodPost, "/api/query", body))
	return resp.StatusCode, answer
}

// askSQL asks in SQL.
func (s *site) askSQL(sql string) (int, string) {
	s.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		s.Fatal(err)
	}
	return s.ask(string(body))
}

func (s *site) request(method, path, body string) *http.Request {
	s.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// TestAnswer says how values look.
func TestAnswer(t *testing.T) {
	s := start(t, Options{})
	code, body := s.askSQL(`SELECT 1 AS n, NULL AS "<b>", '</script><b>"' AS s, true AS yes, 9007199254740991 AS most, -9007199254740992 AS more,
		18446744073709551615::UBIGINT AS u, sum(i) AS total, 170141183460469231731687303715884105727::HUGEINT AS huge, 1.50 AS d, 0.25::DOUBLE AS f, 'nan'::FLOAT AS nan, '-inf'::DOUBLE AS inf,
		TIMESTAMP '2026-01-09 13:05:00.5' AS t, DATE '2026-01-09' AS day FROM range(4) AS r(i)`)
	var a Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", code, err, body)
	}
	rows, _ := json.Marshal(a.Rows)
	const want = `[[1,null,"\u003c/script\u003e\u003cb\u003e\"",true,9007199254740991,"-9007199254740992","18446744073709551615",6,` +
		`"170141183460469231731687303715884105727","1.50",0.25,"NaN","-Infinity","2026-01-09T13:05:00.500Z","2026-01-09"]]`
	if string(rows) != want {
		t.Errorf("rows\n%s\nwant\n%s", rows, want)
	}
	if len(a.Columns) != 15 || a.Columns[1] != (Column{"<b>", "INTEGER", true}) || a.Columns[2] != (Column{"s", "VARCHAR", false}) || a.Truncated {
		t.Errorf("columns %v, truncated %v", a.Columns, a.Truncated)
	}
	if strings.Contains(body, "<") {
		t.Errorf("has markup: %s", body)
	}
	if code, body := s.askSQL("SELECT clientip, bytes FROM aga_flow_logs"); code != http.StatusOK || !strings.Contains(body, `"rows":[],"truncated":false,"seconds":0`) {
		t.Errorf("of nothing: status %d: %s", code, body)
	}
}

func TestNamedQuery(t *testing.T) {
	all, err := queries.All()
	if err != nil {
		t.Fatal(err)
	}
	double := queries.Query{
		Name: "double", Description: "Twice <n>.", SQL: "SELECT 2 * /* :n */ 1 AS twice", Parameters: []queries.Parameter{{Name: "n", Type: queries.Number, Default: "1"}},
	}
	wrong := func(name, value string) string {
		_, err := double.With(map[string]string{name: value})
		return fmt.Sprint("400 ", err)
	}
	s := start(t, Options{Queries: append(all, double)})
	for _, q := range all { // over no data
		if code, body := s.ask(`{"name":"` + q.Name + `"}`); code != http.StatusOK {
			t.Errorf("%s: status %d: %s", q.Name, code, body)
		}
	}
	for question, want := range map[string]string{
		`{"name":"double","params":{"n":"21"}}`: `200 [[42]]`,
		`{"name":"double"}`:                     `200 [[2]]`,
		`{"name":"double","params":{"m":"21"}}`: wrong("m", "21"),
		`{"name":"double","params":{"n":"1;"}}`: wrong("n", "1;"),
		`{"name":"treble"}`:                     `404 no query is named "treble"`,
		`{"name":"double","sql":"SELECT 1"}`:    `400 want either sql or the name of a query`,
		`{}`:                                    `400 want either sql or the name of a query`,
		`{"sql":"SELECT 1","params":{"n":"1"}}`: `400 params: want them with the name of a query`,
		`{"sql":"SELECT 1","rows":1}`:           `400 read the question: json: unknown field "rows"`,
		`{"sql":"SELECT 1"}{}`:                  `400 read the question: want one JSON object`,
		`{"sql":1}`:                             `400 read the question: `,
		``:                                      `400 read the question: EOF`,
	} {
		code, body := s.ask(question)
		var a struct {
			Answer
			Failure
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%d %s", code, a.Error)
		if code == http.StatusOK {
			got = fmt.Sprintf("%d %v", code, a.Rows)
		}
		if got != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(got, want)) {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	if code, body := s.get("/api/queries"); code != http.StatusOK ||
		!strings.HasSuffix(body, `,{"name":"double","description":"Twice \u003cn\u003e.","sql":"SELECT 2 * /* :n */ 1 AS twice","params":[{"name":"n","type":"number","default":"1"}]}]`) {
		t.Errorf("status %d: %s", code, body)
	}
}

// TestErrors says that what goes wrong with the lake is said, and tried again the next time.
func TestErrors(t *testing.T) {
	wrong := errors.New("read <it>: no such file")
	var opening, making atomic.Bool // whether it goes wrong
	var s *site
	o := Options{Refresh: 1, Open: func(ctx context.Context) (*Lake, error) {
		if opening.Load() {
			return nil, wrong
		}
		l, err := s.open(ctx)
		if making.Load() {
			l.Page = func(context.Context, io.Writer) error { return wrong }
		}
		return l, err
	}}
	s = &site{T: t}
	s.serve(o)
	get := func(want string) {
		t.Helper()
		resp, body := s.send(s.request(http.MethodGet, "/", ""))
		if resp.StatusCode != http.StatusInternalServerError || strings.TrimSpace(body) != want || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("status %d, %s: %s", resp.StatusCode, resp.Header, body)
		}
	}
	making.Store(true)
	get("make the page: " + wrong.Error())
	opening.Store(true)
	get("open the lake: " + wrong.Error())
	if code, body := s.askSQL("SELECT 1"); code != http.StatusInternalServerError || body != `{"error":"open the lake: read \u003cit\u003e: no such file"}` {
		t.Errorf("status %d: %s", code, body)
	}
	if _, err := New(t.Context(), o); !errors.Is(err, wrong) {
		t.Errorf("opened what cannot be: %v", err)
	}
	opening.Store(false)
	making.Store(false)
	if code, _ := s.get("/"); code != http.StatusOK {
		t.Errorf("mended: status %d", code)
	}
	for sql, want := range map[string]string{
		"SELEC 1":                           `Parser Error: syntax error at or near "SELEC"`,
		"SELECT nothing FROM aga_flow_logs": `Binder Error: Referenced column "nothing" not found`,
		"SELECT CAST('a' AS INTEGER)":       "Conversion Error: ",
		"SELECT [1]":                        "CAST it AS VARCHAR",
	} {
		code, body := s.askSQL(sql)
		var f Failure
		if err := json.Unmarshal([]byte(body), &f); err != nil || code != http.StatusBadRequest || !strings.Contains(f.Error, want) {
			t.Errorf("%s: status %d: %s", sql, code, body)
		}
	}
}

// TestReadOnly says that a request changes nothing and reads no file but the lake's.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	secret, target := filepath.Join(dir, "secret.csv"), filepath.Join(dir, "target")
	if err := os.WriteFile(secret, []byte("word\nswordfish\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{})
	for _, sql := range []string{
		"COPY (SELECT 1) TO 'TARGET'", "COPY aga_flow_logs FROM 'SECRET'", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'TARGET'", "EXPORT DATABASE 'TARGET'",
		"ATTACH 'TARGET' AS other", "ATTACH ':memory:' AS other", "INSTALL httpfs", "LOAD httpfs", "LOAD 'SECRET'",
		"SET enable_external_access = true", "SET threads = 1", "RESET lock_configuration", "PRAGMA enable_profiling", "PRAGMA threads = 1",
		"CREATE TABLE t AS SELECT 1", "CREATE TEMP TABLE t AS SELECT 1", "INSERT INTO aga_flow_logs SELECT * FROM aga_flow_logs", "DROP VIEW aga_flow_logs", "DELETE FROM aga_flow_logs",
		"CREATE SECRET (TYPE s3)", "CALL enable_logging()", "FROM enable_logging(storage = 'file', storage_path = 'TARGET')", "CHECKPOINT", "BEGIN", "USE sampledb",
		"SELECT 1; COPY (SELECT 1) TO 'TARGET'", "FROM query('SELECT 1')",
		"FROM read_csv('SECRET')", "FROM 'SECRET'", "FROM read_text('SECRET')", "FROM read_blob('SECRET')", "FROM sniff_csv('SECRET')", "FROM read_parquet('SECRET')", "FROM read_json('SECRET')",
		"FROM glob('/etc/*')", "FROM read_text('/proc/self/environ')", "FROM read_csv('http://127.0.0.1:1/x')", "SELECT getenv('HOME')",
	} {
		sql = strings.NewReplacer("SECRET", secret, "TARGET", target).Replace(sql)
		code, body := s.askSQL(sql)
		var f Failure
		if err := json.Unmarshal([]byte(body), &f); err != nil || code != http.StatusBadRequest || f.Error == "" || strings.Contains(body, "swordfish") {
			t.Errorf("%s: status %d: %s", sql, code, body)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v (%v)", entries, err)
	}
	if code, body := s.askSQL("SHOW TABLES"); code != http.StatusOK || !strings.Contains(body, `"aga_flow_logs"`) {
		t.Errorf("afterwards: status %d: %s", code, body)
	}
}

// TestEnd says that the end stops a query under way, which is answered.
func TestEnd(t *testing.T) {
	s := start(t, Options{Timeout: time.Hour})
	s.get("/") // opens the lake
	got := make(chan string)
	go func() {
		code, body := s.askSQL(long)
		got <- fmt.Sprint(code, " ", body)
	}()
	time.Sleep(2 * time.Second) // until it surely runs
	began := time.Now()
	s.end()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("ended after %s", took)
	}
	if answer := <-got; !strings.HasPrefix(answer, "503 ") {
		t.Errorf("the query was answered %s", answer)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		c.Close()
		t.Error("still listens")
	}
}
