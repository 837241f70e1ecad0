package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/queries"
)

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

// TestSQL says that the SQL of a question is given as it would run.
func TestSQL(t *testing.T) {
	double := queries.Query{
		Name: "double", SQL: "SELECT 2 * /* :n */ 1 AS twice;\n", Parameters: []queries.Parameter{{Name: "n", Type: queries.Number, Default: "1"}},
	}
	s := start(t, Options{Queries: []queries.Query{double}})
	for question, want := range map[string]string{
		`{"name":"double"}`:                     `200 {"sql":"SELECT 2 * /* :n */ 1 AS twice;\n"}`,
		`{"name":"double","params":{"n":"21"}}`: `200 {"sql":"SELECT 2 * /* :n */ 21 AS twice;\n"}`,
		`{"name":"double","params":{"n":"a"}}`:  `400 {"error":"n: want a number from 0 to 999999999, have \"a\"; query double takes n=1 (number)"}`,
		`{"sql":"SELEC"}`:                       `200 {"sql":"SELEC"}`,
		`{}`:                                    `400 {"error":"want either sql or the name of a query"}`,
	} {
		resp, body := s.send(s.request(http.MethodPost, "/api/sql", question))
		if got := fmt.Sprint(resp.StatusCode, " ", body); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
		checkHeaders(t, resp)
	}
}

// TestWrongSQL says that the engine's own message is given.
func TestWrongSQL(t *testing.T) {
	s := start(t, Options{})
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
