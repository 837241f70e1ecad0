package replay

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Find gives the objects that the sources name, each once, in the order of the sources and, within
// one, of the keys. A source is a file, a directory, of which everything below is meant, or a glob
// pattern as of [filepath.Match] for either. A source that names nothing is an error.
func Find(ctx context.Context, sources []string) ([]Object, error) {
	f := finder{seen: make(map[string]bool)}
	for _, source := range sources {
		paths := []string{source}
		if _, err := os.Stat(source); err != nil {
			if !os.IsNotExist(err) || !strings.ContainsAny(source, `*?[`) {
				return nil, fmt.Errorf("find source: %w", err)
			}
			if paths, err = filepath.Glob(source); err != nil {
				return nil, fmt.Errorf("find source %q: %w", source, err)
			}
			if len(paths) == 0 {
				return nil, fmt.Errorf("find source %q: no file matches: %w", source, fs.ErrNotExist)
			}
		}
		for _, p := range paths {
			if err := f.add(ctx, p); err != nil {
				return nil, fmt.Errorf("find source %q: %w", source, err)
			}
		}
	}
	return f.objects, nil
}

type finder struct {
	objects []Object
	seen    map[string]bool // URLs
}

// add adds the file, or the files below the directory, of that path. Symbolic links on the way there
// are resolved, so that an object has one URL whichever way it is named.
func (f *finder) add(ctx context.Context, path string) error {
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
			f.object(dir, o.Key, o.Size)
			return nil
		})
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return err
	}
	f.object(dir, filepath.Base(path), info.Size())
	return nil
}

func (f *finder) object(dir *store.Local, key string, size int64) {
	url := dir.URL(key)
	if f.seen[url] {
		return
	}
	f.seen[url] = true
	f.objects = append(f.objects, Object{Source: dir, Key: key, Size: size})
}
