package storetest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// When says when a hook is called.
type When int

const (
	// Before is before the call has done anything; if the hook fails, it does nothing.
	Before When = iota
	// After is after the call took effect; if the hook fails, the caller is told of a failure all
	// the same, as when the answer to a request is lost.
	After
)

// Memory is a store in memory, which passes the suite. The zero value is an empty store; it may be
// shared by goroutines.
type Memory struct {
	// Hook, if not nil, is called before and after every call: op is open, read, create, write,
	// commit, list or delete, and key the object's or the prefix of a list. The error that it gives
	// becomes that of the call. It is set before the store is used, may be called by several
	// goroutines at once, and may itself call the store.
	Hook func(op, key string, when When) error

	mu      sync.Mutex
	objects map[string]content
}

// content is one object; its data is not changed.
type content struct {
	store.Object
	data []byte
}

// Put stores an object without calling the hook. It keeps data.
func (m *Memory) Put(key string, data []byte) {
	sum := md5.Sum(data) // what S3 takes for an ETag
	o := store.Object{Key: key, Size: int64(len(data)), ETag: hex.EncodeToString(sum[:]), Modified: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = map[string]content{}
	}
	m.objects[key] = content{o, data}
}

// Get gives an object's data, which must not be changed, without calling the hook, and says whether
// there is such an object.
func (m *Memory) Get(key string) (data []byte, ok bool) {
	c, ok := m.get(key)
	return c.data, ok
}

// Keys gives all keys, hidden ones too, in ascending order, without calling the hook.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]string, 0, len(m.objects))
	for key := range m.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// URL gives s3://memory/ and the key.
func (m *Memory) URL(key string) string { return "s3://memory/" + key }

// Open opens an object.
func (m *Memory) Open(ctx context.Context, key string) (r io.ReadCloser, o store.Object, err error) {
	err = m.call(ctx, "open", key, func() error {
		if err := store.CheckKey("open", key); err != nil {
			return err
		}
		c, ok := m.get(key)
		if !ok {
			return &store.Error{Op: "open", Key: key, Err: fs.ErrNotExist, Permanent: true}
		}
		r, o = &memoryReader{ctx, m, key, bytes.NewReader(c.data)}, c.Object
		return nil
	})
	if err != nil {
		return nil, store.Object{}, err
	}
	return r, o, nil
}

// Create begins an object.
func (m *Memory) Create(ctx context.Context, key string) (store.Writer, error) {
	err := m.call(ctx, "create", key, func() error { return store.CheckKey("create", key) })
	if err != nil {
		return nil, err
	}
	return &memoryWriter{ctx: ctx, store: m, key: key}, nil
}

// List lists what is there when it is called.
func (m *Memory) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	return m.call(ctx, "list", prefix, func() error {
		for _, key := range m.Keys() {
			if !strings.HasPrefix(key, prefix) || store.Hidden(key) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return &store.Error{Op: "list", Key: prefix, Err: err}
			}
			c, ok := m.get(key)
			if !ok {
				continue
			}
			if err := fn(c.Object); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delete deletes an object.
func (m *Memory) Delete(ctx context.Context, key string) error {
	return m.call(ctx, "delete", key, func() error {
		if err := store.CheckKey("delete", key); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.objects, key)
		return nil
	})
}

func (m *Memory) get(key string) (content, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.objects[key]
	return c, ok
}

// call does what a call is there for, between the two calls of the hook.
func (m *Memory) call(ctx context.Context, op, key string, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return &store.Error{Op: op, Key: key, Err: err}
	}
	if err := m.hook(op, key, Before); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return m.hook(op, key, After)
}

// hook does not make a store.Error, so that the hook's own error says whether it can be retried.
func (m *Memory) hook(op, key string, when When) error {
	if m.Hook == nil {
		return nil
	}
	if err := m.Hook(op, key, when); err != nil {
		return fmt.Errorf("%s %q: %w", op, key, err)
	}
	return nil
}

// memoryReader reads one object.
type memoryReader struct {
	ctx   context.Context
	store *Memory
	key   string
	data  *bytes.Reader
}

func (r *memoryReader) Read(p []byte) (n int, err error) {
	err = r.store.call(r.ctx, "read", r.key, func() error {
		n, err = r.data.Read(p)
		return err
	})
	return n, err
}

func (r *memoryReader) Close() error { return nil }

// memoryWriter writes one object.
type memoryWriter struct {
	ctx   context.Context
	store *Memory
	key   string
	data  bytes.Buffer
	err   error // why a write failed; Commit then refuses
	done  bool
}

func (w *memoryWriter) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, &store.Error{Op: "write", Key: w.key, Err: fs.ErrClosed}
	}
	if w.err == nil {
		w.err = w.store.call(w.ctx, "write", w.key, func() error {
			n, _ = w.data.Write(p) // never fails
			return nil
		})
	}
	return n, w.err
}

func (w *memoryWriter) Commit(ctx context.Context) error {
	if w.done {
		return &store.Error{Op: "commit", Key: w.key, Err: fs.ErrClosed}
	}
	w.done = true
	if w.err != nil {
		return w.err
	}
	return w.store.call(ctx, "commit", w.key, func() error {
		w.store.Put(w.key, w.data.Bytes())
		return nil
	})
}

func (w *memoryWriter) Abort() error {
	w.done = true
	return nil
}
