package verify_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

const header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"

// midnight is the first second of 2026-01-10.
const midnight = 1768003200

// record gives a line of that start time and that many bytes.
func record(start, size int) string {
	return fmt.Sprintf("2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 10.0.0.1 57825 5.6.7.8 80 172.31.25.4 80 TCP IPV4 1 %d %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-01234567891abcdef\n", size, start, start+8)
}

// text gives a log of n records of both sides of midnight, and of some lines that are none.
func text(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		b.WriteString(record(midnight-n/2+i, 40+i))
		if i%5 == 0 {
			b.WriteString("no record\n")
		}
		if i%7 == 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// stored gives the gzip of a text without compression, so that texts of the same length have logs of the
// same length.
func stored(text string) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		panic(err)
	}
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

// key gives the key of a log of the five minutes from that time on.
func key(at, name string) string {
	return "AWSLogs/012345678910/globalaccelerator/us-west-2/" + at[:4] + "/" + at[4:6] + "/" + at[6:8] +
		"/012345678910_globalaccelerator_f0154cf1_" + at + "_" + name + ".log.gz"
}

// Sources of the world.
var (
	first  = key("20260109T2355Z", "first")  // 20 records, rejects
	second = key("20260109T2350Z", "second") // 6 records, rejects
	clean  = key("20260111T1200Z", "clean")  // 3 records of one day
)

// world is a lake with its sources, in directories.
type world struct {
	*testing.T
	dir     string
	sources *store.Local
	lake    *store.Local
	catalog *catalog.Local
	convert *etl.Converter
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir()}
	var err error
	if w.sources, err = store.OpenLocal(filepath.Join(w.dir, "logs")); err != nil {
		t.Fatal(err)
	}
	if w.lake, err = store.OpenLocal(filepath.Join(w.dir, "lake")); err != nil {
		t.Fatal(err)
	}
	if w.catalog, err = catalog.OpenLocal(filepath.Join(w.dir, "lake")); err != nil {
		t.Fatal(err)
	}
	if w.convert, err = etl.New(etl.Config{Table: schema.GlobalAccelerator()}, w.lake, w.catalog); err != nil {
		t.Fatal(err)
	}
	w.put(first, stored(text(20)))
	w.put(second, stored(text(6)))
	w.put(clean, stored(header+record(midnight+130000, 5)+record(midnight+130001, 6)+record(midnight+130002, 7)))
	w.convertAll()
	return w
}

func (w *world) put(key string, data []byte) {
	w.Helper()
	name := w.sources.Path(key)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *world) convertAll() {
	w.Helper()
	err := w.find(w.Context(), func(o verify.Object) error {
		_, err := w.convert.Convert(w.Context(), w.sources, o.Key)
		if errors.As(err, new(*flowlog.Error)) {
			err = nil // a log that cannot be read
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// find is a verify.Find.
func (w *world) find(ctx context.Context, fn func(verify.Object) error) error {
	return w.sources.List(ctx, "", func(o store.Object) error {
		return fn(verify.Object{Source: w.sources, Key: o.Key, Size: o.Size})
	})
}

func (w *world) options() verify.Options {
	return verify.Options{
		Table:         schema.GlobalAccelerator(),
		Holds:         func(url string) bool { return strings.HasPrefix(url, w.sources.URL("")+"/") },
		MaxLine:       flowlog.DefaultMaxLine,
		MaxPartitions: flowlog.DefaultMaxPartitions,
		Sums:          []string{"bytes", "packets"},
		Workers:       3,
		TempDirectory: w.dir,
		Late:          24 * time.Hour,
	}
}

func (w *world) verify(o verify.Options) *verify.Report {
	w.Helper()
	r, err := verify.Run(w.Context(), o, w.find, w.lake, w.catalog)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// output gives the key of a source's output.
func (w *world) output(t *schema.Table, day, source string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		w.Fatal(err)
	}
	return t.ObjectKey(schema.DayOf(at.Unix()), w.sources.URL(source))
}

// edit changes an object of the lake.
func (w *world) edit(key string, fn func([]byte) []byte) {
	w.Helper()
	data, err := os.ReadFile(w.lake.Path(key))
	if err != nil {
		w.Fatal(err)
	}
	changed := fn(bytes.Clone(data))
	if bytes.Equal(changed, data) {
		w.Fatalf("%s: nothing was changed", key)
	}
	w.write(key, changed)
}

func (w *world) write(key string, data []byte) {
	w.Helper()
	name := w.lake.Path(key)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		w.Fatal(err)
	}
}

// said changes what an output's footer says of its source.
func (w *world) said(key, name, from, to string) {
	w.Helper()
	w.edit(key, func(data []byte) []byte {
		name = "flowlake." + name
		at := bytes.LastIndex(data, []byte(name)) + len(name)
		value := bytes.Index(data[at:], []byte(from))
		if value < 0 || value > 8 || len(from) != len(to) {
			w.Fatalf("%s of %s is not %q", name, key, from)
		}
		copy(data[at+value:], to)
		return data
	})
}

// register registers partitions.
func (w *world) register(t *schema.Table, partitions ...schema.Partition) {
	w.Helper()
	if _, err := w.catalog.AddPartitions(w.Context(), t, partitions); err != nil {
		w.Fatal(err)
	}
}

// noCatalog is a catalog that remembers nothing.
type noCatalog struct{}

func (noCatalog) AddPartitions(context.Context, *schema.Table, []schema.Partition) (int, error) {
	return 0, nil
}

func (w *world) remove(name string) {
	w.Helper()
	if err := os.Remove(name); err != nil {
		w.Fatal(err)
	}
}

// copyOf gives the lake in a store that gives no io.ReaderAt.
func copyOf(t *testing.T, w *world) *storetest.Memory {
	m := new(storetest.Memory)
	err := w.lake.List(t.Context(), "", func(o store.Object) error {
		data, err := os.ReadFile(w.lake.Path(o.Key))
		m.Put(o.Key, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// finding is a finding to expect.
type finding struct {
	kind           verify.Kind
	source, output string // keys
	want, have     string // parts
}

func (w *world) wantFindings(t *testing.T, got []verify.Finding, want []finding) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) {
			t.Errorf("no finding %+v", want[i])
			continue
		}
		if i >= len(want) {
			t.Errorf("finding %+v", got[i])
			continue
		}
		g, f := got[i], want[i]
		source := ""
		if f.source != "" {
			source = w.sources.URL(f.source)
		}
		if g.Kind != f.kind || g.Source != source || g.Output != f.output || !strings.Contains(g.Want, f.want) || !strings.Contains(g.Have, f.have) {
			t.Errorf("finding %+v\nwant    %+v", g, f)
		}
	}
}

func sha(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
