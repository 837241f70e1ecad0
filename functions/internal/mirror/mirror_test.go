package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

// source is a store that counts the objects that are opened.
type source struct {
	storetest.Memory
	opened atomic.Int64
}

func newSource(objects map[string]string) *source {
	s := &source{}
	s.Hook = func(op, key string, when storetest.When) error {
		if op == "open" && when == storetest.Before {
			s.opened.Add(1)
		}
		return nil
	}
	for key, data := range objects {
		s.Put(key, []byte(data))
	}
	return s
}

func open(t *testing.T, s Store, dir string, o Options) *Mirror {
	t.Helper()
	m, err := New(s, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// contents gives what the files hold, which must be below dir and have the key's folders.
func contents(t *testing.T, m *Mirror, dir, prefix string) []string {
	t.Helper()
	files, err := m.Files(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		f := file.Path
		if !filepath.IsAbs(f) || !strings.HasPrefix(f, filepath.Join(dir, filepath.FromSlash(prefix))+string(filepath.Separator)) {
			t.Errorf("copy %s is not below %s in %s", f, prefix, dir)
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(data))
	}
	slices.Sort(all)
	return all
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("copies hold %q, want %q", got, want)
	}
}

const day = "t/year=2026/month=01/day=09/"

func TestFilesAreFetchedOnce(t *testing.T) {
	s := newSource(map[string]string{day + "a.parquet": "A", day + "b.parquet": "B", day + "deeper/c": "C",
		day: "", day + "_temporary/x": "X", "t/year=2026/month=01/day=10/d": "D", "t/year=2026/month=01/day=099": "E"})
	dir := t.TempDir()
	var fetched []int64
	o := Options{
		Hidden:  func(below string) bool { return strings.HasPrefix(below, "_") },
		Fetched: func(size int64) { fetched = append(fetched, size) },
	}
	m := open(t, s, dir, o)
	want(t, contents(t, m, dir, day), "A", "B", "C")
	want(t, contents(t, m, dir, day), "A", "B", "C")
	if s.opened.Load() != 3 || !slices.Equal(fetched, []int64{1, 1, 1}) {
		t.Errorf("%d objects opened, fetched %v, want each of three once", s.opened.Load(), fetched)
	}
	m = open(t, s, dir, o) // another process
	want(t, contents(t, m, dir, day), "A", "B", "C")
	if s.opened.Load() != 3 {
		t.Errorf("another mirror of the directory fetches again")
	}
	want(t, contents(t, m, dir, "none/"))
	if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(day))); err != nil || !info.IsDir() {
		t.Errorf("the folders are not those of the key: %v", err)
	}
}

func TestDirectoryIsTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "lake")
	open(t, newSource(nil), dir, Options{})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A copy of an older version is never given, even if it has the newer one's size; nor is one that
// somebody has cut short.
func TestNoStaleCopies(t *testing.T) {
	s := newSource(map[string]string{day + "a": "old", day + "b": "gone"})
	dir := t.TempDir()
	m := open(t, s, dir, Options{})
	want(t, contents(t, m, dir, day), "gone", "old")
	s.Put(day+"a", []byte("new"))
	if err := s.Delete(t.Context(), day+"b"); err != nil {
		t.Fatal(err)
	}
	want(t, contents(t, m, dir, day), "new")
	s.Put(day+"a", []byte("old"))
	want(t, contents(t, m, dir, day), "old") // its copy is still there

	files, err := m.Files(t.Context(), day)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0].Path, 1); err != nil {
		t.Fatal(err)
	}
	want(t, contents(t, m, dir, day), "old")
}

// A store without ETags is told apart by the time of the change.
func TestStoreWithoutETags(t *testing.T) {
	logs, dir := t.TempDir(), t.TempDir()
	s, err := store.OpenLocal(logs)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data string, at time.Time) {
		t.Helper()
		name := filepath.Join(logs, "a")
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	m := open(t, s, dir, Options{})
	write("old", time.Unix(1, 0))
	if files, err := m.Files(t.Context(), ""); err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	write("new", time.Unix(2, 0))
	files, err := m.Files(t.Context(), "")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if data, _ := os.ReadFile(files[0].Path); string(data) != "new" {
		t.Errorf("the copy holds %q", data)
	}
}

// What is said of an object is said of the object, and not of its copy.
func TestFilesAreThoseOfTheListing(t *testing.T) {
	s, dir := newSource(map[string]string{day + "a": "A", day + "b": "BB"}), t.TempDir()
	var listed []store.Object
	if err := s.List(t.Context(), day, func(o store.Object) error {
		listed = append(listed, o)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m := open(t, s, dir, Options{})
	for range 2 {
		files, err := m.Files(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		var objects []store.Object
		for _, f := range files {
			objects = append(objects, f.Object)
		}
		slices.SortFunc(objects, func(a, b store.Object) int { return strings.Compare(a.Key, b.Key) })
		if !slices.Equal(objects, listed) || len(listed) != 2 || listed[0].Modified.IsZero() {
			t.Errorf("have objects %v, want %v", objects, listed)
		}
	}
}

// replaced is a store whose object is replaced, or deleted, after it was listed.
type replaced struct {
	*storetest.Memory
	after func()
}

func (r replaced) List(ctx context.Context, prefix string, fn func(store.Object) error) error {
	err := r.Memory.List(ctx, prefix, fn)
	r.after()
	return err
}

func TestObjectsThatChangeMeanwhile(t *testing.T) {
	s, dir := newSource(map[string]string{"a": "old", "b": "B"}), t.TempDir()
	m := open(t, replaced{&s.Memory, func() { s.Put("a", []byte("newer")) }}, dir, Options{})
	want(t, contents(t, m, dir, ""), "B", "newer")
	before := s.opened.Load()
	want(t, contents(t, open(t, &s.Memory, dir, Options{}), dir, ""), "B", "newer")
	if s.opened.Load() != before {
		t.Error("the copy does not have the name of the version that it holds")
	}
}

// What took the place of an object that was deleted may not have been listed: to leave it out in
// silence would make a query's answer wrong.
func TestObjectsThatVanishMeanwhile(t *testing.T) {
	s := newSource(map[string]string{"a": "A", "b": "B"})
	m := open(t, replaced{&s.Memory, func() {
		if err := s.Delete(t.Context(), "b"); err != nil {
			t.Error(err)
		}
	}}, t.TempDir(), Options{})
	if files, err := m.Files(t.Context(), ""); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "copy s3://memory/b: deleted while it was listed") {
		t.Errorf("gives %v, %v", files, err)
	}
	if files, err := open(t, &s.Memory, t.TempDir(), Options{}).Files(t.Context(), ""); err != nil || len(files) != 1 {
		t.Errorf("asked again, gives %v, %v", files, err)
	}
}

func TestFailuresLeaveNothingHalf(t *testing.T) {
	broken := errors.New("broken")
	for _, op := range []string{"list", "open", "read"} {
		s, dir := new(storetest.Memory), t.TempDir()
		for i := range 40 {
			s.Put(fmt.Sprintf("a/%02d", i), []byte(strings.Repeat("x", 100)))
		}
		fail := true
		s.Hook = func(o, key string, when storetest.When) error {
			if fail && o == op && (o == "list" || key == "a/17") && when == storetest.After {
				return broken
			}
			return nil
		}
		m := open(t, s, dir, Options{Transfers: 2})
		_, err := m.Files(t.Context(), "a/")
		if !errors.Is(err, broken) || op != "list" && !strings.Contains(err.Error(), "copy s3://memory/a/17: ") {
			t.Errorf("%s: error %v", op, err)
		}
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() != 100 || strings.HasSuffix(path, "-17") {
				t.Errorf("%s: left %s behind", op, path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		fail = false
		if files, err := m.Files(t.Context(), "a/"); err != nil || len(files) != 40 {
			t.Errorf("%s: afterwards %d files, error %v", op, len(files), err)
		}
	}
}

func TestCanceled(t *testing.T) {
	s := newSource(map[string]string{"a": "A", "b": "B"})
	ctx, cancel := context.WithCancel(t.Context())
	s.Hook = func(op, _ string, when storetest.When) error {
		if op == "open" && when == storetest.After {
			cancel()
		}
		return nil
	}
	m := open(t, s, t.TempDir(), Options{Transfers: 1})
	if files, err := m.Files(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("gives %v, %v", files, err)
	}
}

// The bound holds for all calls together, and mirrors of one directory do not disturb each other.
func TestConcurrentMirrors(t *testing.T) {
	const transfers = 3
	s, dir := new(storetest.Memory), t.TempDir()
	var running, most atomic.Int64
	s.Hook = func(op, _ string, when storetest.When) error {
		if op != "open" {
			return nil
		}
		if when == storetest.After {
			running.Add(-1)
			return nil
		}
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return nil
	}
	for d := range 8 {
		for i := range 20 {
			s.Put(fmt.Sprintf("t/%d/%d", d, i), []byte(fmt.Sprint(d, i)))
		}
	}
	first, second := open(t, s, dir, Options{Transfers: transfers}), open(t, s, dir, Options{Transfers: transfers})
	var wg sync.WaitGroup
	for d := range 8 {
		for _, m := range []*Mirror{first, second} {
			wg.Go(func() {
				files, err := m.Files(t.Context(), fmt.Sprintf("t/%d/", d))
				if err != nil || len(files) != 20 {
					t.Errorf("%d files, %v", len(files), err)
				}
				for _, f := range files {
					if data, err := os.ReadFile(f.Path); err != nil || !strings.HasPrefix(string(data), fmt.Sprint(d)) {
						t.Errorf("%s holds %q, %v", f.Path, data, err)
					}
				}
			})
		}
	}
	wg.Wait()
	if most.Load() > 2*transfers {
		t.Errorf("%d objects at the same time, want at most %d of each mirror", most.Load(), transfers)
	}
}

// Copies whose objects are gone are removed when nobody has used them for a day; others are not.
func TestUnusedCopiesAreRemoved(t *testing.T) {
	s, dir := newSource(map[string]string{"t/stays": "stays", "t/replaced": "old", "t/just replaced": "old too"}), t.TempDir()
	m := open(t, s, dir, Options{})
	want(t, contents(t, m, dir, "t/"), "old", "old too", "stays")
	old := time.Now().Add(-25 * time.Hour)
	copies, err := filepath.Glob(filepath.Join(dir, "t", "*"))
	if err != nil || len(copies) != 3 {
		t.Fatal(copies, err)
	}
	for _, c := range copies {
		if err := os.Chtimes(c, old, old); err != nil {
			t.Fatal(err)
		}
	}
	s.Put("t/replaced", []byte("new"))
	want(t, contents(t, m, dir, "t/"), "new", "old too", "stays")
	s.Put("t/just replaced", []byte("new too"))
	want(t, contents(t, m, dir, "t/"), "new", "new too", "stays")
	copies, err = filepath.Glob(filepath.Join(dir, "t", "*"))
	if err != nil || len(copies) != 4 {
		t.Errorf("%d copies are left, want those of three objects and one that was used just now: %q, %v", len(copies), copies, err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(newSource(nil), t.TempDir(), Options{Transfers: -1}); err == nil {
		t.Error("takes -1 transfers")
	}
}
