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

// Find gives the objects that the sources name, each once, in the order of the sources and, within
// one, of the keys. A source that names nothing is an error.
//
// A source is a path or a URL. The path is that of a file, or of a directory, of which everything
// below is meant, or a glob pattern as of [filepath.Match] for either. A URL, which has "://" in it
// and which open understands, is taken in the same way: it means the object of that key and
// everything below it, so that a slash at its end makes no difference but to the object. That the
// key of one folder begins the name of another means nothing.
func Find(ctx context.Context, sources []string, open Opener) ([]Object, error) {
	f := finder{open: open, seen: make(map[string]bool)}
	for _, source := range sources {
		find := f.paths
		if strings.Contains(source, "://") {
			find = f.url
		}
		if err := find(ctx, source); err != nil {
			return nil, fmt.Errorf("find source %q: %w", source, err)
		}
	}
	return f.objects, nil
}

type finder struct {
	open    Opener
	objects []Object
	seen    map[string]bool // URLs
}

// url adds the object of that URL and those below it.
func (f *finder) url(ctx context.Context, url string) error {
	s, key, err := f.open(ctx, url)
	if err != nil {
		return err
	}
	found := false
	add := func(o store.Object) error {
		found = true
		f.object(s, o)
		return nil
	}
	folder := key
	if key != "" && !strings.HasSuffix(key, "/") {
		folder += "/"
		// No key that begins with this one comes before it.
		err := s.List(ctx, key, func(o store.Object) error {
			if o.Key == key {
				_ = add(o)
			}
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	if err := s.List(ctx, folder, add); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("no object of that key, and none below it (a URL takes no patterns): %w", fs.ErrNotExist)
	}
	return nil
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// paths adds the files that a path or a pattern names.
func (f *finder) paths(ctx context.Context, source string) error {
	paths := []string{source}
	if _, err := os.Stat(source); err != nil {
		if !os.IsNotExist(err) || !strings.ContainsAny(source, `*?[`) {
			return err
		}
		if paths, err = filepath.Glob(source); err != nil {
			return err
		}
		if len(paths) == 0 {
			return fmt.Errorf("no file matches: %w", fs.ErrNotExist)
		}
	}
	for _, p := range paths {
		if err := f.path(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// path adds the file, or the files below the directory, of that path. Symbolic links on the way there
// are resolved, so that an object has one URL whichever way it is named.
func (f *finder) path(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		dir, err := store.OpenLocal(path)
		if err != nil {
			return err
		}
		return dir.List(ctx, "", func(o store.Object) error {
			f.object(dir, o)
			return nil
		})
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return err
	}
	f.object(dir, store.Object{Key: filepath.Base(path), Size: info.Size()})
	return nil
}

// object adds one object, unless it was found before.
func (f *finder) object(s Store, o store.Object) {
	url := s.URL(o.Key)
	if f.seen[url] {
		return
	}
	f.seen[url] = true
	f.objects = append(f.objects, Object{Source: s, Key: o.Key, Size: o.Size})
}
