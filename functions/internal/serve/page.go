package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// patience is how long who asks for the page waits for its making, unless Timeout is shorter. Pages of
// some ten million records are there by then; who waits longer wants to know what for.
const patience = 5 * time.Second

// again is how long a browser shows that the page is being made before it asks again, which waits
// once more: so it sees the page soon, and its connection is held most of the time.
const again = 2 * time.Second

// Links and lines of ours on the page.
const (
	panelLink = `<nav aria-label="flowlake"><a href="/query">Ask the lake in SQL</a></nav>` + "\n"
	olderNote = `<p role="status">The lake as it was at %s. A newer page is being made since %s: load this one again in a while.</p>` + "\n"
	waitPage  = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The page is being made</title>
%s<main><h1>The page is being made</h1>
<p>It was begun at %s, %s ago. Right now %s.</p>
<p>This page loads again by itself, until the other one is there.</p></main>
</html>
`
)

// making is the making of a page.
type making struct {
	since time.Time
	done  chan struct{} // closed when the others are set
	page  *document
	err   error
	ended time.Time
}

// document is the page as it was made of a lake. Its bytes are not to be changed.
type document struct {
	head, main []byte        // main begins with <main>
	opened     time.Time     // when the lake had been opened
	took       time.Duration // the making
}

// draw makes the page, and keeps it, or for a while the error, for who asks next.
func (k *keeper) draw(ctx context.Context, m *making) {
	page, err := k.page(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.made, k.making = page, nil
	}
	m.page, m.err, m.ended = page, err, time.Now()
	close(m.done)
}

func (k *keeper) page(ctx context.Context) (*document, error) {
	l, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	k.doing.Store(drawing)
	began := time.Now()
	var b bytes.Buffer
	if err := l.Page(ctx, &b); err != nil {
		return nil, &broken{"make the page", err}
	}
	at := bytes.Index(b.Bytes(), []byte("<main>"))
	if at < 0 {
		return nil, &broken{"make the page", errors.New("it has no <main>")}
	}
	return &document{b.Bytes()[:at:at], b.Bytes()[at:], k.opened, time.Since(began)}, nil
}

// document gives the page of a lake not older than refresh, not counting the time of the making. It
// waits for the making until ctx ends. Then it gives the page from before, or nil if there is none,
// and since when the other is being made; this goes on.
func (k *keeper) document(ctx context.Context) (d *document, since time.Time, err error) {
	k.mu.Lock()
	if k.making == nil && k.made != nil && time.Since(k.made.opened) < k.refresh+k.made.took {
		defer k.mu.Unlock()
		return k.made, time.Time{}, nil
	}
	if k.making == nil || !k.making.ended.IsZero() && time.Since(k.making.ended) >= k.refresh {
		k.making = &making{since: time.Now(), done: make(chan struct{})}
		k.pages <- k.making
	}
	m, older := k.making, k.made
	k.mu.Unlock()
	select {
	case <-m.done:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, time.Time{}, ctx.Err()
		}
		return older, m.since, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.making == m {
		k.making = nil
	}
	return m.page, time.Time{}, m.err
}

// servePage shows the page, or that it is being made.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), min(patience, s.Timeout))
	defer cancel()
	d, since, err := s.keeper.document(ctx)
	if err != nil {
		code, message := s.explain(err)
		http.Error(w, message, code)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if d == nil {
		delay := strconv.Itoa(int(again / time.Second))
		w.Header().Set("Retry-After", delay)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, waitPage, delay, panelLink, utc(since), time.Since(since).Round(time.Second), s.keeper.now())
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	parts := [][]byte{d.head, []byte(panelLink), nil, d.main}
	if !since.IsZero() {
		parts[2] = fmt.Appendf(nil, olderNote, utc(d.opened), utc(since))
	}
	_, _ = w.Write(bytes.Join(parts, nil)) // an error is the browser's going away
}

// utc gives an instant as the page shows it.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
