package serve

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns says that one query runs at a time, and that the page that is there does not wait.
func TestTurns(t *testing.T) {
	inBubble(t, Options{Refresh: day}, func(t *testing.T, s *site, f *fake) {
		s.get("/")
		f.does(script{query: 10 * time.Second})
		done := make(chan bool)
		for _, took := range []time.Duration{10 * time.Second, 19 * time.Second} { // asked for a second after each other
			go func() {
				s.took(took, func() {
					code, body := s.askSQL("SELECT 1")
					s.wants(code, body, http.StatusBadRequest, "SELECT 1, of lake 1")
				})
				done <- true
			}()
			time.Sleep(time.Second)
		}
		s.took(0, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "of lake 1")
		})
		<-done
		<-done
	})
}

// TestTimeLimits says what a query is told whose time is over.
func TestTimeLimits(t *testing.T) {
	const limit = "30s, which is the limit of a query (--timeout)"
	for _, test := range []struct {
		name   string
		script script
		first  string // is asked for a second before the query
		age    time.Duration
		code   int
		want   string
	}{
		{"a long query", script{query: time.Minute}, "", 0, http.StatusGatewayTimeout, "stopped after " + limit},
		{"behind a query", script{query: time.Minute, deaf: true}, "query", 0, http.StatusServiceUnavailable, "waited for its turn for " + limit + ": another query is running"},
		{"behind the page", script{page: time.Hour}, "page", 0, http.StatusServiceUnavailable, "waited for its turn for " + limit + ": the page is being made"},
		{"while the lake is opened", script{open: time.Hour}, "", time.Hour, http.StatusServiceUnavailable, "waited for its turn for " + limit + ": the lake is being opened"},
		{"while it is opened for the page", script{open: time.Hour}, "page", time.Hour, http.StatusServiceUnavailable, "waited for its turn for " + limit + ": the lake is being opened"},
		{"a while in turn, and then long", script{open: 20 * time.Second, query: time.Minute}, "", time.Hour, http.StatusGatewayTimeout, "stopped after " + limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
				time.Sleep(test.age)
				f.does(test.script)
				first := make(chan bool)
				go func() {
					defer close(first)
					switch test.first {
					case "page":
						s.get("/")
					case "query":
						s.askSQL("SELECT first")
					}
				}()
				synctest.Wait()
				s.took(DefaultTimeout, func() {
					code, body := s.askSQL("SELECT 1")
					s.wants(code, body, test.code, test.want)
				})
				<-first
			})
		})
	}
}

// TestStuckQuery says that a query that does not stop is answered all the same, and keeps the lake.
func TestStuckQuery(t *testing.T) {
	inBubble(t, Options{Refresh: day}, func(t *testing.T, s *site, f *fake) {
		f.does(script{query: time.Minute, deaf: true})
		s.took(DefaultTimeout+grace, func() {
			code, body := s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusGatewayTimeout, "has run for 30s, which is the limit of a query (--timeout), and does not stop")
		})
		f.does(script{})
		s.took(time.Minute-DefaultTimeout-grace, func() { // its turn comes when the other has ended
			code, body := s.askSQL("SELECT 2")
			s.wants(code, body, http.StatusBadRequest, "SELECT 2, of lake 1")
		})
		f.does(script{query: DefaultTimeout + grace/2, deaf: true}) // stops in time
		s.took(DefaultTimeout+grace/2, func() {
			code, body := s.askSQL("SELECT 3")
			s.wants(code, body, http.StatusBadRequest, "SELECT 3, of lake 1")
		})
	})
}

// TestRefresh says when the lake is opened and the page made anew.
func TestRefresh(t *testing.T) {
	inBubble(t, Options{Refresh: time.Minute}, func(t *testing.T, s *site, f *fake) {
		look := func(page string, opened, drawn int) {
			t.Helper()
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "<h1>"+page+"</h1>"+panelLink+"<main>")
			if o, d := f.counts(); o != opened || d != drawn {
				t.Errorf("opened %d times and made %d pages, want %d and %d", o, d, opened, drawn)
			}
		}
		look("of lake 1", 1, 1)
		time.Sleep(time.Minute - 1)
		look("of lake 1", 1, 1)
		code, body := s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusBadRequest, "of lake 1")
		time.Sleep(time.Nanosecond)
		code, body = s.askSQL("SELECT 1") // a query opens it anew, too
		s.wants(code, body, http.StatusBadRequest, "of lake 2")
		look("of lake 2", 2, 2)

		// What the making takes does not count: else a page might be too old when it is there.
		time.Sleep(time.Minute)
		f.does(script{page: 4 * time.Second})
		look("of lake 3", 3, 3)
		time.Sleep(time.Minute - 1)
		look("of lake 3", 3, 3)
		time.Sleep(time.Nanosecond)
		look("of lake 4", 4, 4)
	})
}

// TestOpening says that a lake is opened once, though nobody waits for it, and that somebody is told
// when that does not go well.
func TestOpening(t *testing.T) {
	inBubble(t, Options{Timeout: 10 * time.Second}, func(t *testing.T, s *site, f *fake) {
		time.Sleep(time.Hour)
		f.does(script{open: 25 * time.Second})
		for range 2 {
			code, body := s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusServiceUnavailable, opening)
		}
		s.took(5*time.Second, func() {
			code, body := s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusBadRequest, "of lake 2")
		})

		time.Sleep(time.Hour)
		wrong := errors.New("read <it>: no such file")
		f.does(script{open: 15 * time.Second, openErr: wrong})
		code, body := s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusServiceUnavailable, opening)
		time.Sleep(15 * time.Second)
		f.does(script{})
		s.took(0, func() {
			code, body = s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusInternalServerError, `{"error":"open the lake: read \u003cit\u003e: no such file"}`)
		})
		code, body = s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusBadRequest, "of lake 4")

		time.Sleep(time.Hour)
		f.does(script{open: 15 * time.Second, openErr: wrong})
		code, body = s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusServiceUnavailable, opening)
		time.Sleep(time.Hour) // by then it is no news
		f.does(script{})
		code, body = s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusBadRequest, "of lake 6")

		time.Sleep(time.Hour)
		f.does(script{openErr: wrong})
		for range 2 { // each is told what it waited for
			code, body = s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusInternalServerError, "open the lake: ")
		}
		if opened, _ := f.counts(); opened != 8 {
			t.Errorf("opened %d times", opened)
		}
		if _, err := New(t.Context(), Options{Open: f.open}); !errors.Is(err, wrong) {
			t.Errorf("opened what cannot be: %v", err)
		}
	})
}
