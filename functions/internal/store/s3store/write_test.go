package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// partSize is that of stores whose objects in parts are to be small.
const partSize = 1000

// newPartStore gives a store that writes parts of partSize bytes.
func newPartStore(t *testing.T, f *fake, o Options) *Store {
	f.minPart = partSize
	s := newStore(t, f, "", o)
	s.partSize = partSize
	return s
}

// TestWriteSizes writes objects around the sizes where something changes.
func TestWriteSizes(t *testing.T) {
	for _, test := range []struct{ size, parts int }{
		{0, 0}, {1, 0}, {partSize - 1, 0}, {partSize, 0}, {partSize + 1, 2}, {2 * partSize, 2}, {2*partSize + 1, 3}, {chunkSize + 1, 66}, {100 * partSize, 100},
	} {
		for _, write := range []int{1 << 20, 7, partSize} {
			f := newFake(t)
			s := newPartStore(t, f, Options{})
			data := randomBytes(test.size)
			w, err := s.Create(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			for chunk := range slices.Chunk(data, write) {
				if n, err := w.Write(chunk); n != len(chunk) || err != nil {
					t.Fatalf("Write gives %d, %v", n, err)
				}
			}
			if err := w.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, ok := f.get(bucket + "/a"); !ok || got != string(data) {
				t.Errorf("%d bytes in writes of %d: the object has %d", test.size, write, len(got))
			}
			want := map[string]int{"Put": 1}
			if test.parts > 0 {
				want = map[string]int{"CreateUpload": 1, "UploadPart": test.parts, "Complete": 1}
			}
			if got := f.counts(); !maps.Equal(got, want) {
				t.Errorf("%d bytes: calls %v, want %v", test.size, got, want)
			}
		}
	}
}

// writeCalls are the calls that write an object in parts, and the one that writes a small one, each
// with the number of times that an object of three parts makes it.
var writeCalls = map[string]int{"Put": 1, "CreateUpload": 1, "UploadPart": 3, "Complete": 1}

// writeFaults are ways in which one of them fails.
var writeFaults = map[string]struct {
	fault
	permanent bool
}{
	"500 before":     {fault: fault{status: 500, code: "InternalError"}},
	"500 after":      {fault: fault{status: 500, code: "InternalError", after: true}},
	"503 before":     {fault: fault{status: 503, code: "SlowDown"}},
	"503 after":      {fault: fault{status: 503, code: "SlowDown", after: true}},
	"200 but failed": {fault: fault{status: 200, code: "InternalError"}},
	"cut before":     {fault: fault{}},
	"cut after":      {fault: fault{after: true}},
	"denied":         {fault: fault{status: 403, code: "AccessDenied"}, permanent: true},
}

// TestWriteFaults has every call of every write fail in every way, once and always, before and after
// it took effect.
func TestWriteFaults(t *testing.T) {
	points := 0
	for op, calls := range writeCalls {
		for name, ft := range writeFaults {
			if ft.status == 200 && op == "UploadPart" || op == "Put" && ft.status == 200 {
				continue // whose answers have no body
			}
			for n := 1; n <= calls; n++ {
				for _, always := range []bool{false, true} {
					points++
					t.Run(fmt.Sprintf("%s %d, %s, always %t", op, n, name, always), func(t *testing.T) {
						testWriteFault(t, op, n, ft.fault, ft.permanent, always)
					})
				}
			}
		}
	}
	t.Logf("%d fault points", points)
}

func testWriteFault(t *testing.T, op string, n int, ft fault, permanent, always bool) {
	f := newFake(t)
	// One upload at a time, so that the parts are counted in their order.
	s := newPartStore(t, f, Options{Uploads: 1})
	f.put(bucket+"/a", []byte("older"))
	f.script(func(c call) *fault {
		if c.op == op && (c.n == n || always && c.n > n) {
			return &ft
		}
		return nil
	})
	size := 3 * partSize
	if op == "Put" {
		size = partSize
	}
	data := randomBytes(size)
	err := put(t, s, "a", data)
	f.script(nil)

	if fails := always || permanent; fails != (err != nil) {
		t.Fatalf("the write gives %v", err)
	}
	if err != nil {
		if retryable(err) == permanent || errors.Is(err, fs.ErrPermission) != permanent || !strings.Contains(err.Error(), "s3://flow-logs/a") {
			t.Errorf("retryable %t: %v", retryable(err), err)
		}
	}
	got, _ := f.get(bucket + "/a")
	if got != string(data) && (err == nil || got != "older") {
		t.Errorf("after %v, the object has %d bytes", err, len(got))
	}
	// What S3 began without being able to say so cannot be found again; the client tries 8 times.
	lost := 0
	if op == "CreateUpload" && ft.after {
		if lost = 1; always {
			lost = f.counted(op) // every attempt
		}
	}
	if f.open() != lost {
		t.Errorf("%d uploads are left behind, want %d", f.open(), lost)
	}
	if err != nil {
		if err := put(t, s, "a", data); err != nil {
			t.Errorf("written again: %v", err)
		}
		if got, _ := f.get(bucket + "/a"); got != string(data) {
			t.Errorf("written again, the object has %d bytes", len(got))
		}
	}
}

// TestCompleteIsChecked has the answer to CompleteMultipartUpload lost, and the object replaced
// before the client asks again.
func TestCompleteIsChecked(t *testing.T) {
	for name, ft := range map[string]*fault{"another object": nil, "may not look": {status: 403, code: "AccessDenied"}} {
		f := newFake(t)
		s := newPartStore(t, f, Options{})
		f.script(func(c call) *fault {
			switch {
			case c.op == "Complete" && c.n == 1:
				return &fault{after: true}
			case c.op == "Complete":
				f.put(bucket+"/a", []byte("of somebody else"))
			case c.op == "Head":
				return ft
			}
			return nil
		})
		err := put(t, s, "a", randomBytes(2*partSize))
		if err == nil || !retryable(err) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), codeNoSuchUpload) {
			t.Errorf("%s: Commit gives %v", name, err)
		}
	}
}

// TestAbortFails has S3 refuse to clear up.
func TestAbortFails(t *testing.T) {
	f := newFake(t)
	s := newPartStore(t, f, Options{})
	f.script(func(c call) *fault {
		if c.op == "AbortUpload" || c.op == "Complete" {
			return &fault{status: 403, code: "AccessDenied"}
		}
		return nil
	})
	w := begin(t, s, t.Context(), "a", 2*partSize)
	if err := w.Abort(); err == nil || !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), `abort "a": s3://flow-logs/a: AccessDenied`) {
		t.Errorf("Abort gives %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("another Abort gives %v", err)
	}
	w = begin(t, s, t.Context(), "a", 2*partSize)
	if err := w.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "what was sent stays behind: abort") {
		t.Errorf("Commit gives %v", err)
	}

	// An upload that is gone is aborted.
	f.script(nil)
	w = begin(t, s, t.Context(), "a", 2*partSize)
	f.forgetUploads()
	if err := w.Abort(); err != nil {
		t.Errorf("Abort of what is gone gives %v", err)
	}
}

// TestWriteEndsWithItsContext cancels while parts are on their way that never arrive.
func TestWriteEndsWithItsContext(t *testing.T) {
	for name, test := range map[string]func(w store.Writer, cancel func()) error{
		"Write": func(w store.Writer, cancel func()) error {
			// There is no room for a third part, so that the Write that needs it waits.
			go cancel()
			_, err := w.Write(make([]byte, 3*partSize))
			return err
		},
		"Create's context": func(w store.Writer, cancel func()) error {
			go cancel()
			return w.Commit(context.Background())
		},
		"Commit's context": func(w store.Writer, _ func()) error {
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			return w.Commit(ctx)
		},
		"Abort": func(w store.Writer, _ func()) error {
			return errors.Join(w.Abort(), context.Canceled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := newPartStore(t, f, Options{Uploads: 2})
			arrived := make(chan struct{}, 10)
			f.script(func(c call) *fault {
				if c.op != "UploadPart" {
					return nil
				}
				arrived <- struct{}{}
				return &fault{hang: true}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := begin(t, s, ctx, "a", 2*partSize+1)
			<-arrived
			<-arrived
			if err := test(w, cancel); !errors.Is(err, context.Canceled) || name == "Abort" && strings.Contains(err.Error(), "abort") {
				t.Errorf("gives %v", err)
			}
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
			if f.open() != 0 || len(s.uploads) != 0 {
				t.Errorf("%d uploads are left behind, %d parts on their way", f.open(), len(s.uploads))
			}
			if _, ok := f.get(bucket + "/a"); ok {
				t.Error("the object is there")
			}
		})
	}
}

// TestAbortWaits has a part that does not heed the end of its context at once, and must not arrive
// after the upload is aborted: S3 would keep it.
func TestAbortWaits(t *testing.T) {
	f := newFake(t)
	f.Start()
	started, aborted := make(chan struct{}), make(chan struct{})
	cfg := config(f.URL)
	cfg.HTTPClient = clientFunc(func(r *http.Request) (*http.Response, error) {
		switch operation(r) {
		case "UploadPart":
			close(started)
			<-r.Context().Done()
			select {
			case <-aborted:
				t.Error("the upload is aborted while a part is on its way")
			case <-time.After(50 * time.Millisecond):
			}
		case "AbortUpload":
			close(aborted)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	s := newStoreOf(t, newClient(cfg, noBackoff, attemptLimit), "", Options{})
	s.partSize = partSize
	w := begin(t, s, t.Context(), "a", partSize+1)
	<-started
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	<-aborted
	if f.open() != 0 {
		t.Error("the upload is left behind")
	}
}

// TestUploadsAreBounded has many writers at work, of which one goroutine each or one for all waits.
func TestUploadsAreBounded(t *testing.T) {
	const writers, uploads, size = 8, 2, 5*partSize + 1
	f := newFake(t)
	s := newPartStore(t, f, Options{Uploads: uploads})
	var mu sync.Mutex
	running, most := 0, 0
	full := make(chan struct{})
	f.script(func(c call) *fault {
		if c.op != "UploadPart" {
			return nil
		}
		mu.Lock()
		if running++; running == uploads && most < uploads {
			close(full)
		}
		most = max(most, running)
		mu.Unlock()
		<-full // nobody goes on before there are as many as may be
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	})
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := put(t, s, fmt.Sprint("own/", i), randomBytes(size)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if most != uploads {
		t.Errorf("%d uploads at the same time, want %d", most, uploads)
	}

	// One goroutine for all: none of the open writers may hold what another waits for.
	open := make([]store.Writer, writers)
	for i := range open {
		open[i] = begin(t, s, t.Context(), fmt.Sprint("one/", i), 0)
	}
	for chunk := range slices.Chunk(randomBytes(size), 300) {
		for _, w := range open {
			if _, err := w.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, w := range open {
		if err := w.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{"own/", "one/"} {
		for i := range writers {
			if got, _ := f.get(bucket + "/" + dir + fmt.Sprint(i)); got != string(randomBytes(size)) {
				t.Errorf("%s%d has %d bytes", dir, i, len(got))
			}
		}
	}
	if n := f.counted("UploadPart"); most > uploads || n != 2*writers*6 {
		t.Errorf("%d uploads, %d at the same time", n, most)
	}
}

func TestTooManyParts(t *testing.T) {
	f := newFake(t)
	s := newPartStore(t, f, Options{})
	w := begin(t, s, t.Context(), "a", partSize+1)
	u := &w.(*writer).upload
	u.running.Wait()
	u.parts = append(u.parts, make([]types.CompletedPart, maxParts-2)...) // as if they had been sent
	n, err := w.Write(make([]byte, partSize))
	if err != nil {
		t.Fatalf("the last part: Write gives %d, %v", n, err)
	}
	err = w.Commit(t.Context())
	if err == nil || retryable(err) || !strings.Contains(err.Error(), "s3://flow-logs/a: object of more than 10000 parts of 1000 bytes") {
		t.Errorf("Commit gives %v", err)
	}
	if f.open() != 0 {
		t.Error("the upload is left behind")
	}
}

// TestBuffer reads and seeks as the SDK does.
func TestBuffer(t *testing.T) {
	b := &buffer{pool: new(chunkPool)}
	data := randomBytes(3*chunkSize + 5)
	if n := b.append(data, chunkSize+1); n != chunkSize+1 {
		t.Errorf("%d bytes fit, want %d", n, chunkSize+1)
	}
	if n := b.append(data, chunkSize+1); n != 0 {
		t.Errorf("%d bytes fit, want none", n)
	}
	b.append(data[chunkSize+1:], 1<<30)
	r := b.reader()
	for _, at := range []int64{0, 1, chunkSize, 3*chunkSize + 4, int64(len(data))} {
		if got, err := r.Seek(at, io.SeekStart); got != at || err != nil {
			t.Errorf("Seek gives %d, %v", got, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != string(data[at:]) {
			t.Errorf("from %d: %d bytes, %v", at, len(got), err)
		}
	}
	if at, err := r.Seek(0, io.SeekEnd); at != int64(len(data)) || err != nil {
		t.Errorf("the end is at %d, %v", at, err)
	}
	if at, err := r.Seek(-2, io.SeekCurrent); at != int64(len(data)-2) || err != nil {
		t.Errorf("two back is %d, %v", at, err)
	}
	for _, at := range []int64{-1, int64(len(data) + 1)} {
		if _, err := r.Seek(at, io.SeekStart); err == nil {
			t.Errorf("Seek(%d) succeeds", at)
		}
	}
	b.free()
	if b.size != 0 || b.chunks != nil {
		t.Error("after free, the buffer is not empty")
	}
}

// begin creates an object and writes so many bytes.
func begin(t *testing.T, s *Store, ctx context.Context, key string, n int) store.Writer {
	t.Helper()
	w, err := s.Create(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(randomBytes(n)); err != nil {
		t.Fatal(err)
	}
	return w
}
