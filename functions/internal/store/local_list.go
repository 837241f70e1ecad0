package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// List calls fn for every object whose key begins with prefix, in ascending byte order of the keys,
// as S3 does. The prefix need not end at a slash. Objects that are [Hidden] are not seen; objects
// that come or go during the call may be seen or not.
//
// An error of fn ends the listing and is returned as it is. fn may call the store, also to delete
// the object it was given. Memory is bounded by the largest directory, not by the tree.
func (s *Local) List(ctx context.Context, prefix string, fn func(Object) error) error {
	if err := checkPrefix("list", prefix); err != nil {
		return err
	}
	dir, begin := path.Split(prefix)
	if Hidden(dir) {
		return nil
	}
	l := lister{ctx: ctx, store: s, prefix: prefix, fn: fn}
	return l.walk(dir, begin)
}

// lister is one call of [Local.List].
type lister struct {
	ctx    context.Context
	store  *Local
	prefix string
	fn     func(Object) error
}

// walk visits the objects under a directory whose next element begins so. The directory is a
// prefix: it is "" or ends in a slash.
func (l *lister) walk(dir, begin string) error {
	names, err := l.read(dir, begin)
	if err != nil {
		return l.fail(err)
	}
	for _, name := range names {
		if err := l.ctx.Err(); err != nil {
			return l.fail(err)
		}
		key := dir + name
		if strings.HasSuffix(name, "/") {
			if err := l.walk(key, ""); err != nil {
				return err
			}
			continue
		}
		info, err := statRegular(l.store.Path(key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return l.fail(err)
		}
		if err := l.fn(object(key, info)); err != nil {
			return err
		}
	}
	return nil
}

// read gives the names in a directory that begin so, those of directories with a slash at the end.
// So they sort as the keys do that they stand for: "a-b" comes before "a/", although "a" comes
// before "a-b".
func (l *lister) read(dir, begin string) ([]string, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(l.store.Path(dir))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if Hidden(name) || !strings.HasPrefix(name, begin) {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if mode, err = l.follow(dir, name); err != nil {
				return nil, err
			}
		}
		switch {
		case mode.IsDir():
			names = append(names, name+"/")
		case mode.IsRegular():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// follow gives the type of what a symbolic link leads to; a link that leads nowhere is neither a
// file nor a directory. A link that leads to a directory above itself is an error, as there would
// be no end of keys.
func (l *lister) follow(dir, name string) (fs.FileMode, error) {
	link := l.store.Path(dir + name)
	info, err := os.Stat(link)
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ModeIrregular, nil
	}
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return info.Mode().Type(), nil
	}
	for above := l.store.Path(dir); ; above = filepath.Dir(above) {
		other, err := os.Stat(above)
		if err != nil {
			return 0, err
		}
		if os.SameFile(info, other) {
			return 0, fmt.Errorf("%s leads to a directory that holds it", link)
		}
		if above == l.store.dir {
			return info.Mode().Type(), nil
		}
	}
}

func (l *lister) fail(err error) error { return &Error{Op: "list", Key: l.prefix, Err: err} }
