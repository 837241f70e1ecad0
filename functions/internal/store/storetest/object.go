package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"strings"
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

func testMissing(t *testing.T, s Store) {
	put(t, s, "a/b/c", "data")
	for _, key := range []string{"missing", "a", "a/b", "a/b/c/d", "a/b/cc", "x/y/z"} {
		wantMissing(t, s, key)
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
		"Create": func() error {
			w, err := s.Create(ctx, "b")
			if err == nil {
				w.Abort()
			}
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
