package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// Proxy is a running proxy. It may be shared by goroutines.
type Proxy struct {
	// URL is the proxy's endpoint, http://127.0.0.1 and a port.
	URL string

	target    *url.URL
	server    *http.Server
	transport *http.Transport
	ctx       context.Context // ends when the proxy is closed
	cancel    context.CancelFunc
	handlers  sync.WaitGroup

	mu     sync.Mutex
	decide func(Call) Fault
	closed bool
	log    []*Record
}

// Record says what became of a call.
type Record struct {
	Call
	// Fault is what the call was made to suffer.
	Fault Fault
	// Status is the HTTP status that the server answered with; 0 if it did not, or did not yet.
	Status int
	// Err is why the call could not be handed on, or its answer not be handed back, if no fault is to
	// blame: most often, the client went away.
	Err error
}

// Start starts a proxy for the server at a URL such as http://127.0.0.1:9000. decide is called for each
// call, by several goroutines at once, and may be nil.
func Start(target string, decide func(Call) Fault) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("start proxy: target %q, want http:// and host", target)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	p := &Proxy{
		URL:    "http://" + listener.Addr().String(),
		target: u,
		decide: decide,
		// No compression: the transport would ask for it in the client's name.
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server = &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = p.server.Serve(listener) }() // until Close
	return p, nil
}

// SetDecide changes what is asked for the faults of the calls to come; nil stands for none.
func (p *Proxy) SetDecide(decide func(Call) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// Close ends the proxy with all calls under way, and waits for them. Closing again does nothing. It is
// not for what a fault does, which it would wait for.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.server.Close()
	p.handlers.Wait()
	p.transport.CloseIdleConnections()
}

// Log gives what became of all calls so far, in the order of their arrival.
func (p *Proxy) Log() []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Record, len(p.log))
	for i, r := range p.log {
		all[i] = *r
	}
	return all
}

// Counts gives how many calls of each operation arrived so far.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := map[string]int{}
	for _, r := range p.log {
		counts[r.Operation]++
	}
	return counts
}

// Count gives how many calls of the operations arrived so far; of all, if none are given.
func (p *Proxy) Count(operations ...string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.log {
		if len(operations) == 0 || slices.Contains(operations, r.Operation) {
			n++
		}
	}
	return n
}

// arrive logs a call.
func (p *Proxy) arrive(r *http.Request) (*Record, func(Call) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		panic(http.ErrAbortHandler)
	}
	p.handlers.Add(1)
	record := &Record{Call: newCall(r)}
	record.Seq = len(p.log) + 1
	p.log = append(p.log, record)
	return record, p.decide
}

// note changes the record of a call.
func (p *Proxy) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// errCut is the end of a request that is cut.
var errCut = errors.New("request is cut")

// ServeHTTP serves one call.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	record, decide := p.arrive(r)
	defer p.handlers.Done()
	var f Fault
	if decide != nil {
		f = decide(record.Call)
		p.note(func() { record.Fault = f })
	}

	if f.when == Before && f.kind != none && f.kind != cutRequest {
		// A server takes the whole request before it answers, and a client that is gone is noticed only
		// then. Who drops a connection does not wait.
		if f.kind != drop {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		p.finish(w, r, record.Call, f)
		return
	}

	response, err := p.forward(r, f)
	if err != nil {
		if f.kind == cutRequest && errors.Is(err, errCut) {
			f.do()
		} else {
			p.note(func() { record.Err = err })
		}
		panic(http.ErrAbortHandler) // the client sees what it would see of the server
	}
	defer response.Body.Close()
	p.note(func() { record.Status = response.StatusCode })

	switch f.kind {
	case fail, drop, hang, cutRequest:
		_, _ = io.Copy(io.Discard, response.Body) // the server is done when all of it has come
		p.finish(w, r, record.Call, f)
		return
	}
	if err := p.handBack(w, r, response, f); err != nil {
		p.note(func() { record.Err = err })
		panic(http.ErrAbortHandler)
	}
}

// finish ends a call without the server's answer.
func (p *Proxy) finish(w http.ResponseWriter, r *http.Request, c Call, f Fault) {
	f.do()
	switch f.kind {
	case fail:
		c.failure(w, f.status, f.code)
	case hang:
		p.wait(r)
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
}

// wait waits until the client goes away or the proxy is closed.
func (p *Proxy) wait(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-p.ctx.Done():
	}
}

// forward makes the call to the server. It goes on if the client goes away after it has sent all of its
// request, as a server does.
func (p *Proxy) forward(r *http.Request, f Fault) (*http.Response, error) {
	out := r.Clone(p.ctx)
	out.RequestURI, out.Close = "", false // whether connections are used again is not the client's business
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	hopByHop(out.Header)
	if r.Header.Get("User-Agent") == "" {
		out.Header["User-Agent"] = nil // or the transport adds its own
	}
	if f.kind == cutRequest {
		out.Body = &cutReader{r.Body, f.offset, errCut}
	}
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	return p.transport.RoundTrip(out)
}

// hopByHop removes the headers that are about the connection and not about the call.
func hopByHop(h http.Header) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}
