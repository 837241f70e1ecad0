package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	c := openLocal(t, dir)
	// The order of the calls leaves no trace.
	none := example().Partition(schema.NoDay)
	add(t, c, []schema.Partition{none, day(8)[0]}, 2)
	add(t, c, append(day(40), day(1)...), 2)
	remove(t, c, day(1), 1)
	got, err := os.ReadFile(filepath.Join(dir, "_catalog", "example.json"))
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "example.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}

	// The golden file reads back, also with its partitions in another order.
	text := string(want)
	first := strings.Index(text, "    {\n      \"values\"")
	second := strings.Index(text[first+1:], "    {\n      \"values\"") + first + 1
	third := strings.Index(text[second+1:], "    {\n      \"values\"") + second + 1
	text = text[:first] + text[second:third] + text[first:second] + text[third:]
	writeTable(t, dir, text)
	partitions, err := c.Partitions(t.Context(), example())
	if err != nil || len(partitions) != 3 || !slices.Equal(partitions[0].Values, []string{"2026", "01", "09"}) {
		t.Errorf("the golden file reads as %v, %v", partitions, err)
	}
}

func TestBadFiles(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "example.json"))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(from, to string) string {
		if !strings.Contains(string(golden), from) {
			t.Fatalf("the golden file lacks %q", from)
		}
		return strings.Replace(string(golden), from, to, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "not a catalog file"},
		"half":            {string(golden[:len(golden)/2]), "not a catalog file"},
		"twice":           {string(golden) + string(golden), "not a catalog file"},
		"foreign":         {`{"hello": "world"}`, "no format version"},
		"newer":           {edit(`"format": 1`, `"format": 2`), "format version 2, want 1"},
		"other field":     {edit(`"format": 1`, `"format": 1, "owner": "x"`), "owner"},
		"other table":     {edit(`"table": "example"`, `"table": "sample"`), `"sample"`},
		"a value less":    {edit(`"2026",`, ``), "2 values, want 3"},
		"partition twice": {edit("\"02\",\n        \"10\"", "\"01\",\n        \"09\""), "twice"},
		"other type":      {edit(`"values": [`, `"values": [7, `), "not a catalog file"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			dir := t.TempDir()
			c := openLocal(t, dir)
			file := writeTable(t, dir, test.text)
			_, list := c.Partitions(t.Context(), example())
			_, add := c.AddPartitions(t.Context(), example(), day(5))
			for call, err := range map[string]error{"Partitions": list, "AddPartitions": add} {
				var e *catalog.TableError
				if !errors.As(err, &e) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s gives %v, want an error that names the file and tells of %q", call, err, test.want)
				}
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != test.text {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// TestKnownPartitionsTakeNoLock holds the lock as another process would.
func TestKnownPartitionsTakeNoLock(t *testing.T) {
	dir := t.TempDir()
	c := openLocal(t, dir)
	add(t, c, day(1), 1)
	lock := flock.New(filepath.Join(dir, "_catalog", "example.lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	before := stat(t, dir)
	add(t, c, day(1), 0)
	remove(t, c, day(2), 0)
	if after := stat(t, dir); !os.SameFile(before, after) {
		t.Error("adding a known partition writes")
	}

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.AddPartitions(ctx, example(), day(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the lock is held, adding a new partition gives %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = lock.Unlock() })
	add(t, c, day(2), 1)
}

// TestChangesByOthersAreSeen has another catalog swap one partition for another in a file that keeps
// its size, its modification time and often its inode, as on a file system with a coarse clock.
func TestChangesByOthersAreSeen(t *testing.T) {
	dir := t.TempDir()
	a, b := openLocal(t, dir), openLocal(t, dir)
	add(t, a, day(1), 1)
	recent := time.Now().Add(time.Hour) // the test may take its time
	for range 20 {
		stamp(t, dir, recent)
		add(t, a, day(1), 0)
		remove(t, b, day(1), 1)
		add(t, b, day(2), 1)
		stamp(t, dir, recent)
		add(t, a, day(1), 1)
		remove(t, a, day(2), 1)
	}

	// The same with a file that has rested, so that its content is remembered.
	rest(t, dir)
	add(t, a, day(1), 0)
	remove(t, b, day(1), 1)
	add(t, a, day(1), 1)
	rest(t, dir)
	add(t, a, day(1), 0)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Partitions(t.Context(), example()); !errors.Is(err, catalog.ErrNoTable) {
		t.Errorf("with the lake removed, Partitions gives %v", err)
	}
	add(t, a, day(1), 1)
}

// TestRestedFileIsRemembered spoils a file in place, keeping its identity, size and time, which no
// program does: if it goes unnoticed, the file is not read again.
func TestRestedFileIsRemembered(t *testing.T) {
	dir := t.TempDir()
	c := openLocal(t, dir)
	add(t, c, day(1), 1)
	rest(t, dir)
	add(t, c, day(1), 0)
	info := stat(t, dir)
	writeTable(t, dir, strings.Repeat("x", int(info.Size())))
	stamp(t, dir, info.ModTime())
	add(t, c, day(1), 0)
	if _, err := openLocal(t, dir).Partitions(t.Context(), example()); err == nil {
		t.Error("the spoilt file can be read")
	}
}

func tableFile(dir string) string { return filepath.Join(dir, "_catalog", "example.json") }

// writeTable writes a table's file in place and gives its name.
func writeTable(t *testing.T, dir, text string) string {
	t.Helper()
	name := tableFile(dir)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
	return name
}

func stat(t *testing.T, dir string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(tableFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// stamp sets the modification time of a table's file.
func stamp(t *testing.T, dir string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(tableFile(dir), at, at); err != nil {
		t.Fatal(err)
	}
}

// rest makes a table's file look as if nobody had touched it for an hour.
func rest(t *testing.T, dir string) {
	t.Helper()
	stamp(t, dir, time.Now().Add(-time.Hour))
}
