package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store"
)

// locator finds single objects by path or URL. It is used by one goroutine at a time.
type locator struct {
	// open opens the store of a URL, as [cloud.source].
	open replay.Opener
	// stores are those of buckets, by URL.
	stores map[string]replay.Store
}

// errFound ends a listing.
var errFound = errors.New("found")

// locate finds the object of a path or URL, with its size and its version. One that is missing, or that
// nobody may list, is given without them: its conversion fails, and says why, or succeeds where reading
// is permitted. Any other failure is an error: without its version an object is another one.
func (l *locator) locate(ctx context.Context, name string) (o replay.Object, err error) {
	if !isS3(name) {
		return locateFile(name)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(name, "s3://"), "/")
	s := l.stores[bucket]
	if s == nil {
		if s, key, err = l.open(ctx, name); err != nil {
			return replay.Object{}, err
		}
		if l.stores == nil {
			l.stores = map[string]replay.Store{}
		}
		l.stores[bucket] = s
	}
	o = replay.Object{Source: s, Key: key, Missing: true}
	// No key that begins with this one comes before it.
	err = s.List(ctx, key, func(found store.Object) error {
		if found.Key == key {
			o.Size, o.ETag, o.Modified, o.Missing = found.Size, found.ETag, found.Modified, false
		}
		return errFound
	})
	switch {
	case err == nil, errors.Is(err, errFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return o, nil
	case ctx.Err() != nil:
		return o, ctx.Err()
	}
	return o, err
}

// locateFile is locate for a path or a file URL, as a journal has it.
func locateFile(name string) (o replay.Object, err error) {
	if u, err := url.Parse(name); err == nil && u.Scheme == "file" {
		name = filepath.FromSlash(u.Path)
	} else if strings.Contains(name, "://") {
		return replay.Object{}, fmt.Errorf("find %s: want a path, a file URL or an s3:// URL", name)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return replay.Object{}, err
	}
	// Without symbolic links on the way an object has one URL, whichever way it is named.
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return replay.Object{}, err
	}
	o = replay.Object{Source: dir, Key: filepath.Base(path), Missing: true}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		o.Size, o.Modified, o.Missing = info.Size(), info.ModTime(), false
	}
	return o, nil
}
