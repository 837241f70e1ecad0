package s3store

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
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

// effect does what the call asks for.
func (f *fake) effect(c call, body []byte, a *answer) {
	switch c.op {
	case "Get", "Head":
		f.getObject(c, a)
	case "Put":
		part, ok := f.receive(c, body, a)
		if !ok {
			return
		}
		f.objects[c.key] = fakeObject{bytes.NewReader(part.data), int64(part.size), part.etag, time.Now()}
		a.header.Set("ETag", part.etag)
	case "Delete":
		delete(f.objects, c.key)
		a.status = http.StatusNoContent
	case "List":
		f.list(c, a)
	case "CreateUpload":
		f.serial++
		id := fmt.Sprint("upload-", f.serial)
		f.uploads[id] = &fakeUpload{c.key, c.header.Get("X-Amz-Checksum-Algorithm") == "CRC32", map[int]fakePart{}}
		a.xml(struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
	case "UploadPart", "Complete", "AbortUpload":
		id := c.query.Get("uploadId")
		u := f.uploads[id]
		if u == nil || u.key != c.key {
			a.fail(http.StatusNotFound, codeNoSuchUpload)
			return
		}
		f.multipart(c, u, id, body, a)
	default:
		f.t.Errorf("unknown request %v", c)
	}
}

func (f *fake) getObject(c call, a *answer) {
	o, ok := f.objects[c.key]
	if !ok {
		a.fail(http.StatusNotFound, codeNoSuchKey)
		return
	}
	if match := c.header.Get("If-Match"); match != "" && match != o.etag {
		a.fail(http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	a.header.Set("ETag", o.etag)
	a.header.Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	first, last := int64(0), o.size-1
	if text := c.header.Get("Range"); text != "" {
		if n, _ := fmt.Sscanf(text, "bytes=%d-%d", &first, &last); n == 0 || first >= o.size || last < first {
			a.fail(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		last = min(last, o.size-1)
		a.status = http.StatusPartialContent
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, o.size))
	}
	a.length = last - first + 1
	if c.op == "Get" {
		a.body = io.NewSectionReader(o.content, first, a.length)
	}
}

func (f *fake) list(c call, a *answer) {
	type content struct {
		Key, ETag, LastModified string
		Size                    int64
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		EncodingType          string   `xml:",omitempty"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	page.EncodingType = c.query.Get("encoding-type")
	for _, name := range slices.Sorted(maps.Keys(f.objects)) {
		key, inside := strings.CutPrefix(name, strings.TrimSuffix(c.key, "/")+"/")
		after, _ := hex.DecodeString(c.query.Get("continuation-token"))
		if !inside || !strings.HasPrefix(key, c.query.Get("prefix")) || key <= string(after) {
			continue
		}
		if len(page.Contents) == f.pageSize {
			page.IsTruncated = true
			break
		}
		o := f.objects[name]
		page.NextContinuationToken = hex.EncodeToString([]byte(key))
		if page.EncodingType == "url" {
			key = strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
		}
		page.Contents = append(page.Contents, content{key, o.etag, o.modified.UTC().Format("2006-01-02T15:04:05.000Z"), o.size})
	}
	if !page.IsTruncated {
		page.NextContinuationToken = ""
	}
	a.xml(page)
}

func (f *fake) multipart(c call, u *fakeUpload, id string, body []byte, a *answer) {
	switch c.op {
	case "AbortUpload":
		delete(f.uploads, id)
		a.status = http.StatusNoContent
	case "UploadPart":
		part, ok := f.receive(c, body, a)
		if !ok {
			return
		}
		number, _ := strconv.Atoi(c.query.Get("partNumber"))
		u.parts[number] = part
		a.header.Set("ETag", part.etag)
		a.header.Set("X-Amz-Checksum-Crc32", part.crc32)
	case "Complete":
		var in struct {
			Part []struct {
				PartNumber          int
				ETag, ChecksumCRC32 string
			}
		}
		if err := xml.Unmarshal(body, &in); err != nil || len(in.Part) == 0 {
			a.fail(http.StatusBadRequest, "MalformedXML")
			return
		}
		sum, all, size := md5.New(), []byte(nil), 0
		for i, p := range in.Part {
			part, ok := u.parts[p.PartNumber]
			switch {
			case !ok || p.ETag != part.etag || i > 0 && p.PartNumber <= in.Part[i-1].PartNumber:
				a.fail(http.StatusBadRequest, "InvalidPart")
				return
			case u.checksums && p.ChecksumCRC32 != part.crc32:
				a.fail(http.StatusBadRequest, "InvalidPart")
				return
			case i < len(in.Part)-1 && part.size < f.minPart:
				a.fail(http.StatusBadRequest, "EntityTooSmall")
				return
			}
			sum.Write(part.digest[:])
			all = append(all, part.data...)
			size += part.size
		}
		etag := quote(fmt.Sprintf("%x-%d", sum.Sum(nil), len(in.Part)))
		f.objects[u.key] = fakeObject{bytes.NewReader(all), int64(size), etag, time.Now()}
		delete(f.uploads, id)
		a.xml(struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}{ETag: etag})
	}
}

// receive takes the bytes of an object or a part, if they came as they were sent.
func (f *fake) receive(c call, body []byte, a *answer) (fakePart, bool) {
	p := fakePart{data: body, size: len(body), digest: md5.Sum(body), crc32: crc32Of(body)}
	p.etag = quote(hex.EncodeToString(p.digest[:]))
	if want := c.header.Get("X-Amz-Checksum-Crc32"); want != p.crc32 {
		f.t.Errorf("%s: the checksum of %d bytes is %q, the client says %q", c.op, len(body), p.crc32, want)
		a.fail(http.StatusBadRequest, "BadDigest")
		return p, false
	}
	if f.forget {
		p.data = nil
	}
	return p, true
}

func quote(s string) string { return `"` + s + `"` }
