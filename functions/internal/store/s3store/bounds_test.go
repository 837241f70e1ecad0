package s3store

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"
)

// TestInvariantBoundsOfLargeObjects writes and reads 200 MB.
func TestInvariantBoundsOfLargeObjects(t *testing.T) {
	const size, limit = 200 << 20, 64 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // what is measured includes garbage
	f := newFake(t)
	f.forget = true
	var peak atomic.Uint64
	measure := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		for old := peak.Load(); m.HeapAlloc > old && !peak.CompareAndSwap(old, m.HeapAlloc); old = peak.Load() {
		}
	}
	f.script(func(call) *fault {
		measure()
		return nil
	})
	s := newStore(t, f, "", Options{PartSize: 5 << 20, Uploads: 2})
	w := begin(t, s, t.Context(), "a", 0)
	block := randomBytes(1 << 20)
	for range size / len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := f.object(bucket + "/a"); o.size != size || f.counted("UploadPart") != 40 {
		t.Errorf("wrote %d bytes in %d parts", o.size, f.counted("UploadPart"))
	}
	if got := peak.Load(); got == 0 || got > limit {
		t.Errorf("writing: peak of %d MB for %d MB, want at most %d", got>>20, size>>20, limit>>20)
	}

	peak.Store(0)
	f.mu.Lock()
	f.objects[bucket+"/b"] = fakeObject{content: repeated(block), size: size, etag: `"1"`, modified: time.Now()}
	f.mu.Unlock()
	r, _, err := s.Open(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var n int
	for buf := make([]byte, 64<<10); err == nil; {
		var m int
		m, err = r.Read(buf)
		if n>>24 != (n+m)>>24 {
			measure()
		}
		n += m
	}
	if err != io.EOF || n != size {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if got := peak.Load(); got == 0 || got > limit {
		t.Errorf("reading: peak of %d MB for %d MB, want at most %d", got>>20, size>>20, limit>>20)
	}
}

// TestInvariantBoundsOfSmallObjects shows that they do not cost a part each: many are open at once.
func TestInvariantBoundsOfSmallObjects(t *testing.T) {
	const objects, size, limit = 200, 100_000, 64 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	f := newFake(t)
	f.forget = true
	s := newStore(t, f, "", Options{})
	data := randomBytes(size)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range objects {
		w := begin(t, s, t.Context(), fmt.Sprint(i), 0)
		defer w.Abort()
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > limit {
		t.Errorf("%d open objects of %d bytes took %d MB, want at most %d", objects, size, got>>20, limit>>20)
	}
}

// TestInvariantBoundsOfGarbage counts the chunks that are made for 50 parts of 4 each.
func TestInvariantBoundsOfGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector empties pools
	f := newFake(t)
	f.minPart, f.forget = 4*chunkSize, true
	s := newStore(t, f, "", Options{Uploads: 1})
	s.partSize = f.minPart
	var made atomic.Int64
	s.chunks.pool.New = func() any {
		made.Add(1)
		return new(chunk)
	}
	for range 2 {
		if err := put(t, s, "a", randomBytes(25*s.partSize)); err != nil {
			t.Fatal(err)
		}
	}
	// The race detector has pools lose some.
	if got := made.Load(); got > 150 {
		t.Errorf("%d chunks were made, want most of 200 to be used again", got)
	}
}

// repeated is a block over and over.
type repeated []byte

func (b repeated) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], b[(off+int64(n))%int64(len(b)):])
	}
	return n, nil
}

// TestRepeated reads across the seam of a block.
func TestRepeated(t *testing.T) {
	p := make([]byte, 7)
	if n, err := repeated("abc").ReadAt(p, 2); n != 7 || err != nil || !bytes.Equal(p, []byte("cabcabc")) {
		t.Errorf("%d, %v, %q", n, err, p)
	}
}
