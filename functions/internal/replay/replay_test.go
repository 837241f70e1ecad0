package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
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

func TestFind(t *testing.T) {
	dir := files(t, "AWSLogs/1/globalaccelerator/us-west-2/2026/01/09/b.log.gz", "AWSLogs/1/globalaccelerator/us-west-2/2026/01/09/a.log.gz",
		"AWSLogs/1/globalaccelerator/us-west-2/2026/01/10/c.log.gz", "other/d.log.gz", "other/notes.txt", "other/.hidden")
	find := func(sources ...string) string {
		t.Helper()
		for i := range sources {
			sources[i] = filepath.Join(dir, filepath.FromSlash(sources[i]))
		}
		objects, err := Find(t.Context(), sources, nil)
		if err != nil {
			return "error"
		}
		var names []string
		for _, o := range objects {
			url := o.Source.URL(o.Key)
			names = append(names, url[strings.LastIndex(url, "/")+1:])
			if o.Size == 0 {
				t.Errorf("%s has no size", url)
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
		{[]string{"missing"}, "error"},
		{[]string{"missing/*.gz"}, "error"},
		{[]string{"other/[.gz"}, "error"},
	} {
		if got := find(test.sources...); got != test.want {
			t.Errorf("Find(%q) = %q, want %q", test.sources, got, test.want)
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
		objects, err := Find(t.Context(), test.sources, open)
		var got []string
		for _, o := range objects {
			got = append(got, o.Key)
			if o.Size == 0 {
				t.Errorf("%s has no size", o.Key)
			}
		}
		if err != nil && !strings.Contains(err.Error(), test.want) || err == nil && strings.Join(got, " ") != test.want {
			t.Errorf("Find(%q) gives %q, error %v, want %q", test.sources, got, err, test.want)
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
		objects, err := Find(t.Context(), []string{source}, nil)
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

// converter converts by a function.
type converter func(ctx context.Context, key string) (etl.Result, error)

func (c converter) Convert(ctx context.Context, source etl.Source, key string) (etl.Result, error) {
	return c(ctx, key)
}

func objects(n int) []Object {
	source := new(storetest.Memory)
	var all []Object
	for i := range n {
		all = append(all, Object{Source: source, Key: fmt.Sprintf("%03d.log.gz", i), Size: 1})
	}
	return all
}

func TestRunBoundsItsWorkersAndGoesOnAfterFailures(t *testing.T) {
	var running, most atomic.Int64
	broken := errors.New("broken")
	c := converter(func(_ context.Context, key string) (etl.Result, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		res := etl.Result{URL: key, Counts: flowlog.Counts{Lines: 3, Rows: 2, Headers: 1}, BytesIn: 10, Partitions: 1,
			Outputs: []etl.Output{{Size: 4}, {Size: 5}}}
		switch {
		case key == "007.log.gz" || key == "003.log.gz":
			return res, broken
		case key == "005.log.gz":
			return etl.Result{URL: key, Skipped: "no log"}, nil
		}
		return res, nil
	})
	s := Summary{Objects: 100}
	Run(t.Context(), objects(100), c, 3, s.Add)
	if most.Load() > 3 {
		t.Errorf("%d conversions at the same time, want at most 3", most.Load())
	}
	if s.Done() != 100 || s.Converted != 97 || s.Skipped["no log"] != 1 || len(s.Failed) != 2 || s.Failed[0].Result.URL != "003.log.gz" {
		t.Errorf("summary %+v", s)
	}
	if s.Lines != 3*97 || s.Rows != 2*97 || s.BytesIn != 970 || s.BytesOut != 9*97 || s.Outputs != 2*97 || s.Partitions != 97 {
		t.Errorf("summary %+v", s)
	}
}

func TestRunFinishesWhatItBeganWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	// The conversions begin in pairs; the pair of 010 and 011 sees the interruption before it ends.
	var pair sync.WaitGroup
	pair.Add(2)
	c := converter(func(conversion context.Context, key string) (etl.Result, error) {
		switch key {
		case "010.log.gz":
			pair.Done()
			pair.Wait()
			cancel()
		case "011.log.gz":
			pair.Done()
			<-ctx.Done()
		}
		return etl.Result{URL: key}, conversion.Err()
	})
	s := Summary{Objects: 100}
	Run(ctx, objects(100), c, 2, s.Add)
	if len(s.Failed) > 0 || s.Converted != 12 {
		t.Errorf("%d converted, want 12; failed %v", s.Converted, s.Failed)
	}
}
