package faultproxy

import (
	"io"
	"net/http"
	"time"
)

// handBack gives the server's answer to the client, as the fault lets it.
func (p *Proxy) handBack(w http.ResponseWriter, r *http.Request, response *http.Response, f Fault) error {
	hopByHop(response.Header)
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	for _, name := range []string{"Content-Type", "Date"} {
		if _, found := response.Header[name]; !found {
			w.Header()[name] = nil // or net/http adds its own
		}
	}
	w.WriteHeader(response.StatusCode)
	flush := http.NewResponseController(w).Flush

	switch f.kind {
	case cutResponse, stall:
		if _, err := io.CopyN(w, response.Body, f.offset); err != nil && err != io.EOF {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
		f.do()
		if f.kind == stall {
			p.wait(r)
		}
		panic(http.ErrAbortHandler)
	case slow:
		if err := flush(); err != nil {
			return err
		}
		return p.copySlowly(w, r, response.Body, f)
	}
	f.do()
	_, err := io.Copy(w, response.Body)
	return err
}

// copySlowly copies a body in pieces.
func (p *Proxy) copySlowly(w http.ResponseWriter, r *http.Request, body io.Reader, f Fault) error {
	pause := time.NewTicker(max(f.pause, 1))
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return r.Context().Err()
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
		if _, err := io.CopyN(w, body, int64(f.chunk)); err != nil {
			if err == io.EOF {
				f.do()
				return nil
			}
			return err
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
	}
}

// cutReader reads up to a number of bytes and then gives an error; what is not longer is read to its end.
type cutReader struct {
	io.ReadCloser
	left int64
	err  error
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		// One byte more says whether there is any.
		var next [1]byte
		if n, err := io.ReadFull(r.ReadCloser, next[:]); n == 0 {
			return 0, err
		}
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}
