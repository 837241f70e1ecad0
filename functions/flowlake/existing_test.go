package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

// look asks the lake about the only object below a directory.
func look(t *testing.T, lakeDir, logs string, change func(*replay.Object)) (replay.Tally, bool, error) {
	t.Helper()
	o := lakeOptions{url: lakeDir}
	l, err := o.open(t.Context(), new(cloud))
	if err != nil {
		t.Fatal(err)
	}
	e, err := newExisting(t.Context(), l, schema.GlobalAccelerator())
	if err != nil {
		t.Fatal(err)
	}
	var found []replay.Object
	f := replay.Finder{Sources: []string{logs}}
	err = f.Each(t.Context(), func(o replay.Object) error {
		found = append(found, o)
		return nil
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d objects, error %v", len(found), err)
	}
	if change != nil {
		change(&found[0])
	}
	about, _ := schema.GlobalAccelerator().Match(found[0].URL())
	return e.Converted(t.Context(), found[0], about)
}

// What counts as converted: all outputs, whole, of this content, in registered partitions.
func TestExisting(t *testing.T) {
	const name = "123456789012_globalaccelerator_f0154cf1_20260109T2358Z_2e13fabb.log.gz"
	dir := t.TempDir()
	logs, clean := filepath.Join(dir, "logs"), filepath.Join(dir, "clean")
	// Records of two days, and rejects.
	text := "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"
	for _, start := range []string{"1768003190", "1768003195", "1768003205", "1768003210"} { // around midnight
		text += "2.0 123456789012 f0154cf1 1.2.3.4 57825 5.6.7.8 80 172.31.25.4 80 TCP IPV4 1 2 " + start + " " + start + " ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-0123\n"
	}
	if err := errors.Join(os.Mkdir(logs, 0o755), os.WriteFile(filepath.Join(logs, name), compress(text+"no record\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitRejects, "replay", logs, "--lake", clean)
	outputs := func(lake string) (names []string) {
		for name := range files(t, lake) {
			if strings.HasSuffix(name, ".parquet") {
				names = append(names, filepath.Join(lake, name))
			}
		}
		return names
	}
	if n := len(outputs(clean)); n != 3 {
		t.Fatalf("%d outputs", n)
	}
	got, ok, err := look(t, clean, logs, nil)
	if want := (replay.Tally{Lines: 6, Rows: 4, Rejected: 1, Headers: 1, BytesIn: got.BytesIn, BytesOut: got.BytesOut, Outputs: 3}); !ok || err != nil || got != want || got.BytesIn == 0 || got.BytesOut == 0 {
		t.Errorf("%+v, %t, %v", got, ok, err)
	}

	lake := filepath.Join(dir, "lake")
	fresh := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(lake), os.CopyFS(lake, os.DirFS(clean))); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(what string, change func(*replay.Object)) {
		t.Helper()
		if _, ok, err := look(t, lake, logs, change); ok || err != nil {
			t.Errorf("%s: converted %t, error %v", what, ok, err)
		}
	}
	fresh()
	missing("another size", func(o *replay.Object) { o.Size++ })
	missing("an ETag that no output has", func(o *replay.Object) { o.ETag = "abc" })
	for i := range 3 {
		fresh()
		victim := strings.Replace(outputs(clean)[i], clean, lake, 1)
		if err := os.Remove(victim); err != nil {
			t.Fatal(err)
		}
		missing("without "+victim, nil)
		fresh()
		info, err := os.Stat(victim)
		if err := errors.Join(err, os.Truncate(victim, info.Size()/2)); err != nil {
			t.Fatal(err)
		}
		missing("a part of "+victim, nil)
	}
	for _, table := range []string{"aga_flow_logs", "aga_flow_logs_rejects"} {
		fresh()
		if err := os.Remove(filepath.Join(lake, "_catalog", table+".json")); err != nil {
			t.Fatal(err)
		}
		missing("unregistered "+table, nil)
	}
	// Registered under another day's values, or elsewhere, they are not where queries look for them.
	table := schema.GlobalAccelerator()
	day := table.Partition(schema.DayOf(1768003205))
	for _, other := range []schema.Partition{
		{Values: []string{"2026", "01", "19"}, Location: day.Location},
		{Values: []string{"2026", "1", "10"}, Location: day.Location},
		{Values: day.Values, Location: "elsewhere/"},
	} {
		fresh()
		c, err := catalog.OpenLocal(lake)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.RemovePartitions(t.Context(), table, []schema.Partition{day}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := c.AddPartitions(t.Context(), table, []schema.Partition{other}); err != nil {
			t.Fatal(err)
		}
		missing(fmt.Sprintf("registered as %v", other), nil)
	}
	missing("no lake", func(*replay.Object) {
		if err := os.RemoveAll(lake); err != nil {
			t.Fatal(err)
		}
	})
	// The same size and another content.
	fresh()
	changed := compress(strings.Replace(text, "1.2.3.4", "1.2.3.5", 1) + "no record\n")
	if err := os.WriteFile(filepath.Join(logs, name), changed, 0o644); err != nil {
		t.Fatal(err)
	}
	missing("another content", func(o *replay.Object) { o.Size = got.BytesIn })
	// A source that cannot be read is an error, and not one that is missing in the lake.
	_, ok, err = look(t, lake, logs, func(o *replay.Object) {
		o.Size = got.BytesIn
		if err := os.Remove(filepath.Join(logs, name)); err != nil {
			t.Fatal(err)
		}
	})
	if ok || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the source: %t, %v", ok, err)
	}
}

// A key without a day, and one of a lake without tables, tell nothing.
func TestExistingWithoutADay(t *testing.T) {
	dir := t.TempDir()
	flowlake(t, exitOK, "synth", "--out", filepath.Join(dir, "logs"), "--day", "2026-01-09", "--records", "5", "--single", "a.log.gz")
	for range 2 {
		if _, ok, err := look(t, filepath.Join(dir, "lake"), filepath.Join(dir, "logs"), nil); ok || err != nil {
			t.Errorf("converted %t, error %v", ok, err)
		}
		flowlake(t, exitOK, "replay", filepath.Join(dir, "logs"), "--lake", filepath.Join(dir, "lake"))
	}
}

// tailReader gives the bytes of what it reads, whichever part of them.
func TestTailReader(t *testing.T) {
	const text = "0123456789"
	for from := range int64(11) {
		r := &tailReader{strings.NewReader(text), from, []byte(text[from:])}
		for off := range int64(12) {
			for n := range 12 {
				got, want := make([]byte, n), make([]byte, n)
				have, err := r.ReadAt(got, off)
				wantN, wantErr := strings.NewReader(text).ReadAt(want, off)
				if have != wantN || (err == nil) != (wantErr == nil) || string(got) != string(want) {
					t.Errorf("from %d, %d bytes at %d: %d, %v, want %d, %v", from, n, off, have, err, wantN, wantErr)
				}
			}
		}
	}
}
