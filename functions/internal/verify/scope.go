package verify

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Scope gives a function that says whether a URL is that of an object which one of these sources names,
// or would name if the object existed. A source is a path, which stands for a file or all that lies below
// a directory, or a pattern of paths as of [filepath.Match]; or a URL, which stands for an object and all
// that lies below it. It is meant for [Options].Holds.
func Scope(sources []string) (func(url string) bool, error) {
	var scopes []func(string) bool
	for _, source := range sources {
		if strings.Contains(source, "://") {
			scopes = append(scopes, below(source))
			continue
		}
		abs, err := filepath.Abs(source)
		if err != nil {
			return nil, err
		}
		_, err = os.Stat(source)
		if os.IsNotExist(err) && strings.ContainsAny(source, `*?[`) {
			scopes = append(scopes, matching(abs))
			continue
		}
		u, err := fileURL(resolve(abs))
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, below(u))
	}
	return func(url string) bool {
		for _, holds := range scopes {
			if holds(url) {
				return true
			}
		}
		return false
	}, nil
}

// below holds a URL and all below it.
func below(root string) func(string) bool {
	folder := strings.TrimSuffix(root, "/") + "/"
	return func(url string) bool { return url == root || strings.HasPrefix(url, folder) }
}

// matching holds the file URLs of the paths that a pattern matches, and all below them.
func matching(pattern string) func(string) bool {
	elements := strings.Split(filepath.ToSlash(pattern), "/")
	fixed := 0 // elements without a wildcard, in which symbolic links can be resolved
	for !strings.ContainsAny(elements[fixed], `*?[`) {
		fixed++
	}
	root := strings.TrimSuffix(filepath.ToSlash(resolve(filepath.FromSlash(strings.Join(elements[:fixed], "/")+"/"))), "/") + "/"
	elements = elements[fixed:]
	return func(s string) bool {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "file" {
			return false
		}
		rest, ok := strings.CutPrefix(u.Path, root)
		names := strings.Split(rest, "/")
		if !ok || len(names) < len(elements) {
			return false
		}
		for i, element := range elements {
			if ok, err := path.Match(element, names[i]); !ok || err != nil {
				return false
			}
		}
		return true
	}
}

// resolve gives a path without symbolic links, as far as it exists.
func resolve(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return name
}

// fileURL gives the URL that a local store gives a file.
func fileURL(name string) (string, error) {
	dir, base := filepath.Split(name)
	s, err := store.OpenLocal(dir)
	if err != nil {
		return "", err
	}
	return s.URL(base), nil
}
