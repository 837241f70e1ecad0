package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/mirror"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store"
)

// hidden says whether a query does not see an object below a partition's location: as for Athena, an
// element of its key there starts with an underscore or a dot.
func hidden(below string) bool {
	for element := range strings.SplitSeq(below, "/") {
		if strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") {
			return true
		}
	}
	return false
}

// localFiles are the files of a lake that is a directory.
type localFiles struct{ dir *store.Local }

// Files gives the objects below a location that a query may read.
func (l localFiles) Files(ctx context.Context, location string) ([]store.File, error) {
	var files []store.File
	err := l.dir.List(ctx, location, func(o store.Object) error {
		if !hidden(strings.TrimPrefix(o.Key, location)) {
			files = append(files, store.File{Object: o, Path: l.dir.Path(o.Key)})
		}
		return nil
	})
	return files, err
}

// files gives the lake's files for a query: its own, or copies below a cache, whose downloads d shows.
func (l *lake) files(cache string, d *download) (query.Files, error) {
	if l.dir != nil {
		return localFiles{l.dir}, nil
	}
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, usage("--cache: want a directory: the user's own is not known: %w", err)
		}
		cache = filepath.Join(user, "flowlake")
	}
	return mirror.New(l.objects, filepath.Join(cache, cacheName(l.URL(""))), mirror.Options{Hidden: hidden, Fetched: d.fetched})
}

// cacheName gives the name of a lake's directory in the cache.
func cacheName(url string) string {
	sum := sha256.Sum256([]byte(url))
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, strings.Trim(strings.TrimPrefix(url, "s3://"), "/"))
	return name[:min(len(name), 100)] + "-" + hex.EncodeToString(sum[:4])
}
