package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	s := start(t, Options{MaxRows: 3})
	for sql, truncated := range map[string]bool{
		"FROM range(3)": false, "FROM range(4)": true, "FROM range(100000000)": true,
		fmt.Sprintf("SELECT repeat('x', %d) FROM range(3)", maxAnswer/3):   false,
		fmt.Sprintf("SELECT repeat('x', %d) FROM range(3)", maxAnswer/3+1): true,
		fmt.Sprintf("SELECT repeat('x', %d)", maxAnswer+1):                 true,
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
	if code, body := s.askSQL("SELECT '" + strings.Repeat("x", maxBody) + "'"); code != http.StatusRequestEntityTooLarge {
		t.Errorf("of a large body: status %d: %s", code, body)
	}
}

// TestTurns says that one query runs at a time, and that the page that is there does not wait.
func TestTurns(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	s := &site{T: t}
	open := func(ctx context.Context) (*Lake, error) {
		l, err := s.open(ctx)
		l.Page = func(ctx context.Context, w io.Writer) error {
			close(running)
			<-release
			_, err := io.WriteString(w, "made<main>")
			return err
		}
		return l, err
	}
	s.serve(Options{Open: open, Timeout: 3 * time.Second, Refresh: time.Hour})
	got := make(chan string)
	go func() {
		_, body := s.get("/")
		got <- body
	}()
	<-running
	if code, body := s.askSQL("SELECT 1"); code != http.StatusServiceUnavailable || !strings.Contains(body, "another query is running") {
		t.Errorf("status %d: %s", code, body)
	}
	close(release)
	if body := <-got; !strings.HasPrefix(body, "made<nav") {
		t.Errorf("page is %q", body)
	}
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		s.askSQL(long)
	}()
	for range 10 { // one of these at least comes while the query runs
		if code, body := s.get("/"); code != http.StatusOK || !strings.HasPrefix(body, "made<nav") {
			t.Errorf("status %d: %s", code, body)
		}
	}
	<-waiting
}

func TestRefresh(t *testing.T) {
	s := &site{T: t}
	now := time.Unix(0, 0)
	l := newSource(Options{Open: s.open, Refresh: time.Minute})
	l.now = func() time.Time { return now }
	look := func(html string, opened, done int32) {
		t.Helper()
		got, err := l.document(t.Context())
		if err != nil || string(got) != "<!doctype html><title>"+html+"</title>"+panelLink+"<main>" || s.opened.Load() != opened || s.done.Load() != done {
			t.Errorf("page %q (%v), opened %d times and freed %d, want %q, %d and %d", got, err, s.opened.Load(), s.done.Load(), html, opened, done)
		}
	}
	look("1", 1, 0)
	now = now.Add(time.Minute - 1)
	look("1", 1, 0)
	now = now.Add(1)
	if err := l.use(t.Context(), func(*Lake) error { return nil }); err != nil { // a query opens it anew, too
		t.Fatal(err)
	}
	look("2", 2, 1)
	now = now.Add(time.Hour)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.document(ended); err == nil {
		t.Error("made a page for nobody")
	}
	look("3", 3, 2)
	l.close()
	if s.done.Load() != 3 {
		t.Errorf("freed %d times", s.done.Load())
	}
}
