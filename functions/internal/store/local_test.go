package store_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

func TestLocal(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		dir := filepath.Join(t.TempDir(), "not", "there yet")
		t.Cleanup(func() { noLitter(t, dir) })
		return openLocal(t, dir)
	})
}

func TestOpenLocal(t *testing.T) {
	if _, err := store.OpenLocal(""); err == nil {
		t.Error("no directory is taken for one")
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file)
	if _, err := store.OpenLocal(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a root gives %v, want an error that names it", err)
	}

	dir := filepath.Join(t.TempDir(), "lake")
	s := openLocal(t, dir)
	if err := s.List(t.Context(), "", func(store.Object) error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is made before the first write (%v)", err)
	}

	t.Chdir(t.TempDir())
	s = openLocal(t, "lake")
	t.Chdir(t.TempDir())
	put(t, s, "a")
	if got := s.Path("a"); !filepath.IsAbs(got) || !exists(got) {
		t.Errorf("with the working directory elsewhere, Path is %q", got)
	}
}

func TestURL(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of Unix")
	}
	s := openLocal(t, "/lake of/100%/")
	for key, want := range map[string]string{
		"":               "file:///lake%20of/100%25",
		"a/b.parquet":    "file:///lake%20of/100%25/a/b.parquet",
		"t/year=2026/":   "file:///lake%20of/100%25/t/year=2026/",
		"a b?c#d%20+e/ä": "file:///lake%20of/100%25/a%20b%3Fc%23d%2520+e/%C3%A4",
	} {
		got := s.URL(key)
		if got != want {
			t.Errorf("URL(%q) = %q, want %q", key, got, want)
		}
		if u, err := url.Parse(got); err != nil || filepath.Clean(u.Path) != s.Path(key) {
			t.Errorf("URL(%q) leads to %v (%v), want %q", key, u, err, s.Path(key))
		}
	}
	if got := openLocal(t, "/").URL("a"); got != "file:///a" {
		t.Errorf("below the file system's root, the URL is %q", got)
	}
}

// TestNothingEscapes puts a file beside the root and tries to reach it.
func TestNothingEscapes(t *testing.T) {
	dir := t.TempDir()
	s := openLocal(t, filepath.Join(dir, "lake"))
	put(t, s, "a/b")
	outside := filepath.Join(dir, "secret")
	writeFile(t, outside)
	for _, key := range []string{"../secret", "a/../../secret", "a/b/../../../secret", "/../secret", outside, ".."} {
		if got := s.Path(key); !strings.HasPrefix(got, filepath.Join(dir, "lake")) {
			t.Errorf("Path(%q) = %q is outside of the root", key, got)
		}
		_, _, err := s.Open(t.Context(), key)
		wantInvalid(t, "Open", key, err)
		wantInvalid(t, "Delete", key, s.Delete(t.Context(), key))
	}
	for _, prefix := range []string{"../", "../s", "a/../../", "/", "a//", "./"} {
		err := s.List(t.Context(), prefix, func(o store.Object) error {
			t.Errorf("List(%q) gives %q", prefix, o.Key)
			return nil
		})
		wantInvalid(t, "List", prefix, err)
	}
	if !exists(outside) {
		t.Error("the file beside the root is gone")
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir, disk := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(disk, "logs", "x"))
	writeFile(t, filepath.Join(dir, "source", "a", "b"))
	for name, target := range map[string]string{
		"root":             "source",
		"source/a-disk":    disk,
		"source/file":      filepath.Join(disk, "logs", "x"),
		"source/dangling":  "nowhere",
		"source/a/sibling": filepath.Join(disk, "logs"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := openLocal(t, filepath.Join(dir, "root"))
	want := []string{"a-disk/logs/x", "a/b", "a/sibling/x", "file"}
	if got := keys(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("List gives %q, want %q", got, want)
	}
	for _, key := range want {
		r, o, err := s.Open(t.Context(), key)
		if err != nil || o.Size != 4 {
			t.Errorf("Open(%q) gives %+v, %v", key, o, err)
			continue
		}
		r.Close()
	}
	if _, _, err := s.Open(t.Context(), "dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link that leads nowhere gives %v", err)
	}

	if err := os.Symlink("..", filepath.Join(dir, "source", "a", "up")); err != nil {
		t.Fatal(err)
	}
	err := s.List(t.Context(), "", func(store.Object) error { return nil })
	if err == nil || !strings.Contains(err.Error(), filepath.Join("a", "up")) {
		t.Errorf("a link to its own directory gives %v, want an error that names it", err)
	}
}

func openLocal(t *testing.T, dir string) *store.Local {
	t.Helper()
	s, err := store.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *store.Local, key string) {
	t.Helper()
	w, err := s.Create(context.Background(), key)
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Abort()
	_, err = io.WriteString(w, "data")
	if err := errors.Join(err, w.Commit(context.Background())); err != nil {
		t.Error(err)
	}
}

func keys(t *testing.T, s *store.Local, prefix string) (keys []string) {
	t.Helper()
	err := s.List(t.Context(), prefix, func(o store.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return keys
}

func wantInvalid(t *testing.T, call, key string, err error) {
	t.Helper()
	var e *store.Error
	if !errors.As(err, &e) || e.Retryable() || e.Key != key {
		t.Errorf("%s(%q) gives %v, want an error about the key that is not retryable", call, key, err)
	}
}

func writeFile(t *testing.T, name string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte("data"), 0o666)); err != nil {
		t.Fatal(err)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
