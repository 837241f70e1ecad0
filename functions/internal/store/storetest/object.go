package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// oddKeys are valid keys that are easily mangled on their way into a URL, a request or a file name.
var oddKeys = []string{
	"plain",
	"t/year=2026/month=01/day=09/a-b_c.parquet",
	"with space/ leading and trailing ",
	"plus+and%20percent/100%",
	"query?x=1&y=2#fragment",
	"quotes'\"`/<angle>[brackets]{braces}",
	"comma,semicolon;colon:at@tilde~star*bang!dollar$",
	"unicode/ä日本語/e\u0301",
	"dots/a..b/...c..",
	"_underscore/__x",
}

func testReadBack(t *testing.T, s Store) {
	for _, key := range oddKeys {
		put(t, s, key, "content of "+key)
	}
	for _, key := range oddKeys {
		if got := get(t, s, key); got != "content of "+key {
			t.Errorf("%q holds %q", key, got)
		}
	}

	put(t, s, "empty", "")
	if got := get(t, s, "empty"); got != "" {
		t.Errorf("the empty object holds %q", got)
	}

	// Several megabytes, in writes of every size.
	random := rand.New(rand.NewPCG(1, 2))
	large := make([]byte, 9<<20)
	for i := range large {
		large[i] = byte(random.Uint32())
	}
	w := write(t, s, "large", "")
	for rest := large; len(rest) > 0; {
		n := min(len(rest), random.IntN(1<<random.IntN(22)))
		chunk := bytes.Clone(rest[:n])
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
		clear(chunk) // Write must not keep it
		rest = rest[n:]
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "large"); got != string(large) {
		t.Errorf("the large object of %d bytes reads back as %d bytes or others", len(large), len(got))
	}
}

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

func testMissing(t *testing.T, s Store) {
	put(t, s, "a/b/c", "data")
	for _, key := range []string{"missing", "a", "a/b", "a/b/c/d", "a/b/cc", "x/y/z"} {
		wantMissing(t, s, key)
	}
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

func testDelete(t *testing.T, s Store) {
	for _, key := range []string{"a", "b/c", "b/d"} {
		put(t, s, key, "data")
	}
	// "b" and "b/c/d" are not there, even if something is above or below them.
	for _, key := range []string{"a", "a", "b/c", "b", "b/c/d", "b/d/e", "missing", "x/y"} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	wantMissing(t, s, "a")
	wantMissing(t, s, "b/c")
	wantKeys(t, s, "", "b/d")
	put(t, s, "b/c", "again")
	wantKeys(t, s, "", "b/c", "b/d")
}

func testURL(t *testing.T, s Store) {
	seen := map[string]string{}
	for _, key := range append(oddKeys, "") {
		text := s.URL(key)
		if u, err := url.Parse(text); err != nil && strings.HasPrefix(text, "file:") || err == nil && !u.IsAbs() {
			t.Errorf("URL(%q) = %q, which is not one (%v)", key, text, err)
		}
		if other, ok := seen[text]; ok {
			t.Errorf("%q and %q have the same URL %q", key, other, text)
		}
		seen[text] = key
	}
}

func testCanceled(t *testing.T, s Store) {
	put(t, s, "a", "data")
	ctx, cancel := context.WithCancel(t.Context())
	w := write(t, s, "a", "new")
	defer w.Abort()
	cancel()
	calls := map[string]func() error{
		"Open": func() error {
			_, _, err := s.Open(ctx, "a")
			return err
		},
		"Commit": func() error { return w.Commit(ctx) },
		"Delete": func() error { return s.Delete(ctx, "a") },
		"List":   func() error { return s.List(ctx, "", func(store.Object) error { return nil }) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s gives %v, want context.Canceled", name, err)
		}
	}
	if got := get(t, s, "a"); got != "data" {
		t.Errorf("the object holds %q", got)
	}
	wantKeys(t, s, "", "a")
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

// open reads an object to its end.
func open(t *testing.T, s Store, key string) (string, store.Object, error) {
	r, o, err := s.Open(t.Context(), key)
	if err != nil {
		return "", o, err
	}
	data, err := io.ReadAll(r)
	return string(data), o, errors.Join(err, r.Close())
}

func wantMissing(t *testing.T, s Store, key string) {
	t.Helper()
	if _, _, err := open(t, s, key); !errors.Is(err, fs.ErrNotExist) || retryable(err) {
		t.Errorf("Open(%q) gives %v, want one that is fs.ErrNotExist and not retryable", key, err)
	}
}
