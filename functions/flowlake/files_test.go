package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// The copies of a lake that is no directory answer as the lake does, hidden objects and all, and are
// made once.
func TestQueryOverCopies(t *testing.T) {
	dir := t.TempDir()
	logs, local := filepath.Join(dir, "logs"), filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--records", "1000", "--single", "a.log.gz")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-11", "--records", "2000", "--single", "b.log.gz")
	flowlake(t, exitOK, "replay", logs, "--lake", local)
	remote := &root{url: "s3://bucket/lake"}
	var opened atomic.Int64
	remote.Hook = func(op, _ string, when storetest.When) error {
		if op == "open" && when == storetest.After {
			opened.Add(1)
		}
		return nil
	}
	var hive int64
	for name := range files(t, local) {
		data, err := os.ReadFile(filepath.Join(local, name))
		if err != nil {
			t.Fatal(err)
		}
		remote.Put(name, data)
		if strings.HasSuffix(name, ".parquet") {
			hive++
		}
	}
	remote.Put("aga_flow_logs/year=2026/month=01/day=09/_temporary/x.parquet", []byte("no Parquet"))
	remote.Put("aga_flow_logs/year=2026/month=01/day=09/.x.parquet", []byte("no Parquet"))

	o := lakeOptions{url: local, database: query.DefaultDatabase}
	l, err := o.open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.objects, l.dir = remote, nil
	want := "n\n3000\n"
	answer, _ := flowlake(t, exitOK, "query", "--lake", local, "--format", "csv", "SELECT count(*) AS n FROM aga_flow_logs")
	if answer != want {
		t.Fatalf("the lake itself answers %q", answer)
	}
	for range 2 {
		var stderr bytes.Buffer
		d := &download{w: &stderr, last: time.Now()}
		f, err := l.files(filepath.Join(dir, "cache"), d)
		if err != nil {
			t.Fatal(err)
		}
		db, done, err := openQuery(t.Context(), l.catalog, f, query.DefaultDatabase, "")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query(t.Context(), "SELECT count(*), count(DISTINCT day), min(year) FROM sampledb.aga_flow_logs")
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() || rows.Values()[0] != int64(3000) || rows.Values()[1] != int64(4) || rows.Values()[2] != "2026" {
			t.Errorf("copies answer %v, error %v", rows.Values(), rows.Err())
		}
		rows.Close()
		done()
		if opened.Load() != hive {
			t.Errorf("%d objects fetched, want %d", opened.Load(), hive)
		}
	}
}

func TestDownloadSpeaksWhenItIsMuch(t *testing.T) {
	var stderr bytes.Buffer
	d := &download{w: &stderr, last: time.Now()}
	d.fetched(much - 1)
	d.close()
	if stderr.Len() > 0 {
		t.Errorf("speaks of little: %s", &stderr)
	}
	d.fetched(1)
	d.close()
	if stderr.String() != "copied: 2 objects, 10 MB\n" {
		t.Errorf("says %q", &stderr)
	}
	stderr.Reset()
	d = &download{w: &stderr, last: time.Now().Add(-every)}
	d.fetched(1)
	d.fetched(1)
	d.close()
	if stderr.String() != "copying the lake's objects: 1 objects, 1 B\ncopied: 2 objects, 2 B\n" {
		t.Errorf("says %q", &stderr)
	}
}

// Lakes have directories of their own in the cache, whose names are safe.
func TestCacheNames(t *testing.T) {
	seen := map[string]string{}
	for _, url := range []string{"s3://bucket", "s3://bucket/a", "s3://bucket/a/b", "s3://bucket-a", "s3://bucket/a=1", "s3://bucket/../../x",
		"s3://bucket/" + strings.Repeat("long/", 100), "s3://bucket/" + strings.Repeat("long/", 101), "s3://bucket/ä"} {
		name := cacheName(url)
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are both %s", url, other, name)
		}
		seen[name] = url
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\=*`) || len(name) > 120 || name[0] == '.' {
			t.Errorf("%s is %s", url, name)
		}
	}
}

func TestDayOfPartition(t *testing.T) {
	for values, want := range map[string]string{
		"2026 01 09": "2026-01-09", "2026 1 9": "2026-01-09", "1970 01 01": "1970-01-01", "1969 12 31": "no day", "x y z": "no day", "2026 01": "no day",
		strings.Join(schema.NoDay.Values(), " "): "no day",
	} {
		if got := dayOf(strings.Fields(values)).String(); got != want {
			t.Errorf("%s is %s, want %s", values, got, want)
		}
	}
}
