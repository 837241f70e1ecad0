package report

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// testLake is a lake in a directory, with its sources beside it.
type testLake struct {
	*testing.T
	sources *store.Local
	objects *store.Local
	catalog *catalog.Local
}

func newLake(t *testing.T) *testLake {
	t.Helper()
	dir := t.TempDir()
	sources, err := store.OpenLocal(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := store.OpenLocal(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.OpenLocal(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	return &testLake{t, sources, objects, c}
}

// write writes a log of lines below a header.
func (l *testLake) write(key string, lines ...string) {
	l.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprintln(z, "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id reject_reason")
	for _, line := range lines {
		fmt.Fprintln(z, line)
	}
	if err := z.Close(); err != nil {
		l.Fatal(err)
	}
	file := l.sources.Path(key)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		l.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		l.Fatal(err)
	}
}

// convert converts all logs.
func (l *testLake) convert() {
	l.Helper()
	table := schema.GlobalAccelerator()
	for _, t := range []*schema.Table{table, table.Rejects()} {
		if err := l.catalog.EnsureTable(l.Context(), t); err != nil {
			l.Fatal(err)
		}
	}
	c, err := etl.New(etl.Config{Table: table}, l.objects, l.catalog)
	if err != nil {
		l.Fatal(err)
	}
	err = l.sources.List(l.Context(), "", func(o store.Object) error {
		_, err := c.Convert(l.Context(), l.sources, o.Key)
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
}

// Files are the files of a location.
func (l *testLake) Files(ctx context.Context, location string) (files []store.File, err error) {
	err = l.objects.List(ctx, location, func(o store.Object) error {
		files = append(files, store.File{Object: o, Path: l.objects.Path(o.Key)})
		return nil
	})
	return files, err
}

// open opens the lake.
func (l *testLake) open() (*query.DB, *Slots) {
	l.Helper()
	slots := NewSlots(0, math.MaxInt32, 0)
	table := schema.GlobalAccelerator()
	db, err := query.Open(l.Context(), []*schema.Table{table, table.Rejects()}, l.catalog, slots.Watch(l), query.Options{})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { db.Close() })
	return db, slots
}

// html gives the lake's page.
func (l *testLake) html(p Page) string {
	l.Helper()
	db, slots := l.open()
	d, err := Collect(l.Context(), db, slots)
	if err != nil {
		l.Fatal(err)
	}
	var b strings.Builder
	if err := d.Write(&b, p); err != nil {
		l.Fatal(err)
	}
	return b.String()
}

var embedded = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// read gives the data in a page, as a reader of the page gets it.
func read(t *testing.T, html string) (p page) {
	t.Helper()
	m := embedded.FindStringSubmatch(html)
	if m == nil {
		t.Fatal("the page has no data")
	}
	d := json.NewDecoder(strings.NewReader(m[1]))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// day1 is the day of the logs.
var day1 = time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)

// line gives a record's line.
func line(fields map[string]string) string {
	get := func(name, or string) string {
		if v, ok := fields[name]; ok {
			return v
		}
		return or
	}
	start := get("start", fmt.Sprint(day1.Unix()+3600))
	return strings.Join([]string{"2.0", "123456789012", get("accelerator", "a-1"), get("client", "203.0.113.9"), "57825", "75.2.76.16",
		get("port", "443"), get("endpoint", "172.31.25.4"), "443", get("protocol", "TCP"), "IPV4", get("packets", "10"), get("bytes", "5200"), start, start,
		get("action", "ACCEPT"), "OK", "-", "0", get("region", "us-east-1"), get("edge", "JFK6-2"), get("direction", "INGRESS"), "vpc-1", get("reason", "-")}, " ")
}
