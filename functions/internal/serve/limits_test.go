package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	s := start(t, Options{MaxRows: 3})
	for sql, truncated := range map[string]bool{
		"FROM range(3)": false, "FROM range(4)": true, "FROM range(100000000)": true,
		fmt.Sprintf("SELECT repeat('x', %d) FROM range(3)", maxAnswer/3-valueSize): false,
		fmt.Sprintf("SELECT repeat('x', %d) FROM range(3)", maxAnswer/3):           true,
		fmt.Sprintf("SELECT repeat('x', %d)", maxAnswer+1):                         true,
		"SELECT 1" + strings.Repeat(",1", maxColumns-1):                            false,
	} {
		code, body := s.askSQL(sql)
		var a Answer
		if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK || a.Truncated != truncated || len(a.Rows) > 3 || len(body) > maxAnswer+1000 {
			t.Errorf("%s: status %d, %d rows, truncated %v, %d bytes, %v", sql, code, len(a.Rows), a.Truncated, len(body), err)
		}
	}
	hasty := start(t, Options{Timeout: 500 * time.Millisecond})
	for range 2 { // the next one has its turn
		began := time.Now()
		code, body := hasty.askSQL(long)
		if took := time.Since(began); code != http.StatusGatewayTimeout || !strings.Contains(body, "stopped after 500ms") || took > 5*time.Second {
			t.Errorf("status %d after %s: %s", code, took, body)
		}
	}
	if code, body := s.askSQL("SELECT 1" + strings.Repeat(",1", maxColumns)); code != http.StatusBadRequest || !strings.Contains(body, "have 1001 columns: want at most 1000 columns") {
		t.Errorf("of too many columns: status %d: %.200s", code, body)
	}
	// Numbers have no texts, and take memory all the same.
	code, body := start(t, Options{MaxRows: 1 << 30}).askSQL("SELECT i" + strings.Repeat(",1", maxColumns-1) + " FROM range(1000000) AS r(i)")
	var a Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK || !a.Truncated || len(a.Rows) != maxAnswer/valueSize/maxColumns {
		t.Errorf("of many numbers: status %d, %d rows, truncated %v, %d bytes, %v", code, len(a.Rows), a.Truncated, len(body), err)
	}
	if code, body := s.askSQL("SELECT '" + strings.Repeat("x", maxBody) + "'"); code != http.StatusRequestEntityTooLarge {
		t.Errorf("of a large body: status %d: %s", code, body)
	}
}
