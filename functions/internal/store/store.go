// Package store keeps objects by key under a root.
//
// A key is slash-separated and relative to the root, as in S3; there are no directories, only keys
// that begin alike. [Local] keeps the objects as files of one directory. What every store promises
// stands in the contract suite of the package storetest, which every store passes.
//
// The package knows nothing of what the objects hold. It does not retry: whether a failure can be
// mended by trying again is decided here, where it is made, and carried on the error (see [Error]).
//
// Decisions: writing has three steps (create, write, commit) and not one call that takes a reader,
// because a Parquet writer pushes its bytes, and because only its caller knows whether all of them
// came. Objects with an element that starts with a dot exist but are not listed: readers such as
// Athena do not see them either, and it gives half-written files a place to be.
package store

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Object describes one stored object.
type Object struct {
	// Key is the object's key.
	Key string
	// Size is the number of bytes.
	Size int64
	// ETag changes when the content does. It is "" where the store has none, as [Local] has.
	ETag string
	// Modified is when the object was written, by the store's clock.
	Modified time.Time
}

// Writer receives a new object's bytes. Nothing is visible under the object's key until Commit
// returns. A Writer is used by one goroutine at a time.
type Writer interface {
	// Write appends. It does not keep p. Once it gave an error, it and Commit give errors; after
	// Commit and Abort it gives one that is fs.ErrClosed.
	io.Writer
	// Commit publishes the object. When it returns nil the object is whole and durable, and
	// replaces any older one at once: a reader sees the one or the other. When it returns an error,
	// the older object most likely still stands, or the new one stands whole; nothing else is left
	// behind, and the Writer is done with.
	Commit(ctx context.Context) error
	// Abort gives up the object and leaves no trace. After Commit or Abort it does nothing and
	// returns nil, so that it can be deferred.
	Abort() error
}

// Error is how a call on a store failed.
type Error struct {
	// Op is the call: open, read, create, write, commit, abort, list, delete.
	Op string
	// Key is the key that the call was about, or the prefix.
	Key string
	// Err is the cause; it is fs.ErrNotExist if there is no such object.
	Err error
	// Permanent says that trying again cannot help.
	Permanent bool
}

// Error gives call, key and cause.
func (e *Error) Error() string { return fmt.Sprintf("%s %q: %v", e.Op, e.Key, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says whether trying again may help. It cannot if the object is missing or the key
// cannot be one.
func (e *Error) Retryable() bool { return !e.Permanent }
