package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// TestCommitFails has a directory stand where the object should go.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	s := openLocal(t, dir)
	put(t, s, "a/b/c")
	w, err := s.Create(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), `commit "a/b"`) {
		t.Errorf("Commit over a directory gives %v", err)
	}
	noLitter(t, dir)

	if _, err := s.Create(t.Context(), "a/b/c/d"); err == nil || !strings.Contains(err.Error(), s.Path("a/b/c")) {
		t.Errorf("Create below a file gives %v, want an error that names the file", err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	s := openLocal(t, dir)
	asNobody(t, func() {
		for _, key := range []string{"a", "b/c"} {
			_, err := s.Create(t.Context(), key)
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir) {
				t.Errorf("Create(%q) gives %v, want one that names the directory", key, err)
			}
		}
	})
}

// TestMode replaces an object that others must not read, and one that all may write.
func TestMode(t *testing.T) {
	s := openLocal(t, t.TempDir())
	for _, mode := range []fs.FileMode{0o600, 0o666} {
		put(t, s, "a")
		if err := os.Chmod(s.Path("a"), mode); err != nil {
			t.Fatal(err)
		}
		w, err := s.Create(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		hidden, err := filepath.Glob(filepath.Join(s.Path(""), ".tmp-*"))
		if err != nil || len(hidden) != 1 {
			t.Fatal(hidden, err)
		}
		wantMode(t, hidden[0], mode)
		if err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantMode(t, s.Path("a"), mode)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
	}
}

// TestDirectoryVanishes removes what the store has made, as somebody clearing a lake would.
func TestDirectoryVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	s := openLocal(t, dir)
	for range 2 {
		put(t, s, "a/b/c")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	w, err := s.Create(t.Context(), "a/b/c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context()); err == nil {
		t.Error("an object whose directory has vanished is committed")
	}
	if exists(dir) {
		t.Error("the failed Commit leaves something behind")
	}
}

// TestNewDirectories has goroutines and stores write into directories that all of them must make.
func TestNewDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	stores := []*store.Local{openLocal(t, dir), openLocal(t, dir)}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			put(t, stores[i%2], "t/year=2026/month=01/day=09/"+string(rune('a'+i)))
		})
	}
	wg.Wait()
	if got := keys(t, stores[0], "t/"); len(got) != 16 {
		t.Errorf("%d objects, want 16: %q", len(got), got)
	}
}

func TestMakeDir(t *testing.T) {
	s := openLocal(t, filepath.Join(t.TempDir(), "lake"))
	if err := s.SyncDir("_x/"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir of a missing directory gives %v", err)
	}
	for range 2 {
		if err := errors.Join(s.MakeDir("_x/"), s.MakeDir("_x/"), s.SyncDir("_x/")); err != nil || !exists(s.Path("_x")) {
			t.Errorf("MakeDir gives %v", err)
		}
		if err := os.RemoveAll(s.Path("")); err != nil {
			t.Fatal(err)
		}
	}
	wantInvalid(t, "MakeDir", "../x/", s.MakeDir("../x/"))
	wantInvalid(t, "SyncDir", "../x/", s.SyncDir("../x/"))
}

// noLitter looks for temporary files.
func noLitter(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(name), ".tmp-") {
			t.Errorf("%s is left behind", name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
