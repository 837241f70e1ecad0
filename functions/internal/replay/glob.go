package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// glob finds the files that a pattern names, and those below the directories that it names.
//
// It is [filepath.Glob] without its list, as a pattern may name every file of a history. What the
// pattern names in two ways, by a symbolic link, comes once: the path without links tells.
func (w *walk) glob(ctx context.Context, source string) error {
	if _, err := filepath.Match(source, ""); err != nil {
		return err
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return err
	}
	g := &pattern{}
	base := path
	for hasMeta(base) {
		g.elements = append([]string{filepath.Base(base)}, g.elements...)
		base = filepath.Dir(base)
	}
	found := false
	if g.base, err = filepath.EvalSymlinks(base); err == nil {
		var links []string
		err = expand(ctx, g.base, g.elements, func(path string) error {
			found = true
			real, err := filepath.EvalSymlinks(path)
			if err != nil {
				return err
			}
			if real == path {
				_, err := w.path(ctx, path)
				return err
			}
			if !g.matches(real) { // else it comes in its own right
				links = append(links, real)
			}
			return nil
		})
		w.before = append(w.before, g)
		for _, path := range links {
			if err != nil {
				break
			}
			var r *root
			r, err = w.path(ctx, path)
			w.before = append(w.before, r)
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil && !found {
		return fmt.Errorf("no file matches: %w", fs.ErrNotExist)
	}
	return err
}

// expand calls fn for the paths below a directory that match the elements of a pattern one by one.
func expand(ctx context.Context, dir string, elements []string, fn func(path string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(elements) == 0 {
		return fn(dir)
	}
	names := []string{elements[0]}
	if hasMeta(elements[0]) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
		names = names[:0]
		for _, e := range entries {
			if ok, _ := filepath.Match(elements[0], e.Name()); ok { // the pattern was checked
				names = append(names, e.Name())
			}
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue // also a link that leads nowhere
		} else if err != nil {
			return err
		}
		if err := expand(ctx, path, elements[1:], fn); err != nil {
			return err
		}
	}
	return nil
}

func hasMeta(path string) bool {
	magic := `*?[\`
	if filepath.Separator == '\\' {
		magic = `*?[`
	}
	return strings.ContainsAny(path, magic)
}

// pattern is a glob pattern.
type pattern struct {
	base     string   // absolute path, without symbolic links
	elements []string // below it, the first of which is a pattern
}

func (p *pattern) covers(object string) bool {
	u, err := url.Parse(object)
	if err != nil || u.Scheme != "file" {
		return false
	}
	path := filepath.FromSlash(u.Path)
	if filepath.VolumeName(p.base) != "" {
		path = strings.TrimPrefix(path, string(filepath.Separator)) // before the drive letter
	}
	return p.matches(path)
}

// matches says whether the pattern leads to that path, which has no symbolic links in it: to itself, or
// to a directory above it of which everything is meant that is not hidden.
func (p *pattern) matches(path string) bool {
	below, err := filepath.Rel(p.base, path)
	if err != nil {
		return false
	}
	names := strings.Split(filepath.ToSlash(below), "/")
	if len(names) < len(p.elements) {
		return false
	}
	for i, e := range p.elements {
		if ok, _ := filepath.Match(e, names[i]); !ok {
			return false
		}
	}
	rest := names[len(p.elements):]
	return len(rest) == 0 || !store.Hidden(strings.Join(rest, "/"))
}
