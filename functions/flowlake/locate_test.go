package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

func nobodys(replay.Object) bool { return false }

// buckets opens stores in memory by the bucket of a URL.
type buckets map[string]*root

func (b buckets) open(_ context.Context, url string) (replay.Store, string, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	if b[bucket] == nil {
		return nil, "", errors.New("no such bucket: " + bucket)
	}
	return b[bucket], key, nil
}

func newBucket(name string, keys ...string) *root {
	r := &root{url: "s3://" + name}
	for _, key := range keys {
		r.Put(key, []byte(key))
	}
	return r
}

// Objects are found with what their stores know of them; one that is missing is given all the same, for
// its conversion to fail.
func TestLocate(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(os.MkdirAll("logs", 0o777), os.WriteFile("logs/a b.log.gz", []byte("xyz"), 0o666), os.Symlink("logs", "link")); err != nil {
		t.Fatal(err)
	}
	l := locator{open: buckets{"logs": newBucket("logs", "a b.log.gz", "a b.log.gz.old")}.open}
	for _, test := range []struct {
		name, url string
		size      int64
		exists    bool
	}{
		{"s3://logs/a b.log.gz", "s3://logs/a b.log.gz", 10, true},
		{"s3://logs/a b.log", "s3://logs/a b.log", 0, false},
		{"s3://logs/gone.log.gz", "s3://logs/gone.log.gz", 0, false},
		{"logs/a b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"link/a b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"file://" + dir + "/logs/a%20b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"none/gone.log.gz", "file://" + dir + "/none/gone.log.gz", 0, false},
		{"logs", "file://" + dir + "/logs", 0, false},
	} {
		o, err := l.locate(t.Context(), test.name)
		if err != nil || o.Missing == test.exists || o.URL() != test.url || o.Size != test.size || o.Modified.IsZero() == test.exists {
			t.Errorf("%s: %+v, error %v", test.name, o, err)
		}
	}
	for _, name := range []string{"s3://other/a.log.gz", "https://example.com/a.log.gz"} {
		if _, err := l.locate(t.Context(), name); err == nil {
			t.Errorf("%s is found", name)
		}
	}
	denied := newBucket("logs")
	denied.Hook = func(op, _ string, _ storetest.When) error { return fs.ErrPermission }
	l = locator{open: buckets{"logs": denied}.open}
	if o, err := l.locate(t.Context(), "s3://logs/a.log.gz"); err != nil || !o.Missing || o.URL() != "s3://logs/a.log.gz" {
		t.Errorf("where listing is denied: %+v, error %v", o, err)
	}
	denied.Hook = func(op, _ string, _ storetest.When) error { return errors.New("SlowDown") }
	if _, err := l.locate(t.Context(), "s3://logs/a.log.gz"); err == nil || err.Error() != `list "a.log.gz": SlowDown` {
		t.Errorf("where listing fails: error %v", err)
	}
}
