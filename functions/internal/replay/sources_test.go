package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// files makes files of those names below a new directory.
func files(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// all gives what a lister lists.
func all(t *testing.T, l Lister) (objects []Object, err error) {
	t.Helper()
	err = l.Each(t.Context(), func(o Object) error {
		objects = append(objects, o)
		return nil
	})
	return objects, err
}

func TestFind(t *testing.T) {
	dir := files(t, "AWSLogs/1/globalaccelerator/us-west-2/2026/01/09/b.log.gz", "AWSLogs/1/globalaccelerator/us-west-2/2026/01/09/a.log.gz",
		"AWSLogs/1/globalaccelerator/us-west-2/2026/01/10/c.log.gz", "other/d.log.gz", "other/notes.txt", "other/.hidden")
	find := func(sources ...string) string {
		t.Helper()
		for i := range sources {
			sources[i] = filepath.Join(dir, filepath.FromSlash(sources[i]))
		}
		f := Finder{Sources: sources}
		objects, err := all(t, &f)
		if check := f.Check(t.Context()); (check == nil) != (err == nil) {
			t.Errorf("Check(%q) gives %v, Each %v", sources, check, err)
		}
		if err != nil {
			return "error"
		}
		var names []string
		for _, o := range objects {
			url := o.Source.URL(o.Key)
			names = append(names, url[strings.LastIndex(url, "/")+1:])
			if o.Size == 0 || o.Modified.IsZero() {
				t.Errorf("%s is %+v", url, o)
			}
		}
		return strings.Join(names, " ")
	}
	for _, test := range []struct {
		sources []string
		want    string
	}{
		{[]string{"."}, "a.log.gz b.log.gz c.log.gz d.log.gz notes.txt"},
		{[]string{"other"}, "d.log.gz notes.txt"},
		{[]string{"other/d.log.gz"}, "d.log.gz"},
		{[]string{"other/*.gz"}, "d.log.gz"},
		{[]string{"AWSLogs/*/globalaccelerator/*/2026/01/*"}, "a.log.gz b.log.gz c.log.gz"},
		{[]string{"other/d.log.gz", "other", "."}, "d.log.gz notes.txt a.log.gz b.log.gz c.log.gz"},
		{[]string{"other/.hidden", "other", "other/.hidden"}, ".hidden d.log.gz notes.txt"},
		{[]string{"other", "other/.hidden", "other/*"}, "d.log.gz notes.txt .hidden"},
		{[]string{"other/*.gz", "other/d*", "other/*.txt", "."}, "d.log.gz notes.txt a.log.gz b.log.gz c.log.gz"},
		{[]string{"*/1/*/*", "AWSLogs/1", "*"}, "a.log.gz b.log.gz c.log.gz d.log.gz notes.txt"},
		{[]string{"AWSLogs/*/globalaccelerator/us-west-2/2026/01/09/b.log.gz", "AWSLogs/1/globalaccelerator/us-west-2/2026/01/[01][09]"}, "b.log.gz a.log.gz c.log.gz"},
		{[]string{"missing"}, "error"},
		{[]string{"missing/*"}, "error"},
		{[]string{"other/*/*"}, "error"},
		{[]string{"missing/*.gz"}, "error"},
		{[]string{"other/[.gz"}, "error"},
	} {
		if got := find(test.sources...); got != test.want {
			t.Errorf("Each of %q gives %q, want %q", test.sources, got, test.want)
		}
	}
}

// A URL means an object and everything below it, in whatever store, but not what merely begins alike.
func TestFindURLs(t *testing.T) {
	m := new(storetest.Memory)
	for _, key := range []string{"logs", "logs-old/x", "logs/a", "logs/b/c", "logs2/y", "other/z", "logs/.hidden"} {
		m.Put(key, []byte(key))
	}
	other := new(storetest.Memory)
	open := func(_ context.Context, url string) (Store, string, error) {
		if key, ok := strings.CutPrefix(url, "s3://memory"); ok {
			return m, strings.TrimPrefix(key, "/"), nil
		}
		if url == "s3://empty/" {
			return other, "", nil
		}
		return nil, "", errors.New("no such scheme")
	}
	dir := files(t, "local.log.gz")
	for _, test := range []struct {
		sources []string
		want    string // keys, or a part of the error
	}{
		{[]string{"s3://memory"}, "logs logs-old/x logs/a logs/b/c logs2/y other/z"},
		{[]string{"s3://memory/"}, "logs logs-old/x logs/a logs/b/c logs2/y other/z"},
		{[]string{"s3://memory/logs"}, "logs logs/a logs/b/c"},
		{[]string{"s3://memory/logs/"}, "logs/a logs/b/c"},
		{[]string{"s3://memory/logs/b"}, "logs/b/c"},
		{[]string{"s3://memory/logs/b/c"}, "logs/b/c"},
		{[]string{"s3://memory/logs2", "s3://memory/logs/a", "s3://memory/logs"}, "logs2/y logs/a logs logs/b/c"},
		{[]string{"s3://memory/other", dir, "s3://memory/other/z"}, "other/z local.log.gz"},
		{[]string{"s3://memory/log"}, `find source "s3://memory/log": no object of that key`},
		{[]string{"s3://memory/logs/b/c/"}, "no object of that key"},
		{[]string{"s3://empty/"}, "no object of that key"},
		{[]string{"gs://memory/logs"}, "no such scheme"},
	} {
		f := Finder{Sources: test.sources, Open: open}
		objects, err := all(t, &f)
		if check := f.Check(t.Context()); fmt.Sprint(check) != fmt.Sprint(err) {
			t.Errorf("Check(%q) gives %v, Each %v", test.sources, check, err)
		}
		var got []string
		for _, o := range objects {
			got = append(got, o.Key)
			if strings.HasPrefix(o.Source.URL(""), "s3:") && o.ETag == "" || o.Size == 0 || o.Modified.IsZero() {
				t.Errorf("%s is %+v", o.Key, o)
			}
		}
		if err != nil && !strings.Contains(err.Error(), test.want) || err == nil && strings.Join(got, " ") != test.want {
			t.Errorf("Each of %q gives %q, error %v, want %q", test.sources, got, err, test.want)
		}
	}
}

// A source has the same URL whichever way it is named: its outputs have the same keys.
func TestFindGivesTheSameURLWhateverTheRoot(t *testing.T) {
	dir := files(t, "a/b/x.log.gz")
	t.Chdir(dir)
	var urls []string
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{filepath.Join(dir, "a"), "a/b/x.log.gz", "./a/../a/b", "a/*/x*", "link", "link/b/x.log.gz"} {
		objects, err := all(t, &Finder{Sources: []string{source}})
		if err != nil || len(objects) != 1 {
			t.Fatalf("%s: %d objects, error %v", source, len(objects), err)
		}
		urls = append(urls, objects[0].Source.URL(objects[0].Key))
	}
	for _, url := range urls {
		if url != urls[0] || !strings.HasPrefix(url, "file:///") {
			t.Errorf("URLs %q", urls)
		}
	}
}

// What symbolic links lead to twice comes once, whichever way comes first.
func TestFindThroughLinks(t *testing.T) {
	dir := files(t, "a/x.log.gz", "a/sub/y.log.gz", "elsewhere/z.log.gz")
	for link, target := range map[string]string{
		"a/again.log.gz": "x.log.gz", "link": "a", "sub": "a/sub", "outside": "elsewhere", "outside2": "elsewhere", "nowhere": "missing",
	} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, test := range []struct{ sources, want string }{
		{"*", "again x y z"},
		{"a/*.gz", "again x"},
		{"link/*.gz", "again x"},
		{"*/*.gz", "again x y z"},
		{"[lo]*", "again x y z"},
		{"s* a", "again x y"},
		{"out* elsewhere", "z"},
		{"elsewhere out*", "z"},
		{"link sub a", "again x y"},
	} {
		objects, err := all(t, &Finder{Sources: strings.Fields(test.sources)})
		names := map[string]int{}
		for _, o := range objects {
			names[strings.TrimSuffix(filepath.Base(o.Source.URL(o.Key)), ".log.gz")]++
			// A link within what is listed is a name of its own.
		}
		delete(names, "again")
		want := strings.Fields(strings.TrimPrefix(test.want, "again"))
		if err != nil || len(names) != len(want) {
			t.Errorf("%s: %v, error %v, want %s", test.sources, names, err, test.want)
		}
		for _, name := range want {
			if names[name] != 1 {
				t.Errorf("%s: %s comes %d times", test.sources, name, names[name])
			}
		}
	}
}

// logKey gives the key of a log in the folder of a day, named for a time.
func logKey(folder, name string) string {
	return "AWSLogs/123456789012/globalaccelerator/us-west-2/" + folder + "/123456789012_globalaccelerator_f0154cf1_" + name + "_2e13fabb.log.gz"
}

// Of a Region's folder, only the days around the selected ones are listed; of others, everything is.
func TestFindByDay(t *testing.T) {
	const region = "AWSLogs/123456789012/globalaccelerator/us-west-2/"
	var listed []string
	m := &storetest.Memory{Hook: func(op, key string, when storetest.When) error {
		if op == "list" && when == storetest.Before {
			listed = append(listed, strings.TrimPrefix(key, region))
		}
		return nil
	}}
	for _, key := range []string{
		logKey("2026/01/07", "20260107T0000Z"), logKey("2026/01/08", "20260109T0005Z"), // misfiled
		logKey("2026/01/09", "20260109T0000Z"), logKey("2026/01/10", "20260109T2355Z"), logKey("2026/01/11", "20260111T0000Z"),
	} {
		m.Put(key, []byte("x"))
	}
	var open Opener
	at := func(text string) time.Time {
		t.Helper()
		at, err := ParseFrom(text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct {
		key    string
		sel    Selection
		found  string // days of the folders
		listed string
	}{
		{region, Selection{From: at("2026-01-09"), To: at("2026-01-10")}, "9", "2026/01/09/"},
		{region, Selection{From: at("2026-01-09"), To: at("2026-01-10"), Late: 24 * time.Hour}, "8 9 10", "2026/01/08/ 2026/01/09/ 2026/01/10/"},
		{region, Selection{From: at("2026-01-09T10:00:00Z"), To: at("2026-01-09T11:00:00Z"), Late: 11 * time.Hour}, "8 9", "2026/01/08/ 2026/01/09/"},
		{strings.TrimSuffix(region, "/"), Selection{From: at("2026-01-09"), To: at("2026-01-10")}, "9", strings.TrimSuffix(region, "/") + " 2026/01/09/"},
		{region, Selection{From: at("2026-01-09")}, "7 8 9 10 11", ""},
		{region, Selection{To: at("2026-01-10")}, "7 8 9 10 11", ""},
		{region, Selection{From: at("1970-01-01"), To: at("2026-01-10")}, "7 8 9 10 11", ""},
		{region, Selection{From: at("2030-01-09"), To: at("2030-01-10")}, "", "2030/01/09/ "}, // and whether there is anything
		{"AWSLogs/123456789012/", Selection{From: at("2026-01-09"), To: at("2026-01-10")}, "7 8 9 10 11", "AWSLogs/123456789012/"},
		{region + "2026/01/", Selection{From: at("2026-01-09"), To: at("2026-01-10")}, "7 8 9 10 11", "2026/01/"},
	} {
		open = func(context.Context, string) (Store, string, error) { return m, test.key, nil }
		f := Finder{Sources: []string{"s3://memory/" + test.key}, Open: open, Table: schema.GlobalAccelerator(), Select: test.sel}
		listed = nil
		objects, err := all(t, &f)
		var found []string
		for _, o := range objects {
			folder := strings.Split(o.Key, "/")[6]
			found = append(found, strings.TrimLeft(folder, "0"))
		}
		if err != nil || strings.Join(found, " ") != test.found || strings.Join(listed, " ") != test.listed {
			t.Errorf("%s, %+v: found %q, listed %q, error %v", test.key, test.sel, found, listed, err)
		}
	}
	// A folder that an earlier source did not list, for its day, is not taken for one that it did.
	open = func(_ context.Context, url string) (Store, string, error) {
		return m, strings.TrimPrefix(url, "s3://memory/"), nil
	}
	f := Finder{Sources: []string{"s3://memory/" + region, "s3://memory/" + region + "2026/01/11/", "s3://memory/" + region + "2026/01/09/"},
		Open: open, Table: schema.GlobalAccelerator(), Select: Selection{From: at("2026-01-09"), To: at("2026-01-10")}}
	objects, err := all(t, &f)
	if err != nil || len(objects) != 2 || !strings.Contains(objects[1].Key, "/2026/01/11/") {
		t.Errorf("%d objects, error %v", len(objects), err)
	}
}

// The same, in a directory.
func TestFindByDayInADirectory(t *testing.T) {
	dir := files(t, logKey("2026/01/08", "20260108T0000Z"), logKey("2026/01/09", "20260109T0000Z"))
	sel := Selection{From: time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)}
	for _, source := range []string{"AWSLogs/123456789012/globalaccelerator/us-west-2", "AWSLogs/*/globalaccelerator/*"} {
		objects, err := all(t, &Finder{Sources: []string{filepath.Join(dir, source)}, Table: schema.GlobalAccelerator(), Select: sel})
		if err != nil || len(objects) != 1 || !strings.HasPrefix(objects[0].Key, "2026/01/09/") {
			t.Errorf("%s: %+v, error %v", source, objects, err)
		}
	}
}
