// Package mirror keeps local copies of a store's objects, for programs that open files themselves, as
// the DuckDB of package query does.
//
// A copy lies at its object's key below the mirror's directory, with the object's version before the
// last element: so a reader finds the folders of the key, and never a stale copy, because another
// version is another file. An object is fetched when it is asked for and its version is not there.
// The directory may be removed at any time when nobody reads from it.
//
// It is no store: nothing is written through it, and it does not tell what the objects hold.
//
// Decisions: the version stands in the name of the file, and not in a record beside it, because a
// name and what it stands for cannot come apart in a crash, and because a copy is then never replaced
// under a program that reads it. Copies of objects that are gone are removed, but not before nobody
// has used them for a day: without locks, that is what keeps one process from removing what another
// one reads. The copies of objects that are still there stay; a bound on the size of the whole would
// need to know what will be asked next.
package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Store is where the objects are.
type Store interface {
	// Open gives an object's bytes, which the caller closes, and describes it. The error of an object
	// that is not there is fs.ErrNotExist.
	Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error)
	// List calls fn for every object whose key begins with prefix, but for hidden ones. An error of fn
	// ends it and is returned.
	List(ctx context.Context, prefix string, fn func(store.Object) error) error
	// URL gives an object's URL, for messages.
	URL(key string) string
}

// Options say how to copy. Each has a default, which the zero value stands for.
type Options struct {
	// Transfers is the number of objects that are fetched at the same time; default 16, as one object
	// of a lake is small and a request takes some 50 ms.
	Transfers int
	// Hidden, if not nil, says which objects no copy is wanted of, by the key without the prefix that
	// was asked for.
	Hidden func(below string) bool
	// Fetched, if not nil, is called after each object that was fetched, with its size in bytes, one
	// call at a time.
	Fetched func(size int64)
}

// Mirror keeps copies of the objects of one store. It may be shared by goroutines, and several
// processes may work on one directory.
type Mirror struct {
	source  Store
	copies  *store.Local
	options Options
	slots   chan struct{} // holds an element for each object that is being fetched

	mu sync.Mutex // of calls of Fetched
}

// New gives the mirror of a store in a directory, which is made for the owner alone: the copies are
// for nobody else to read. The directory must not be used for another store.
func New(source Store, dir string, o Options) (*Mirror, error) {
	if o.Transfers < 0 {
		return nil, fmt.Errorf("open mirror: transfers: want at least 1, have %d", o.Transfers)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	copies, err := store.OpenLocal(dir)
	if err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	return &Mirror{source: source, copies: copies, options: o, slots: make(chan struct{}, cmp.Or(o.Transfers, 16))}, nil
}

// Files gives the objects whose keys begin with prefix, as the store lists them, with whole and current
// copies of them, sorted by the path, and fetches those that are not there. The prefix is "" or ends
// in a slash. Objects that are hidden or whose keys end in a slash, which stand for folders, have no
// copies.
//
// The copies are those of the objects that the listing saw; one that is replaced meanwhile may be the
// older or the newer one, and one that is deleted is an error. They stay for a day, or for as long
// as the objects do. On an error, what was fetched stays for the next call.
func (m *Mirror) Files(ctx context.Context, prefix string) ([]store.File, error) {
	var wanted []store.Object
	err := m.source.List(ctx, prefix, func(o store.Object) error {
		below := strings.TrimPrefix(o.Key, prefix)
		if !strings.HasSuffix(o.Key, "/") && (m.options.Hidden == nil || !m.options.Hidden(below)) {
			wanted = append(wanted, o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	there := map[string]store.Object{}
	err = m.copies.List(ctx, prefix, func(o store.Object) error {
		there[o.Key] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list copies: %w", err)
	}
	names, err := m.fetch(ctx, wanted, there)
	if err != nil {
		return nil, err
	}
	var files []store.File
	for i, name := range names {
		if o, ok := there[name]; ok {
			m.use(o)
			delete(there, name)
		}
		files = append(files, store.File{Object: wanted[i], Path: m.copies.Path(name)})
	}
	m.prune(ctx, there)
	slices.SortFunc(files, func(a, b store.File) int { return cmp.Compare(a.Path, b.Path) })
	return files, nil
}

// fetch gives the name of each object's copy, and fetches those that are not there.
func (m *Mirror) fetch(ctx context.Context, objects []store.Object, there map[string]store.Object) ([]string, error) {
	names := make([]string, len(objects))
	g, fetching := errgroup.WithContext(ctx)
	// The bound for all calls together is m.slots; this one keeps goroutines from waiting in thousands.
	g.SetLimit(cap(m.slots))
	for i, o := range objects {
		name := copyName(o)
		if c, ok := there[name]; ok && c.Size == o.Size {
			names[i] = name
			continue
		}
		if fetching.Err() != nil {
			break
		}
		g.Go(func() (err error) {
			select {
			case m.slots <- struct{}{}:
				defer func() { <-m.slots }()
			case <-fetching.Done():
				return fetching.Err()
			}
			if names[i], err = m.copy(fetching, o.Key); err != nil {
				return fmt.Errorf("copy %s: %w", m.source.URL(o.Key), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return names, ctx.Err()
}

// copy fetches one object and gives the name of its copy: that of the version which was fetched, be
// it another than the one that was listed. An object that is gone is an error: what took its place
// may not have been listed, and without it a query would give too little and not say so.
func (m *Mirror) copy(ctx context.Context, key string) (name string, err error) {
	r, o, err := m.source.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("deleted while it was listed, ask again: %w", err)
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	name = copyName(o)
	w, err := m.copies.Create(ctx, name)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	n, err := io.Copy(w, r)
	if err != nil {
		return "", err
	}
	if n != o.Size {
		return "", fmt.Errorf("want %d bytes, have %d: %w", o.Size, n, io.ErrUnexpectedEOF)
	}
	if err := w.Commit(ctx); err != nil {
		return "", err
	}
	if m.options.Fetched != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.options.Fetched(n)
	}
	return name, nil
}

// copyName gives the key of an object's copy among the copies.
func copyName(o store.Object) string {
	version := o.ETag
	if version == "" {
		version = o.Modified.UTC().Format(time.RFC3339Nano)
	}
	sum := sha256.Sum256([]byte(strconv.FormatInt(o.Size, 10) + " " + version))
	dir, base := path.Split(o.Key)
	return dir + hex.EncodeToString(sum[:8]) + "-" + base
}

const (
	// unused is how long a copy stays whose object is gone.
	unused = 24 * time.Hour
	// resolution is how exactly the time is kept at which a copy was last used.
	resolution = time.Hour
)

// use keeps a copy from being taken for an unused one. Where that fails, as in a directory that may
// only be read, nothing is lost today.
func (m *Mirror) use(copied store.Object) {
	if now := time.Now(); now.Sub(copied.Modified) > resolution {
		_ = os.Chtimes(m.copies.Path(copied.Key), now, now)
	}
}

// prune removes copies that nobody uses. Where that fails they stay until the next time.
func (m *Mirror) prune(ctx context.Context, copies map[string]store.Object) {
	for name, o := range copies {
		if time.Since(o.Modified) > unused {
			_ = m.copies.Delete(ctx, name)
		}
	}
}
