package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// long is a query that runs for hours.
const long = "SELECT count(*) FROM range(10000000) AS a(i), range(10000000) AS b(i) WHERE hash(a.i, b.i) = 1"

// emptyLake has the tables and no partition.
type emptyLake struct{}

func (emptyLake) Partitions(context.Context, *schema.Table) ([]schema.Partition, error) {
	return nil, nil
}
func (emptyLake) Files(context.Context, string) ([]store.File, error) { return nil, nil }

// site is a running server. Its lake is an empty one, unless it was started over another.
type site struct {
	*testing.T
	client http.Client
	url    string
	opened atomic.Int32
	done   atomic.Int32
	stop   context.CancelFunc
	ended  chan error
}

// start serves an empty lake with those options.
func start(t *testing.T, o Options) *site {
	t.Helper()
	s := &site{T: t}
	o.Open = s.open
	s.start(o)
	return s
}

// start serves on a free port until the test ends.
func (s *site) start(o Options) {
	s.Helper()
	l, err := Listen(s.Context(), "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.client.Transport = &http.Transport{DisableKeepAlives: true}
	s.serve(o, l)
}

// serve serves on a listener until the test ends.
func (s *site) serve(o Options, l net.Listener) {
	s.Helper()
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

// send sends a request as it stands and gives the answer and its body. Without one, the status is 0.
func (s *site) send(r *http.Request) (*http.Response, string) {
	s.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		return &http.Response{Request: r}, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Error(err)
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
	body, _ := json.Marshal(Statement{sql}) // cannot fail
	return s.ask(string(body))
}

func (s *site) request(method, path, body string) *http.Request {
	s.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}
