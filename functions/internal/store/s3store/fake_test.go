package s3store

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is as much of S3 as the store uses, over HTTP, with faults on demand. It follows the API
// reference where the store depends on it; the end-to-end tests run on a real gateway.
type fake struct {
	*httptest.Server
	t *testing.T

	// minPart is the least size of a part that is not the last.
	minPart int
	// pageSize is the number of objects in a page of a list.
	pageSize int
	// forget has the content of new objects counted, but not kept.
	forget bool

	quit chan struct{} // closed when the test ends

	mu      sync.Mutex
	hook    func(c call) *fault   // see script
	objects map[string]fakeObject // by bucket/key
	uploads map[string]*fakeUpload
	calls   []call
	count   map[string]int // by op
	serial  int
}

// call is one request.
type call struct {
	op, key string // the key with its bucket
	n       int    // counts the calls of this op, from 1
	header  http.Header
	query   url.Values
	size    int // of the body
}

// fault is how a call fails. Without a code the connection is cut instead of an answer.
type fault struct {
	after  bool // the call takes effect before it fails
	hang   bool // there is never an answer
	status int
	code   string
	header http.Header
	// broken has the answer end too early, after so many bytes of its body, by a cut connection or,
	// with hang, by silence.
	broken bool
	at     int64
}

type fakeObject struct {
	content  io.ReaderAt
	size     int64
	etag     string
	modified time.Time
}

type fakeUpload struct {
	key       string
	checksums bool
	parts     map[int]fakePart
}

type fakePart struct {
	data        []byte
	size        int
	digest      [md5.Size]byte
	etag, crc32 string
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, pageSize: 1000, minPart: minPartSize, quit: make(chan struct{}), objects: map[string]fakeObject{}, uploads: map[string]*fakeUpload{}, count: map[string]int{}}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = nil
	t.Cleanup(func() {
		close(f.quit)
		f.Close()
	})
	return f
}

// put stores an object without a request.
func (f *fake) put(key string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := md5.Sum(data)
	f.objects[key] = fakeObject{bytes.NewReader(data), int64(len(data)), quote(hex.EncodeToString(sum[:])), time.Now()}
}

// get gives an object's content without a request.
func (f *fake) get(key string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.objects[key]
	if !ok {
		return "", false
	}
	data, err := io.ReadAll(io.NewSectionReader(o.content, 0, o.size))
	if err != nil {
		f.t.Error(err)
	}
	return string(data), true
}

// open gives the number of multipart uploads that are neither completed nor aborted.
func (f *fake) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.uploads)
}

// object describes an object without a request.
func (f *fake) object(key string) fakeObject {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[key]
}

// remove deletes an object without a request.
func (f *fake) remove(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, key)
}

// forgetUploads ends all multipart uploads, as a lifecycle rule does.
func (f *fake) forgetUploads() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.uploads)
}

// script sets the hook, which may have calls fail. It is called before a call takes effect, by
// several goroutines at once.
func (f *fake) script(hook func(c call) *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// requests gives all requests since the last reset.
func (f *fake) requests() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// counts gives the number of requests since the last reset, by operation.
func (f *fake) counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.count)
}

func (f *fake) counted(op string) int { return f.counts()[op] }

func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.count = nil, map[string]int{}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{op: operation(r), key: strings.TrimPrefix(r.URL.Path, "/"), header: r.Header, query: r.URL.Query()}
	body, err := readBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	c.size = len(body)
	f.mu.Lock()
	f.count[c.op]++
	c.n = f.count[c.op]
	f.calls = append(f.calls, c)
	hook := f.hook
	f.mu.Unlock()

	var ft *fault
	if hook != nil {
		ft = hook(c)
	}
	a := &answer{header: http.Header{}}
	if ft == nil || ft.after || ft.broken {
		f.mu.Lock()
		f.effect(c, body, a)
		f.mu.Unlock()
	}
	switch {
	case ft == nil:
	case ft.broken:
		a.send(w, r, ft.at)
		if ft.hang {
			f.hang(r)
		}
		panic(http.ErrAbortHandler)
	case ft.hang:
		f.hang(r)
		panic(http.ErrAbortHandler)
	case ft.status != 0:
		a = &answer{header: ft.header}
		a.fail(ft.status, ft.code)
	default:
		panic(http.ErrAbortHandler)
	}
	a.send(w, r, -1)
}

// hang waits until somebody loses patience.
func (f *fake) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.quit:
	}
}

func operation(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == "GET" && q.Has("list-type"):
		return "List"
	case r.Method == "POST" && q.Has("uploads"):
		return "CreateUpload"
	case r.Method == "POST" && q.Has("uploadId"):
		return "Complete"
	case r.Method == "PUT" && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "AbortUpload"
	}
	return map[string]string{"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete"}[r.Method]
}
