// Package storetest says what a store promises, as a suite of tests that every store passes, and
// holds a store in memory whose calls can be made to fail, for the tests of packages that use one.
package storetest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Store is what the suite runs on: what all stores have in common. The packages that use a store
// declare the few of these methods that they need.
type Store interface {
	// Open opens an object for reading and describes it. What is read is one object as it was
	// committed, even if it is replaced meanwhile. A missing object is an error that is
	// fs.ErrNotExist and not retryable.
	Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error)
	// Create begins a new object, see [store.Writer]. The context is that of the writes. A key that
	// fails [store.CheckKey] is an error that is not retryable.
	Create(ctx context.Context, key string) (store.Writer, error)
	// List calls fn for every object whose key begins with prefix and is not [store.Hidden], in
	// ascending byte order of the keys. An error of fn ends it and is returned.
	List(ctx context.Context, prefix string, fn func(store.Object) error) error
	// Delete deletes an object; deleting what is not there is success.
	Delete(ctx context.Context, key string) error
	// URL gives the absolute URL of a key, "" standing for the root.
	URL(key string) string
}

// Run checks that a store keeps its promises. For each of them open gives a store that holds
// nothing, which the suite does not share between tests.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, promise := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"an object reads back as it was written", testReadBack},
		{"nothing is visible before Commit", testCommit},
		{"Abort leaves nothing", testAbort},
		{"Abort after Commit is harmless", testAbortAfterCommit},
		{"a Writer that is done with takes no more", testDone},
		{"an overwrite is whole", testOverwrite},
		{"concurrent writers leave one whole object", testConcurrentWriters},
		{"a missing object is fs.ErrNotExist", testMissing},
		{"an invalid key cannot be created", testInvalidKeys},
		{"Delete deletes, and what is gone too", testDelete},
		{"URLs are absolute and differ", testURL},
		{"a canceled context stops every call", testCanceled},
		{"a failed write cannot be committed", testFailedWrite},
		{"List gives keys in byte order", testListOrder},
		{"List gives what begins with the prefix", testListPrefix},
		{"List does not see hidden objects", testListHidden},
		{"List describes objects as Open does", testListObject},
		{"List ends with the error of its function", testListError},
		{"List ends when it is canceled", testListCanceled},
		{"List lets objects be deleted", testListDelete},
		{"List goes on after a thousand objects", testListMany},
	} {
		t.Run(strings.ReplaceAll(promise.name, " ", "_"), func(t *testing.T) { promise.test(t, open(t)) })
	}
}

// write writes an object, without publishing it.
func write(t *testing.T, s Store, key, data string) store.Writer {
	t.Helper()
	w, err := s.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(w, data); n != len(data) || err != nil {
		t.Fatalf("Write gave %d, %v, want %d", n, err, len(data))
	}
	return w
}

// put stores an object.
func put(t *testing.T, s Store, key, data string) {
	t.Helper()
	w := write(t, s, key, data)
	defer w.Abort()
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// get reads an object and checks its description.
func get(t *testing.T, s Store, key string) string {
	t.Helper()
	r, o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if o.Key != key || o.Size != int64(len(data)) || o.Modified.IsZero() {
		t.Errorf("Open(%q) describes %d bytes as %+v", key, len(data), o)
	}
	return string(data)
}

// keys lists the keys with that prefix.
func keys(t *testing.T, s Store, prefix string) []string {
	t.Helper()
	var keys []string
	err := s.List(t.Context(), prefix, func(o store.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// retryable says what an error says of itself; an error that says nothing may be retried.
func retryable(err error) bool {
	var r interface{ Retryable() bool }
	return !errors.As(err, &r) || r.Retryable()
}
