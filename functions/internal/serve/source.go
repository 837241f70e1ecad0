package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// panelLink is what the page has of ours.
const panelLink = `<nav aria-label="flowlake"><a href="/query">Ask the lake in SQL</a></nav>` + "\n"

// errBusy is the error of who waited for a turn for all of their time.
var errBusy = errors.New("another query is running")

// source opens the lake when it is asked for. Who has the turn owns the lake.
type source struct {
	open    func(ctx context.Context) (*Lake, error)
	refresh time.Duration
	now     func() time.Time

	turn   chan struct{} // holds one while nobody has the turn
	lake   *Lake         // nil where it is not open; an older one goes when a newer one is there
	opened time.Time     // when the lake had been opened

	made atomic.Pointer[document] // for anybody, so that a page that is there does not wait for a query
}

// document is the page as it was made of a lake.
type document struct {
	html   []byte
	opened time.Time // of the lake
}

func newSource(o Options) *source {
	s := &source{open: o.Open, refresh: o.Refresh, now: time.Now, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// use waits for the turn and calls fn with a lake that is not older than refresh.
func (s *source) use(ctx context.Context, fn func(l *Lake) error) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return errBusy
	}
	defer func() { s.turn <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.lake == nil || s.now().Sub(s.opened) >= s.refresh {
		l, err := s.open(ctx)
		if err != nil {
			return fmt.Errorf("open the lake: %w", err)
		}
		s.free()
		s.lake, s.opened = l, s.now()
	}
	return fn(s.lake)
}

// document gives the page, of a lake not older than refresh. The bytes are not to be changed.
func (s *source) document(ctx context.Context) ([]byte, error) {
	if d := s.made.Load(); d != nil && s.now().Sub(d.opened) < s.refresh {
		return d.html, nil
	}
	var html []byte
	err := s.use(ctx, func(l *Lake) error {
		d := s.made.Load()
		if d == nil || d.opened != s.opened { // nobody else made it meanwhile
			var b bytes.Buffer
			if err := l.Page(ctx, &b); err != nil {
				return fmt.Errorf("make the page: %w", err)
			}
			before, after, ok := bytes.Cut(b.Bytes(), []byte("<main>"))
			if !ok {
				return errors.New("make the page: it has no <main>")
			}
			d = &document{slices.Concat(before, []byte(panelLink+"<main>"), after), s.opened}
			s.made.Store(d)
		}
		html = d.html
		return nil
	})
	return html, err
}

// close frees the lake once nobody has the turn, and never gives it again.
func (s *source) close() {
	<-s.turn
	s.free()
}

func (s *source) free() {
	if s.lake != nil {
		s.lake.Close()
		s.lake = nil
	}
}
