package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// Files gives the paths of the objects below a location that a query may read.
func (l localFiles) Files(ctx context.Context, location string) ([]string, error) {
	var files []string
	err := l.dir.List(ctx, location, func(o store.Object) error {
		if !hidden(strings.TrimPrefix(o.Key, location)) {
			files = append(files, l.dir.Path(o.Key))
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

// much is the number of bytes from which on a download is spoken of.
const much = 10e6

// download says what is copied of a lake, if it takes long or is much.
type download struct {
	w       io.Writer
	objects int
	bytes   int64
	last    time.Time // of the last line
	said    bool
}

// fetched takes the size of an object that was copied.
func (d *download) fetched(size int64) {
	d.objects++
	d.bytes += size
	if now := time.Now(); now.Sub(d.last) >= every {
		d.last, d.said = now, true
		d.say("copying the lake's objects")
	}
}

// close says how much it was.
func (d *download) close() {
	if d.said || d.bytes >= much {
		d.say("copied")
	}
}

func (d *download) say(what string) {
	fmt.Fprintf(d.w, "%s: %s objects, %s\n", what, comma(d.objects), size(d.bytes))
}
