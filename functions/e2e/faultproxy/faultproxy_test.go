package faultproxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
)

const answer = "0123456789"

// server counts the whole requests that reach it.
type server struct {
	*httptest.Server
	whole, broken atomic.Int32

	mu   sync.Mutex
	last *http.Request
	body []byte
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.broken.Add(1)
			return
		}
		s.whole.Add(1)
		s.mu.Lock()
		s.last, s.body = r, body
		s.mu.Unlock()
		w.Header().Set("Etag", `"abc"`)
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func proxy(t *testing.T, target string, decide func(faultproxy.Call) faultproxy.Fault) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(target, decide)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// always gives the same fault to all calls.
func always(f faultproxy.Fault) func(faultproxy.Call) faultproxy.Fault {
	return func(faultproxy.Call) faultproxy.Fault { return f }
}

// client is one that does not use a connection twice, and so does not repeat requests by itself.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func put(ctx context.Context, c *http.Client, url, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	response, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// TestFaults makes one call suffer each fault, and looks at both ends of it.
func TestFaults(t *testing.T) {
	const before, after = faultproxy.Before, faultproxy.After
	for _, test := range []struct {
		fault  faultproxy.Fault
		name   string
		effect int32  // whole requests that reach the server
		status int    // of the answer, or 0 if there is none
		body   string // that arrives, or what it contains
		whole  bool   // whether the client takes the body for whole
	}{
		{faultproxy.Fault{}, "no fault", 1, 200, answer, true},
		{faultproxy.Fail(before, 503, "SlowDown"), "503 SlowDown before", 0, 503, "<Code>SlowDown</Code>", true},
		{faultproxy.Fail(after, 500, "InternalError"), "500 InternalError after", 1, 500, "<Code>InternalError</Code>", true},
		{faultproxy.Drop(before), "drop before", 0, 0, "", false},
		{faultproxy.Drop(after), "drop after", 1, 0, "", false},
		{faultproxy.CutResponse(0), "cut response at 0", 1, 200, "", false},
		{faultproxy.CutResponse(4), "cut response at 4", 1, 200, "0123", false},
		{faultproxy.CutResponse(99), "cut response at 99", 1, 200, answer, true},
		{faultproxy.CutRequest(0), "cut request at 0", 0, 0, "", false},
		{faultproxy.CutRequest(70_000), "cut request at 70000", 0, 0, "", false},
		{faultproxy.CutRequest(100_000), "cut request at 100000", 1, 0, "", false},
		{faultproxy.Slow(3, time.Millisecond), "slow, 3 bytes each 1ms", 1, 200, answer, true},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			done := make(chan struct{}, 1)
			s := newServer(t)
			p := proxy(t, s.URL, always(test.fault.Doing(func() { done <- struct{}{} })))
			status, body, err := put(t.Context(), client(t), p.URL+"/b/k", strings.Repeat("x", 100_000))
			if status != test.status || !strings.Contains(body, test.body) || test.body == "" && body != "" || (err == nil) != test.whole {
				t.Errorf("the client sees %d, %q, %v", status, body, err)
			}
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Error("nothing was done")
			}
			p.Close() // waits for the call
			s.Close()
			if n := s.whole.Load(); n != test.effect {
				t.Errorf("%d calls reached the server, want %d", n, test.effect)
			}
			record := p.Log()[0]
			if got := record.Fault.String(); got != test.name {
				t.Errorf("the fault is called %q", got)
			}
			if (record.Status == 200) != (test.effect == 1) || record.Err != nil {
				t.Errorf("the log has %+v", record)
			}
		})
	}
}

// TestHangAndStall waits for nothing but the client's patience, or the end of the proxy.
func TestHangAndStall(t *testing.T) {
	for _, f := range []faultproxy.Fault{faultproxy.Hang(faultproxy.Before), faultproxy.Hang(faultproxy.After), faultproxy.Stall(5)} {
		for _, by := range []string{"client", "proxy"} {
			t.Run(strings.ReplaceAll(f.String()+" "+by, " ", "_"), func(t *testing.T) {
				s := newServer(t)
				reached := make(chan struct{})
				p := proxy(t, s.URL, always(f.Doing(func() { close(reached) })))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failed := make(chan error)
				go func() {
					_, _, err := put(ctx, client(t), p.URL+"/b/k", "body")
					failed <- err
				}()
				<-reached
				select {
				case err := <-failed:
					t.Fatalf("the call ends with %v", err)
				default:
				}
				if by == "client" {
					cancel()
				} else {
					p.Close()
				}
				if err := <-failed; err == nil || by == "client" && !errors.Is(err, context.Canceled) {
					t.Errorf("the client sees %v", err)
				}
				p.Close()
			})
		}
	}
}

// TestConcurrentCalls makes the fault of a call depend on its number.
func TestConcurrentCalls(t *testing.T) {
	s := newServer(t)
	p := proxy(t, s.URL, nil)
	p.SetDecide(func(c faultproxy.Call) faultproxy.Fault {
		if c.Seq%3 == 0 {
			return faultproxy.Fail(faultproxy.Before, 503, "SlowDown")
		}
		return faultproxy.Fault{}
	})
	var failed atomic.Int32
	var calls sync.WaitGroup
	c := client(t)
	for range 60 {
		calls.Go(func() {
			status, _, err := put(t.Context(), c, p.URL+"/b/k", "body")
			if err != nil {
				t.Error(err)
			}
			if status == 503 {
				failed.Add(1)
			}
		})
	}
	calls.Wait()
	if failed.Load() != 20 || s.whole.Load() != 40 || p.Count("PutObject") != 60 {
		t.Errorf("of %d calls %d failed and %d arrived", p.Count(), failed.Load(), s.whole.Load())
	}
	for i, r := range p.Log() {
		if r.Seq != i+1 || (r.Status == 200) != (r.Seq%3 != 0) {
			t.Errorf("record %d is %+v", i, r)
		}
	}
}

// TestClientThatGoesAway sends a part of its request; the server must not see a whole one.
func TestClientThatGoesAway(t *testing.T) {
	s := newServer(t)
	p := proxy(t, s.URL, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	var request bytes.Buffer
	request.WriteString("PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	request.Write(make([]byte, 50_000))
	if _, err := conn.Write(request.Bytes()); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for len(p.Log()) == 0 || p.Log()[0].Err == nil {
		if t.Context().Err() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	p.Close()
	s.Close()
	if s.whole.Load() != 0 {
		t.Error("the server saw a whole request")
	}
}

func TestTarget(t *testing.T) {
	for _, target := range []string{"", "127.0.0.1:80", "https://127.0.0.1", "http://", "http://127.0.0.1/path", "http://a b"} {
		if p, err := faultproxy.Start(target, nil); err == nil {
			t.Errorf("target %q is taken", target)
			p.Close()
		}
	}
	p := proxy(t, "http://127.0.0.1:1", nil) // nobody listens there
	if status, _, err := put(t.Context(), client(t), p.URL+"/b/k", ""); err == nil || p.Log()[0].Err == nil {
		t.Errorf("without a server, the client sees %d, %v, and the log has %+v", status, err, p.Log()[0])
	}
}
