package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// TestEnd says that the end stops what is under way, and does not wait for what does not stop.
func TestEnd(t *testing.T) {
	for what, f := range map[string]script{
		"opening": {open: time.Hour}, "making": {page: time.Hour}, "query": {query: time.Hour},
	} {
		for _, deaf := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, deaf %v", what, deaf), func(t *testing.T) {
				inBubble(t, Options{Timeout: day}, func(t *testing.T, s *site, lake *fake) {
					time.Sleep(time.Hour)
					if what != "opening" {
						s.askSQL("SELECT 1") // opens it
					}
					f.deaf = deaf
					lake.does(f)
					answers := make(chan string, 3)
					tell := func(code int, body string) { answers <- fmt.Sprint(code, " ", body) }
					if what == "making" {
						go func() { tell(s.get("/")) }()
					} else {
						go func() { tell(s.askSQL("SELECT 1")) }()
					}
					synctest.Wait()
					go func() { tell(s.askSQL("SELECT 2")) }() // waits for its turn
					synctest.Wait()
					began := time.Now()
					s.end()
					if took := time.Since(began); deaf && took != grace || !deaf && took > grace/2 {
						t.Errorf("ended after %s", took)
					}
					for range 2 {
						answer := <-answers
						// The connection of a query that does not stop is closed.
						if !strings.Contains(answer, "stopped") && !(deaf && what == "query" && strings.HasPrefix(answer, "0 ")) {
							t.Errorf("is told %s", answer)
						}
					}
				})
			})
		}
	}
}

// TestListenerFails says that the server ends, and frees the lake, when it can listen no more.
func TestListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t}
		s, err := New(t.Context(), Options{Open: f.open})
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		l.Close()
		if err := s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) || f.freed != 1 {
			t.Errorf("freed %d times, error %v", f.freed, err)
		}
	})
}

// begun is an engine that tells when a query begins.
type begun struct {
	Engine
	queries chan<- string
}

func (b begun) Query(ctx context.Context, sql string) (*query.Rows, error) {
	b.queries <- sql
	return b.Engine.Query(ctx, sql)
}

// TestEndOfDuckDB says that the end stops a real query, too, which is answered.
func TestEndOfDuckDB(t *testing.T) {
	queries := make(chan string, 1)
	s := &site{T: t}
	s.start(Options{Timeout: time.Hour, Open: func(ctx context.Context) (*Lake, error) {
		l, err := s.open(ctx)
		if err == nil {
			l.DB = begun{l.DB, queries}
		}
		return l, err
	}})
	got := make(chan string)
	go func() {
		code, body := s.askSQL(long)
		got <- fmt.Sprint(code, " ", body)
	}()
	<-queries
	began := time.Now()
	s.end()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("ended after %s", took)
	}
	if answer := <-got; !strings.HasPrefix(answer, fmt.Sprint(http.StatusServiceUnavailable, " ")) {
		t.Errorf("the query was answered %s", answer)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		c.Close()
		t.Error("still listens")
	}
}
