package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// Store is a store that sources lie in.
type Store interface {
	etl.Source
	// List calls fn for every object whose key begins with prefix, but for hidden ones, in ascending
	// byte order of the keys. An error of fn ends it and is returned as it is.
	List(ctx context.Context, prefix string, fn func(store.Object) error) error
}

// Opener opens the store that holds a source which is a URL, and gives the source's key there. The
// store must give an object the same URL whatever source led to it, as that is its identity.
type Opener func(ctx context.Context, url string) (s Store, key string, err error)

// Finder finds the objects that its sources name. It is a [Lister].
//
// A source is a path or a URL. The path is that of a file, or of a directory, of which everything
// below is meant, or a glob pattern as of [filepath.Match] for either. A URL, which has "://" in it
// and which Open understands, is taken in the same way: it means the object of that key and
// everything below it, so that a slash at its end makes no difference but to the object. That the
// key of one folder begins the name of another means nothing.
type Finder struct {
	Sources []string
	Open    Opener
	// Table and Select save listing what is not meant: of a source that is the folder of one Region's
	// logs of the table, only the folders of the days from From less Late to To plus Late are listed,
	// if the selection has both. Nothing else is left out; an object that was found may still be one
	// that is not selected.
	Table  *schema.Table
	Select Selection
}

// Each calls fn for each object, once, in the order of the sources. Whether an earlier source has named
// it, the roots of those tell, and not a list of what was found: memory is bounded by the number of
// sources and by the largest directory. A source that names nothing is an error.
func (f *Finder) Each(ctx context.Context, fn func(Object) error) error {
	w := walk{Finder: f, fn: fn, byDay: true}
	for _, source := range f.Sources {
		err := w.source(ctx, source)
		switch {
		case w.failed != nil:
			return w.failed
		case err != nil:
			return fmt.Errorf("find source %q: %w", source, err)
		}
	}
	return nil
}

// Check gives an error if a source names nothing, and lists no further than it takes to know that.
func (f *Finder) Check(ctx context.Context) error {
	for _, source := range f.Sources {
		w := walk{Finder: f, fn: func(Object) error { return errEnough }}
		if err := w.source(ctx, source); err != nil && !errors.Is(err, errEnough) {
			return fmt.Errorf("find source %q: %w", source, err)
		}
	}
	return nil
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// walk is one way through the sources.
type walk struct {
	*Finder
	fn     func(Object) error
	byDay  bool
	before []cover // the roots so far
	found  bool    // something at the source at hand
	failed error   // what fn gave
}

// cover says which objects a root has led to.
type cover interface{ covers(url string) bool }

func (w *walk) source(ctx context.Context, source string) error {
	w.found = false
	if strings.Contains(source, "://") {
		return w.url(ctx, source)
	}
	if _, err := os.Stat(source); err != nil {
		if !os.IsNotExist(err) || !strings.ContainsAny(source, `*?[`) {
			return err
		}
		return w.glob(ctx, source)
	}
	path, err := resolve(source)
	if err != nil {
		return err
	}
	r, err := w.path(ctx, path)
	w.before = append(w.before, r)
	return err
}

// url finds the object of that URL and those below it.
func (w *walk) url(ctx context.Context, url string) error {
	s, key, err := w.Open(ctx, url)
	if err != nil {
		return err
	}
	r := &root{store: s}
	if key != "" && !strings.HasSuffix(key, "/") {
		r.object = s.URL(key)
		// No key that begins with this one comes before it.
		err := s.List(ctx, key, func(o store.Object) error {
			if o.Key == key {
				if err := w.emit(s, o); err != nil {
					return err
				}
			}
			return errEnough
		})
		if err != nil && (w.failed != nil || !errors.Is(err, errEnough)) {
			return err
		}
		key += "/"
	}
	if err := w.below(ctx, r, key); err != nil {
		return err
	}
	if !w.found && r.days != nil {
		// Nothing on these days is no mistake, if there is something on others.
		err := s.List(ctx, key, func(store.Object) error {
			w.found = true
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	if !w.found {
		return fmt.Errorf("no object of that key, and none below it (a URL takes no patterns): %w", fs.ErrNotExist)
	}
	w.before = append(w.before, r)
	return nil
}

// path finds the file, or the files below the directory, of a path that is absolute and without
// symbolic links.
func (w *walk) path(ctx context.Context, path string) (*root, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		dir, err := store.OpenLocal(path)
		if err != nil {
			return nil, err
		}
		r := &root{store: dir}
		return r, w.below(ctx, r, "")
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	o := store.Object{Key: filepath.Base(path), Size: info.Size(), Modified: info.ModTime()}
	return &root{store: dir, object: dir.URL(o.Key)}, w.emit(dir, o)
}

// resolve gives the absolute path without symbolic links on the way, so that an object has one URL
// whichever way it is named.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// below finds the objects of the root below a folder, whose key is "" or ends in a slash, or those of
// some days if that is all that is meant.
func (w *walk) below(ctx context.Context, r *root, folder string) error {
	r.folder = slashed(r.store.URL(folder))
	emit := func(o store.Object) error { return w.emit(r.store, o) }
	first, last, ok := w.Select.days()
	if ok = ok && w.byDay; ok {
		_, ok = w.Table.DayFolder(r.folder, first)
	}
	if !ok {
		return r.store.List(ctx, folder, emit)
	}
	r.days = make(map[string]bool)
	for d := first; d <= last; d++ {
		day, _ := w.Table.DayFolder(r.folder, d)
		r.days[day] = true
		if err := r.store.List(ctx, folder+day, emit); err != nil {
			return err
		}
	}
	return nil
}

// emit passes an object on, unless an earlier source has led to it.
func (w *walk) emit(s Store, o store.Object) error {
	w.found = true
	if len(w.before) > 0 {
		url := s.URL(o.Key)
		for _, b := range w.before {
			if b.covers(url) {
				return nil
			}
		}
	}
	w.failed = w.fn(Object{Source: s, Key: o.Key, Size: o.Size, ETag: o.ETag, Modified: o.Modified})
	return w.failed
}

// root is an object, or a folder, or both, that a source names.
type root struct {
	store  Store
	object string          // URL of the object, or ""
	folder string          // URL of the folder, with a slash at its end, or ""
	days   map[string]bool // the folders below that were listed, if not all of it was
}

func (r *root) covers(url string) bool {
	if url == r.object {
		return true
	}
	if r.folder == "" || !strings.HasPrefix(url, r.folder) || store.Hidden(url[len(slashed(r.store.URL(""))):]) {
		return false
	}
	if r.days == nil {
		return true
	}
	below := url[len(r.folder):]
	for day := range r.days {
		return len(below) > len(day) && r.days[below[:len(day)]] // all have the same length
	}
	return false
}

func slashed(url string) string { return strings.TrimSuffix(url, "/") + "/" }
