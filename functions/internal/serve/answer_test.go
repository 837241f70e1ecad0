package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

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
