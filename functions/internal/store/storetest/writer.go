package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
)

func testCommit(t *testing.T, s Store) {
	w := write(t, s, "a/b", "data")
	defer w.Abort()
	wantMissing(t, s, "a/b")
	if got := keys(t, s, ""); len(got) > 0 {
		t.Errorf("before Commit, List gives %q", got)
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "a/b"); got != "data" {
		t.Errorf("after Commit, the object holds %q", got)
	}
	wantKeys(t, s, "", "a/b")
}

func testAbort(t *testing.T, s Store) {
	put(t, s, "old", "old")
	for _, key := range []string{"new", "old"} {
		w := write(t, s, key, "half")
		for range 2 {
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
		}
	}
	if got := get(t, s, "old"); got != "old" {
		t.Errorf("after Abort, the older object holds %q", got)
	}
	wantMissing(t, s, "new")
	wantKeys(t, s, "", "old")
}

func testAbortAfterCommit(t *testing.T, s Store) {
	w := write(t, s, "a", "data")
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if got := get(t, s, "a"); got != "data" {
		t.Errorf("the object holds %q", got)
	}
}

func testDone(t *testing.T, s Store) {
	committed := write(t, s, "committed", "data")
	if err := committed.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	aborted := write(t, s, "aborted", "data")
	if err := aborted.Abort(); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]store.Writer{"Commit": committed, "Abort": aborted} {
		if _, err := w.Write([]byte("more")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Write after %s gives %v, want fs.ErrClosed", name, err)
		}
		if err := w.Commit(t.Context()); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Commit after %s gives %v, want fs.ErrClosed", name, err)
		}
	}
	if got := get(t, s, "committed"); got != "data" {
		t.Errorf("the object holds %q", got)
	}
	wantMissing(t, s, "aborted")
}

// testFailedWrite cancels the context of the writes. A store may notice it at the next write or
// only when that reaches the network, but must not publish.
func testFailedWrite(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := s.Create(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	_, err1 := w.Write([]byte("begin"))
	cancel()
	_, err2 := w.Write([]byte("end"))
	err3 := w.Commit(t.Context())
	if err := errors.Join(err1, err2, err3); err3 == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("write, write after cancel, commit give %v, %v, %v", err1, err2, err3)
	}
	wantMissing(t, s, "a")
	wantKeys(t, s, "")
}

func testOverwrite(t *testing.T, s Store) {
	put(t, s, "a", "the older and longer object")
	r, before, err := s.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := write(t, s, "a", "newer")
	if got := get(t, s, "a"); got != "the older and longer object" {
		t.Errorf("before Commit, the object holds %q", got)
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "a"); got != "newer" {
		t.Errorf("after Commit, the object holds %q", got)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "the older and longer object" {
		t.Errorf("the reader opened before reads %q, %v", got, err)
	}
	if _, after, err := open(t, s, "a"); err != nil || after.ETag == before.ETag && after.ETag != "" {
		t.Errorf("the ETag %q did not change with the content (%v)", after.ETag, err)
	}
	wantKeys(t, s, "", "a")
}

// testConcurrentWriters has several goroutines write different contents of one key, each in many
// writes, while others read.
func testConcurrentWriters(t *testing.T, s Store) {
	const writers, rounds, chunks = 4, 10, 16
	put(t, s, "a", strings.Repeat("0", 1000*chunks))

	var writing, reading sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			chunk := strings.Repeat(fmt.Sprint(i+1), 1000)
			for range rounds {
				w, err := s.Create(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				for range chunks {
					_, werr := io.WriteString(w, chunk)
					err = errors.Join(err, werr)
				}
				if err := errors.Join(err, w.Commit(t.Context())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				data, o, err := open(t, s, "a")
				if err != nil {
					t.Error(err)
					return
				}
				if len(data) != 1000*chunks || strings.Count(data, data[:1]) != len(data) || o.Size != int64(len(data)) {
					t.Errorf("a reader sees a mixed object of %d bytes, described as %+v", len(data), o)
					return
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
	wantKeys(t, s, "", "a")
}

func testInvalidKeys(t *testing.T, s Store) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a/..", "a\x00b"} {
		w, err := s.Create(t.Context(), key)
		if err == nil {
			t.Errorf("Create(%q) succeeds", key)
			_ = w.Abort()
			continue
		}
		if retryable(err) || !strings.Contains(err.Error(), fmt.Sprintf("%q", key)) {
			t.Errorf("Create(%q): error %q, retryable: %t; want one that quotes the key and is not", key, err, retryable(err))
		}
	}
}
