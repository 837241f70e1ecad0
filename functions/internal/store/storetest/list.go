package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// siblings are keys whose byte order is not the order in which a tree is walked by name: "a-b/x",
// "a.b" and "a b" sort before "a/x", because a space, "-" and "." sort before "/".
var siblings = []string{
	"A", "Z/y", "_x/y",
	"a b", "a-b/x", "a-b/y/z", "a.b", "a/b c", "a/b-c", "a/b.d", "a/b/d", "a/b/e-", "a/b0", "a0", "aa/b",
	"a=1/b=10/x", "a=1/b=2/x", "a=1/b=2-/x",
	"z", "ä", "é/1", "日本",
}

func testListOrder(t *testing.T, s Store) {
	shuffled := slices.Clone(siblings)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	for _, key := range shuffled {
		put(t, s, key, "data")
	}
	wantKeys(t, s, "", slices.Sorted(slices.Values(siblings))...)
}

func testListPrefix(t *testing.T, s Store) {
	wantKeys(t, s, "")
	wantKeys(t, s, "a/")
	for _, key := range siblings {
		put(t, s, key, "data")
	}
	for _, prefix := range []string{
		"a", "a/", "a/b", "a/b/", "a/b/d", "a/b/d/", "a-", "a-b/", "a=1/b=", "a=1/b=2", "a=1/b=2/", "b", "b/", "b/c/d", "A", "z", "日", "é/",
	} {
		var want []string
		for _, key := range slices.Sorted(slices.Values(siblings)) {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		wantKeys(t, s, prefix, want...)
	}
}

func testListHidden(t *testing.T, s Store) {
	for _, key := range []string{"a", "b/c", ".x", ".y/z", "b/.d", "b/.e/f", "b/g.h", "b/.../i"} {
		put(t, s, key, "data")
	}
	wantKeys(t, s, "", "a", "b/c", "b/g.h")
	for _, prefix := range []string{".", ".x", ".y", ".y/", ".y/z", "b/.", "b/.e/", "b/.e/f"} {
		wantKeys(t, s, prefix)
	}
	if got := get(t, s, ".y/z"); got != "data" {
		t.Errorf("the hidden object holds %q", got)
	}
}

func testListObject(t *testing.T, s Store) {
	put(t, s, "a/b", "data")
	put(t, s, "empty", "")
	err := s.List(t.Context(), "", func(listed store.Object) error {
		_, opened, err := open(t, s, listed.Key)
		// S3 gives whole seconds in the one and may give fractions in the other.
		if d := opened.Modified.Sub(listed.Modified).Abs(); err != nil || d >= 1e9 {
			t.Errorf("%q was modified %v according to List, %v to Open (%v)", listed.Key, listed.Modified, opened.Modified, err)
		}
		opened.Modified = listed.Modified
		if listed != opened {
			t.Errorf("List gives %+v, Open %+v", listed, opened)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testListError(t *testing.T, s Store) {
	put(t, s, "a/1", "data")
	put(t, s, "a/2", "data")
	stop := errors.New("stop")
	calls := 0
	err := s.List(t.Context(), "", func(store.Object) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("List gives %v after %d calls, want the function's own error after one", err, calls)
	}
}

func testListCanceled(t *testing.T, s Store) {
	for _, key := range []string{"a/1", "a/2", "b/3"} {
		put(t, s, key, "data")
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := s.List(ctx, "", func(store.Object) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("List gives %v after %d calls, want context.Canceled after one", err, calls)
	}
}

func testListDelete(t *testing.T, s Store) {
	for _, key := range siblings {
		put(t, s, key, "data")
	}
	calls := 0
	err := s.List(t.Context(), "", func(o store.Object) error {
		calls++
		return s.Delete(t.Context(), o.Key)
	})
	if err != nil || calls != len(siblings) {
		t.Errorf("List gives %v after %d calls, want %d", err, calls, len(siblings))
	}
	wantKeys(t, s, "")
}

// testListMany stores more objects than S3 lists in one answer.
func testListMany(t *testing.T, s Store) {
	var want []string
	for i := range 1010 {
		key := fmt.Sprintf("many/%d", i)
		put(t, s, key, "")
		want = append(want, key)
	}
	slices.Sort(want)
	wantKeys(t, s, "many/", want...)
}

func wantKeys(t *testing.T, s Store, prefix string, want ...string) {
	t.Helper()
	if got := keys(t, s, prefix); !slices.Equal(got, want) {
		t.Errorf("List(%q) gives %q, want %q", prefix, got, want)
	}
}
