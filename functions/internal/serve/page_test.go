package serve

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongMaking says that a page that takes longer than anybody waits is made once, and is there at
// last, and what is said meanwhile.
func TestLongMaking(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
		f.does(script{page: 10 * time.Minute})
		began := time.Now()
		for time.Since(began) < 9*time.Minute {
			s.took(patience, func() {
				resp, body := s.send(s.request(http.MethodGet, "/", ""))
				s.wants(resp.StatusCode, body, http.StatusServiceUnavailable, `<meta http-equiv="refresh" content="2">`, `<a href="/query">`,
					"It was begun at "+utc(began)+", "+time.Since(began).String()+" ago.", "Right now the page is being made.")
				if resp.Header.Get("Retry-After") != "2" || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Errorf("headers are %v", resp.Header)
				}
				checkHeaders(t, resp)
			})
			time.Sleep(again)
		}
		code, body := s.askSQL("SELECT 1")
		s.wants(code, body, http.StatusServiceUnavailable, drawing)
		time.Sleep(10*time.Minute - time.Since(began) - time.Second)
		s.took(time.Second, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "of lake 1")
		})
		s.took(0, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "of lake 1")
		})
		if _, drawn := f.counts(); drawn != 1 {
			t.Errorf("made %d times", drawn)
		}
	})
}

// TestOlderPage says that the page from before is shown while the next one takes long.
func TestOlderPage(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
		opened := utc(time.Now())
		code, body := s.get("/")
		s.wants(code, body, http.StatusOK, "<h1>of lake 1</h1>"+panelLink+"<main>")
		time.Sleep(time.Hour)
		f.does(script{open: 7 * time.Second, page: 7 * time.Second})
		note := "The lake as it was at " + opened + ". A newer page is being made since " + utc(time.Now())
		for range 2 {
			s.took(patience, func() {
				resp, body := s.send(s.request(http.MethodGet, "/", ""))
				s.wants(resp.StatusCode, body, http.StatusOK, "<h1>of lake 1</h1>"+panelLink+`<p role="status">`+note, "</p>\n<main>")
				if resp.Header.Get("Content-Security-Policy") != pagePolicy {
					t.Errorf("headers are %v", resp.Header)
				}
			})
		}
		s.took(4*time.Second, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "<h1>of lake 2</h1>"+panelLink+"<main>")
		})
	})
}

// TestGone says that a page is made though who asked for it has gone.
func TestGone(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
		f.does(script{page: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if resp, body := s.send(s.request(http.MethodGet, "/", "").WithContext(ctx)); resp.StatusCode != 0 {
			t.Errorf("status %d: %s", resp.StatusCode, body)
		}
		time.Sleep(time.Minute)
		s.took(0, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "of lake 1")
		})
		if _, drawn := f.counts(); drawn != 1 {
			t.Errorf("made %d times", drawn)
		}

		// A query that nobody waits for any more stops.
		f.does(script{query: time.Hour})
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.send(s.request(http.MethodPost, "/api/query", `{"sql":"SELECT 1"}`).WithContext(ctx))
		f.does(script{})
		s.took(0, func() {
			code, body := s.askSQL("SELECT 2")
			s.wants(code, body, http.StatusBadRequest, "SELECT 2, of lake ")
		})
	})
}

// TestPageErrors says that what goes wrong with the page is said, and tried again the next time.
func TestPageErrors(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
		look := func(want string) {
			t.Helper()
			resp, body := s.send(s.request(http.MethodGet, "/", ""))
			s.wants(resp.StatusCode, body, http.StatusInternalServerError)
			if strings.TrimSpace(body) != want || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s: %q, want %q", resp.Header.Get("Content-Type"), body, want)
			}
		}
		// Whatever its cause is, it is no limit of a query.
		f.does(script{page: time.Second, pageErr: context.DeadlineExceeded})
		done := make(chan bool)
		go func() {
			look("make the page: context deadline exceeded")
			done <- true
		}()
		look("make the page: context deadline exceeded") // who waits together is told together
		<-done
		if _, drawn := f.counts(); drawn != 1 {
			t.Errorf("made %d times", drawn)
		}
		time.Sleep(time.Hour)
		f.does(script{openErr: errors.New("read <it>: no such file")})
		look("open the lake: read <it>: no such file")

		// It waits for somebody who is told, while it is news.
		for _, test := range []struct {
			meanwhile int // the status, which tells whether there is a page from before
			later     time.Duration
			told      bool
		}{{http.StatusServiceUnavailable, time.Minute, true}, {http.StatusOK, time.Hour, false}} {
			f.does(script{page: time.Minute, pageErr: errors.New("too large")})
			code, body := s.get("/")
			s.wants(code, body, test.meanwhile, "page is being made")
			time.Sleep(test.later)
			f.does(script{})
			if test.told {
				look("make the page: too large")
			}
			code, body = s.get("/")
			s.wants(code, body, http.StatusOK, "of lake ")
			time.Sleep(time.Hour)
		}
	})
}

// TestQueriesInTurn says that a page that waits for a query says so, and comes after it.
func TestQueriesInTurn(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *site, f *fake) {
		f.does(script{query: 20 * time.Second})
		done := make(chan bool)
		go func() {
			code, body := s.askSQL("SELECT 1")
			s.wants(code, body, http.StatusBadRequest, "of lake 1")
			done <- true
		}()
		synctest.Wait()
		code, body := s.get("/")
		s.wants(code, body, http.StatusServiceUnavailable, "Right now another query is running.")
		<-done
		s.took(0, func() {
			code, body := s.get("/")
			s.wants(code, body, http.StatusOK, "of lake 1")
		})
	})
}
