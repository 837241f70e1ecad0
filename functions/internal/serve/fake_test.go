package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// day is longer than anything goes on.
const day = 24 * time.Hour

// script says what a fake lake does from now on.
type script struct {
	open, page, query time.Duration // how long these take
	openErr, pageErr  error
	deaf              bool // does not hear that it is to stop
}

// fake opens lakes that do as the script says. It reports a lake that is used by two at a time, or
// after it was freed.
type fake struct {
	t *testing.T

	mu                   sync.Mutex
	script               script
	busy                 bool
	opened, drawn, freed int
}

func (f *fake) does(s script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = s
}

// counts gives how often a lake was opened and a page made, by those that went well or not.
func (f *fake) counts() (opened, drawn int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened, f.drawn
}

// step takes the time that a step takes, and gives its error.
func (f *fake) step(ctx context.Context, of func(s script) (time.Duration, error)) error {
	f.mu.Lock()
	if f.busy {
		f.t.Error("two have the lake")
	}
	f.busy = true
	d, err := of(f.script)
	end := ctx.Done()
	if f.script.deaf {
		end = nil
	}
	f.mu.Unlock()
	select {
	case <-time.After(d):
	case <-end:
		err = ctx.Err()
	}
	f.mu.Lock()
	f.busy = false
	f.mu.Unlock()
	return err
}

func (f *fake) open(ctx context.Context) (*Lake, error) {
	f.mu.Lock()
	f.opened++
	l := &fakeLake{fake: f, n: f.opened}
	f.mu.Unlock()
	if err := f.step(ctx, func(s script) (time.Duration, error) { return s.open, s.openErr }); err != nil {
		f.mu.Lock()
		f.freed++ // there is nothing to free
		f.mu.Unlock()
		return nil, err
	}
	return &Lake{l, l.page, l.close}, nil
}

// fakeLake is the lake that was opened as the nth.
type fakeLake struct {
	*fake
	n    int
	gone bool
}

func (l *fakeLake) use() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		l.t.Errorf("lake %d is used after it was freed", l.n)
	}
}

// page writes a page that says which lake it is of.
func (l *fakeLake) page(ctx context.Context, w io.Writer) error {
	l.use()
	l.mu.Lock()
	l.drawn++
	l.mu.Unlock()
	if err := l.step(ctx, func(s script) (time.Duration, error) { return s.page, s.pageErr }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "<h1>of lake %d</h1><main>", l.n)
	return err
}

// errAnswer stands for an answer of a fake lake: rows have it only from DuckDB.
var errAnswer = fmt.Errorf("an answer: %w", query.ErrNotQuery)

func (l *fakeLake) Query(ctx context.Context, sql string) (*query.Rows, error) {
	l.use()
	return nil, l.step(ctx, func(s script) (time.Duration, error) {
		return s.query, fmt.Errorf("%s, of lake %d: %w", sql, l.n, errAnswer)
	})
}

func (l *fakeLake) close() {
	l.use()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	l.freed++
}

// pipes is a listener whose connections are pipes, which the clock of a bubble knows.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("nobody listens")
	}
}

// inBubble runs a test over a fake lake, whose opening for the start took no time.
func inBubble(t *testing.T, o Options, test func(t *testing.T, s *site, f *fake)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t}
		l := newPipes()
		s := &site{T: t, client: http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: l.dial}}}
		o.Open, o.TimeoutName = f.open, "--timeout"
		s.serve(o, l)
		test(t, s, f)
		s.end()
		time.Sleep(day) // whatever was left alone is over
		if f.mu.Lock(); f.opened != f.freed {
			t.Errorf("opened the lake %d times and freed it %d times", f.opened, f.freed)
		}
		f.mu.Unlock()
	})
}

// took checks how long fn takes by the clock of the bubble.
func (s *site) took(want time.Duration, fn func()) {
	s.Helper()
	began := time.Now()
	fn()
	if got := time.Since(began); got != want {
		s.Errorf("took %s, want %s", got, want)
	}
}

// wants checks the status of an answer, and for texts in it.
func (s *site) wants(code int, body string, want int, texts ...string) {
	s.Helper()
	if code != want {
		s.Errorf("status %d, want %d: %s", code, want, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			s.Errorf("%q is not in %s", text, body)
		}
	}
}
