package verify_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
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
		name = "flowlake.source." + name
		at := bytes.LastIndex(data, []byte(name)) + len(name)
		value := bytes.Index(data[at:], []byte(from))
		if value < 0 || value > 8 || len(from) != len(to) {
			w.Fatalf("%s of %s is not %q", name, key, from)
		}
		copy(data[at+value:], to)
		return data
	})
}

func (w *world) remove(name string) {
	w.Helper()
	if err := os.Remove(name); err != nil {
		w.Fatal(err)
	}
}

func TestACleanLakeIsProved(t *testing.T) {
	w := newWorld(t)
	w.put("empty.log.gz", nil)
	w.put("notes.txt", []byte("no log"))
	w.put("headers.log.gz", stored(header+"\n"+header)) // lines, but nothing that needs an output
	w.put("no-text.log.gz", stored(""))
	// The key names no day, and the rejects in front of the first record are more than are written at once.
	w.put("dayless.log.gz", stored(header+strings.Repeat("no record\n", 9000)+record(midnight, 1)+"no record\n"))
	w.put("rejects-only.log.gz", stored("no record\n"))
	w.put("two members.log.gz", append(stored(header+record(midnight, 1)), stored(header+record(midnight, 2))...))
	w.convertAll()
	want := verify.Report{
		Found: 10, Verified: 8, Clean: 8,
		Counts:        verify.Counts{Lines: 28 + 10 + 4 + 3 + 9003 + 1 + 4, Rows: 32, Rejected: 9008, Headers: 8, Blank: 5},
		Outputs:       2 + 1 + 2 + 1 + 1 + (1 + 2) + 1 + 1,
		OutputRows:    32,
		OutputRejects: 9008,
		Partitions:    6,
	}
	for _, workers := range []int{0, 1, 8} {
		o := w.options()
		o.Workers = workers
		var done atomic.Int64
		o.Done = func(size int64, findings int) { done.Add(1) }
		r := w.verify(o)
		for _, f := range r.Findings {
			t.Errorf("finding %+v", f)
		}
		if r.Standing() != 0 || done.Load() != r.Verified {
			t.Errorf("%d findings; %d sources are done, want %d", r.Standing(), done.Load(), r.Verified)
		}
		if fmt.Sprint(r.Skipped) != "map[empty object (0 bytes):1 name does not end in .log.gz:1]" {
			t.Errorf("skipped %v", r.Skipped)
		}
		c := r.Counts
		if c.Lines != c.Rows+c.Rejected+c.Headers+c.Blank {
			t.Errorf("lines do not add up: %+v", c)
		}
		got := verify.Report{Found: r.Found, Verified: r.Verified, Clean: r.Clean, Counts: r.Counts, Outputs: r.Outputs,
			OutputRows: r.OutputRows, OutputRejects: r.OutputRejects, Partitions: r.Partitions}
		got.Text = 0
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%d workers: report\n%+v\nwant\n%+v", workers, got, want)
		}
		bytes := 20*40 + 19*20/2 + 6*40 + 5*6/2 + 5 + 6 + 7 + 1 + 1 + 2
		if s := r.Sums[0]; s.Column != "bytes" || s.Text.Int64() != int64(bytes) || s.Lake.Cmp(s.Text) != 0 {
			t.Errorf("sum %+v, want %d", s, bytes)
		}
		if s := r.Sums[1]; s.Column != "packets" || s.Text.Int64() != 32 || s.Lake.Cmp(s.Text) != 0 {
			t.Errorf("sum %+v, want 32", s)
		}
	}
	// A lake that cannot be read in place: copied, and nothing stays behind.
	memory := copyOf(t, w)
	r, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog)
	if err != nil || r.Standing() != 0 || r.Outputs != want.Outputs {
		t.Errorf("report %+v, error %v", r, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "flowlake-output-*")); len(left) > 0 {
		t.Errorf("%q stay behind", left)
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

// Whatever is wrong is found, alone, and mended where converting the source again can help.
func TestFindings(t *testing.T) {
	table := schema.GlobalAccelerator()
	rejects := table.Rejects()
	for _, test := range []struct {
		name   string
		damage func(w *world) []finding // gives what is to be found
		stays  int                      // findings that converting again does not mend
	}{
		{"a deleted output", func(w *world) []finding {
			key := w.output(table, "2026-01-10", first)
			w.remove(w.lake.Path(key))
			return []finding{{verify.Missing, first, key, "10 rows", "no such output"}}
		}, 0},
		{"deleted rejects", func(w *world) []finding {
			key := w.output(rejects, "2026-01-09", first)
			w.remove(w.lake.Path(key))
			return []finding{{verify.Missing, first, key, "4 rows", "no such output"}}
		}, 0},
		{"a truncated output", func(w *world) []finding {
			key := w.output(table, "2026-01-09", first)
			w.edit(key, func(data []byte) []byte { return data[:len(data)-100] })
			return []finding{{verify.Different, first, key, "10 rows", "cut off"}}
		}, 0},
		{"an empty output", func(w *world) []finding {
			key := w.output(table, "2026-01-11", clean)
			w.edit(key, func([]byte) []byte { return nil })
			return []finding{{verify.Different, clean, key, "3 rows", "cut off"}}
		}, 0},
		{"a damaged page", func(w *world) []finding {
			key := w.output(table, "2026-01-09", first)
			w.edit(key, func(data []byte) []byte {
				data[bytes.Index(data, []byte("f0154cf1"))] ^= 1
				return data
			})
			return []finding{{verify.Different, first, key, "10 rows", "column acceleratorid: crc32 checksum mismatch"}}
		}, 0},
		{"an unregistered partition", func(w *world) []finding {
			day := schema.DayOf(midnight)
			if n, err := w.catalog.RemovePartitions(w.Context(), table, []schema.Partition{table.Partition(day)}); n != 1 || err != nil {
				w.Fatal(n, err)
			}
			return []finding{
				{verify.Unregistered, second, w.output(table, "2026-01-10", second), table.Partition(day).Location, "no such partition"},
				{verify.Unregistered, first, w.output(table, "2026-01-10", first), table.Partition(day).Location, "no such partition"},
			}
		}, 0},
		{"a partition registered elsewhere", func(w *world) []finding {
			p := table.Partition(schema.DayOf(midnight + 86400))
			if n, err := w.catalog.RemovePartitions(w.Context(), table, []schema.Partition{p}); n != 1 || err != nil {
				w.Fatal(n, err)
			}
			location := p.Location
			p.Location = "elsewhere/"
			if _, err := w.catalog.AddPartitions(w.Context(), table, []schema.Partition{p}); err != nil {
				w.Fatal(err)
			}
			return []finding{{verify.Unregistered, clean, w.output(table, "2026-01-11", clean), location, "elsewhere/"}}
		}, 1},
		{"an output of an older source version", func(w *world) []finding {
			w.put(clean, stored(header+record(midnight+130000, 5)+record(midnight+130001, 6)))
			return []finding{{verify.Different, clean, w.output(table, "2026-01-11", clean), "SHA-256", "another version"}}
		}, 0},
		{"a day that the source no longer has", func(w *world) []finding {
			w.put(clean, stored(header+record(midnight, 5)))
			return []finding{
				{verify.Missing, clean, w.output(table, "2026-01-10", clean), "1 row", "no such output"},
				{verify.Extra, clean, w.output(table, "2026-01-11", clean), "no output", "3 rows"},
			}
		}, 1},
		{"a rejected line count that does not add up", func(w *world) []finding {
			key := w.output(table, "2026-01-09", first)
			w.said(key, "rejected", "4", "3")
			return []finding{{verify.Different, first, key, "rejected 4", "rejected 3"}}
		}, 0},
		{"a rejected line that is missing", func(w *world) []finding {
			// The rejects of another version of the source, passed for those of this one.
			full, less := text(20), strings.Replace(text(20), "no record\n", "\n\n\n\n\n\n\n\n\n\n", 1)
			key := w.output(rejects, "2026-01-09", first)
			w.put(first, stored(less))
			w.convertAll()
			w.put(first, stored(full))
			for _, k := range []string{key, w.output(table, "2026-01-09", first), w.output(table, "2026-01-10", first)} {
				w.said(k, "sha256", sha(stored(less)), sha(stored(full)))
			}
			return []finding{
				{verify.Different, first, w.output(table, "2026-01-09", first), "lines 28, rejected 4", "lines 37, rejected 3"},
				{verify.Different, first, w.output(table, "2026-01-10", first), "lines 28, rejected 4", "lines 37, rejected 3"},
				{verify.Missing, first, key, "4 rows", "3 rows"},
				{verify.Different, first, key, "lines 28, rejected 4, blank 3", "lines 37, rejected 3, blank 13"},
			}
		}, 0},
		{"an output in the place of another", func(w *world) []finding {
			data, err := os.ReadFile(w.lake.Path(w.output(rejects, "2026-01-09", second))) // 2 rows
			if err != nil {
				w.Fatal(err)
			}
			key := w.output(table, "2026-01-09", second)
			w.write(key, data)
			other := w.output(table, "2026-01-11", clean)
			if data, err = os.ReadFile(w.lake.Path(w.output(table, "2026-01-10", second))); err != nil { // 3 rows
				w.Fatal(err)
			}
			w.write(other, data)
			return []finding{
				{verify.Different, second, key, "3 rows", "no column bytes"}, // it is to be added up
				{verify.Different, clean, other, "an output of file://", "one of file://"},
			}
		}, 0},
		{"an output twice", func(w *world) []finding {
			name := w.output(table, "2026-01-11", clean)
			data, err := os.ReadFile(w.lake.Path(name))
			if err != nil {
				w.Fatal(err)
			}
			day := w.output(table, "2026-01-09", clean)
			renamed := strings.Replace(name, "clean", "other", 1)
			w.write(day, data)
			w.write(renamed, data)
			return []finding{
				{verify.Extra, clean, day, "nothing that belongs here", "3 rows"},
				{verify.Extra, clean, renamed, "no output but", "3 rows"},
			}
		}, 2},
		{"a source that is gone", func(w *world) []finding {
			w.remove(w.sources.Path(first))
			return []finding{
				{verify.Extra, first, w.output(table, "2026-01-09", first), "no such source", "10 rows"},
				{verify.Extra, first, w.output(table, "2026-01-10", first), "no such source", "10 rows"},
				{verify.Extra, first, w.output(rejects, "2026-01-09", first), "no such source", "4 rows"},
			}
		}, 3},
		{"a source that is empty now", func(w *world) []finding {
			w.put(clean, nil)
			return []finding{{verify.Extra, clean, w.output(table, "2026-01-11", clean), "no such source", "3 rows"}}
		}, 1},
		{"something in the lake that cannot be read", func(w *world) []finding {
			const key = "aga_flow_logs/year=2026/month=01/day=09/stray.parquet"
			w.write(key, []byte("no Parquet"))
			return []finding{{verify.Extra, "", key, "can be read", "read footer"}}
		}, 1},
		{"an unreadable source without outputs", func(w *world) []finding {
			data := stored(text(4))
			w.put("cut.log.gz", data[:len(data)-9])
			w.put("plain.log.gz", []byte(text(4)))
			return []finding{
				{verify.Unreadable, "cut.log.gz", "", "a log that can be read", "unexpected EOF"},
				{verify.Unreadable, "plain.log.gz", "", "a log that can be read", "invalid header"},
			}
		}, 2},
		{"an unreadable source with outputs", func(w *world) []finding {
			data := stored(text(20))
			data[len(data)-1] ^= 1
			w.put(first, data)
			want := "no output of a log that cannot be read"
			return []finding{
				{verify.Unreadable, first, "", "a log that can be read", "checksum"},
				{verify.Unreadable, first, w.output(table, "2026-01-09", first), want, "10 rows"},
				{verify.Unreadable, first, w.output(table, "2026-01-10", first), want, "10 rows"},
				{verify.Unreadable, first, w.output(rejects, "2026-01-09", first), want, "4 rows"},
			}
		}, 4},
		{"a source of another table", func(w *world) []finding {
			w.put(clean, stored(strings.Replace(header, "accelerator_id", "interface_id", 1)+record(midnight, 5)))
			return []finding{
				{verify.Unreadable, clean, "", "a log that can be read", "line 1: header does not name accelerator_id"},
				{verify.Unreadable, clean, w.output(table, "2026-01-11", clean), "no output", "3 rows"},
			}
		}, 2},
		{"a sum that differs", func(w *world) []finding {
			// Packets taken for bytes, and all else as it should be.
			right := header + record(midnight, 7) + record(midnight, 8)
			wrong := header + record(midnight, 1) + record(midnight, 1)
			w.put(clean, stored(wrong))
			w.remove(w.lake.Path(w.output(table, "2026-01-11", clean)))
			w.convertAll()
			w.put(clean, stored(right))
			key := w.output(table, "2026-01-10", clean)
			w.said(key, "sha256", sha(stored(wrong)), sha(stored(right)))
			return []finding{{verify.Different, clean, key, "sum of bytes 15", "2"}}
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			want := test.damage(w)
			o := w.options()
			r := w.verify(o)
			w.wantFindings(t, r.Findings, want)
			if r.Standing() != int64(len(want)) || r.Omitted() != 0 {
				t.Errorf("%d findings stand, %d are omitted, want %d", r.Standing(), r.Omitted(), len(want))
			}

			var again []string
			o.Workers = 1
			o.Fix = func(ctx context.Context, object verify.Object) error {
				again = append(again, object.Key)
				_, err := w.convert.Convert(ctx, object.Source, object.Key)
				return err
			}
			r = w.verify(o)
			w.wantFindings(t, r.Findings, want)
			if r.Standing() != int64(test.stays) {
				t.Errorf("converted again, %d findings stand, want %d: %+v", r.Standing(), test.stays, r.Findings)
			}
			mendable := map[string]bool{}
			for _, f := range want {
				if f.kind == verify.Missing || f.kind == verify.Different || f.kind == verify.Unregistered {
					mendable[f.source] = true
				}
			}
			slices.Sort(again)
			if keys := slices.Sorted(maps.Keys(mendable)); !slices.Equal(again, keys) || r.ConvertedAgain != int64(len(keys)) {
				t.Errorf("converted again %q, want %q", again, keys)
			}
			r = w.verify(w.options())
			if r.Standing() != int64(test.stays) {
				t.Errorf("after that, %d findings, want %d: %+v", r.Standing(), test.stays, r.Findings)
			}
		})
	}
}

func sha(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func TestFindingsAreBoundedAndInOrder(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.put(fmt.Sprintf("%02d.log.gz", i), stored(header+record(midnight, i)))
	}
	var want []verify.Finding
	for _, workers := range []int{1, 8} {
		o := w.options()
		o.Workers, o.MaxFindings = workers, 7
		r := w.verify(o)
		if len(r.Findings) != 7 || r.Omitted() != 23 || r.Open[verify.Missing] != 30 {
			t.Fatalf("%d findings kept, %d omitted, %v", len(r.Findings), r.Omitted(), r.Open)
		}
		if want == nil {
			want = r.Findings
		}
		for i, f := range r.Findings {
			if f != want[i] || f.Source != w.sources.URL(fmt.Sprintf("%02d.log.gz", i)) {
				t.Errorf("%d workers: finding %d is %+v", workers, i, f)
			}
		}
	}
}

// Sources are limited by the time in their keys. Their outputs are found on whatever day they are; those
// of other sources do not matter.
func TestSelection(t *testing.T) {
	w := newWorld(t)
	table := schema.GlobalAccelerator()
	w.put("untimed.log.gz", stored(header+record(midnight, 1)))
	far := key("20260109T2345Z", "far") // a record of long ago
	w.put(far, stored(header+record(midnight-400*86400, 1)))
	gone := key("20260109T2340Z", "gone")
	w.put(gone, stored(header+record(midnight, 1)))
	w.convertAll()
	w.remove(w.sources.Path(gone))
	w.remove(w.sources.Path(clean))
	w.remove(w.lake.Path(w.output(table, "2026-01-10", second)))

	o := w.options()
	o.From, o.Until = time.Unix(midnight-86400, 0), time.Unix(midnight, 0)
	o.Select = func(about schema.Source) (bool, string) {
		if about.Time.IsZero() {
			return false, "no time"
		}
		return !about.Time.Before(o.From) && about.Time.Before(o.Until), ""
	}
	r := w.verify(o)
	w.wantFindings(t, r.Findings, []finding{
		{verify.Extra, gone, w.output(table, "2026-01-10", gone), "no such source", "1 row"},
		{verify.Missing, second, w.output(table, "2026-01-10", second), "3 rows", "no such output"},
	})
	if r.Verified != 3 || r.Skipped["no time"] != 1 || r.Outside != 0 || r.OthersOutputs != 1 {
		t.Errorf("report %+v", r)
	}
	// Of another scope, or there after all, no source is gone.
	o.Holds = func(string) bool { return false }
	if r = w.verify(o); r.Open[verify.Extra] != 0 || r.OthersOutputs != 2 {
		t.Errorf("report %+v", r)
	}
	o.Holds = w.options().Holds
	o.Exists = func(_ context.Context, url string) (bool, error) { return url == w.sources.URL(gone), nil }
	if r = w.verify(o); r.Open[verify.Extra] != 0 || r.OthersOutputs != 2 {
		t.Errorf("report %+v", r)
	}
	o.Exists = func(context.Context, string) (bool, error) { return false, errors.New("no answer") }
	if _, err := verify.Run(t.Context(), o, w.find, w.lake, w.catalog); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("error %v", err)
	}
	// Another day: nothing of all that is seen.
	o.From, o.Until = time.Unix(midnight, 0), time.Unix(midnight+86400, 0)
	if r = w.verify(o); r.Standing() != 0 || r.Verified != 0 || r.Outside != 3 || r.Listed == 0 {
		t.Errorf("report %+v", r)
	}
}

// A failure to convert again stands with the finding.
func TestWhatCannotBeMendedSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.remove(w.lake.Path(w.output(schema.GlobalAccelerator(), "2026-01-11", clean)))
	o := w.options()
	o.Fix = func(context.Context, verify.Object) error { return errors.New("disk full") }
	r := w.verify(o)
	if len(r.Findings) != 1 || r.Findings[0].Mended || r.Findings[0].Fix != "disk full" || r.ConversionFails != 1 || r.Standing() != 1 {
		t.Errorf("findings %+v", r.Findings)
	}
}

// A store that fails is no proof of anything.
func TestFailuresOfStores(t *testing.T) {
	w := newWorld(t)
	memory := copyOf(t, w)
	table := schema.GlobalAccelerator()
	broken := errors.New("broken")
	output := w.output(table, "2026-01-11", clean)
	memory.Hook = func(op, key string, when storetest.When) error {
		if op == "read" && key == output {
			return broken
		}
		return nil
	}
	r, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog)
	if err != nil {
		t.Fatal(err)
	}
	w.wantFindings(t, r.Findings, []finding{{verify.Different, clean, output, "3 rows", "broken"}})

	memory.Hook = func(op, key string, when storetest.When) error {
		if op == "list" {
			return broken
		}
		return nil
	}
	if _, err := verify.Run(t.Context(), w.options(), w.find, memory, w.catalog); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	find := func(ctx context.Context, fn func(verify.Object) error) error {
		if err := w.find(ctx, fn); err != nil {
			return err
		}
		return broken
	}
	if _, err := verify.Run(t.Context(), w.options(), find, w.lake, w.catalog); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	// A source whose store fails says nothing of its outputs.
	sources := new(storetest.Memory)
	sources.Put("x.log.gz", stored(text(3)))
	sources.Hook = func(op, key string, when storetest.When) error {
		if op == "read" {
			return broken
		}
		return nil
	}
	find = func(ctx context.Context, fn func(verify.Object) error) error {
		return fn(verify.Object{Source: sources, Key: "x.log.gz", Size: 1})
	}
	o := w.options()
	o.Holds = func(string) bool { return false }
	r, err = verify.Run(t.Context(), o, find, w.lake, w.catalog)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.Unreadable || !strings.Contains(r.Findings[0].Have, "broken") {
		t.Errorf("report %+v, error %v", r, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	find = func(ctx context.Context, fn func(verify.Object) error) error {
		cancel()
		return w.find(ctx, fn)
	}
	if _, err := verify.Run(ctx, w.options(), find, w.lake, w.catalog); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestValidate(t *testing.T) {
	o := verify.Options{Table: schema.GlobalAccelerator(), From: time.Unix(2, 0), Until: time.Unix(2, 0), Sums: []string{"bytes", "clientip", "starttime", "x"}}
	err := o.Validate()
	for _, want := range []string{"holds", "until", "longest line", "partitions", `have "clientip"`, `have "starttime"`, `have "x"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), `"bytes"`) {
		t.Errorf("error %v", err)
	}
	if _, err := verify.Run(t.Context(), o, nil, nil, nil); err == nil {
		t.Error("runs with wrong options")
	}
}
