package verify_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

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
			w.register(table, p)
			return []finding{
				{verify.Misplaced, "", "elsewhere/", "partition 2026/01/11 at " + location, "of aga_flow_logs at elsewhere/"},
				{verify.Unregistered, clean, w.output(table, "2026-01-11", clean), location, "elsewhere/"},
			}
		}, 2},
		{"a place registered under another day alone", func(w *world) []finding {
			p := table.Partition(schema.DayOf(midnight + 86400))
			if n, err := w.catalog.RemovePartitions(w.Context(), table, []schema.Partition{p}); n != 1 || err != nil {
				w.Fatal(n, err)
			}
			w.register(table, schema.Partition{Values: []string{"2026", "01", "19"}, Location: p.Location})
			return []finding{
				{verify.Misplaced, "", p.Location, "partition 2026/01/19 at ", "partition 2026/01/19 of aga_flow_logs at " + p.Location},
				{verify.Unregistered, clean, w.output(table, "2026-01-11", clean), p.Location, "no such partition"},
			}
		}, 1},
		{"places registered twice", func(w *world) []finding {
			day, noDay := table.Partition(schema.DayOf(midnight)), rejects.Partition(schema.NoDay)
			w.register(table, schema.Partition{Values: []string{"2026", "1", "10"}, Location: day.Location})
			w.register(table, schema.Partition{Values: []string{"2026", "01", "40"}, Location: table.Name + "/"})
			w.register(rejects, schema.Partition{Values: []string{"2026", "01", "12"}, Location: noDay.Location}, noDay)
			return []finding{
				{verify.Misplaced, "", table.Name + "/", "no partition of the values 2026/01/40", table.Name},
				{verify.Misplaced, "", day.Location, "no partition of the values 2026/1/10", table.Name},
				{verify.Misplaced, "", noDay.Location, "partition 2026/01/12 at ", rejects.Name},
			}
		}, 3},
		{"an output of an older table", func(w *world) []finding {
			key := w.output(table, "2026-01-11", clean)
			w.said(key, "schema.version", "1", "0")
			return []finding{{verify.Different, clean, key, "version 1 of table aga_flow_logs", "0"}}
		}, 0},
		{"a column of another name", func(w *world) []finding {
			key := w.output(table, "2026-01-11", clean)
			w.edit(key, func(data []byte) []byte {
				footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
				return append(data[:footer:footer], bytes.ReplaceAll(data[footer:], []byte("vpcid"), []byte("vpcno"))...)
			})
			return []finding{{verify.Different, clean, key, "column vpcid BYTE_ARRAY STRING", "column vpcno BYTE_ARRAY STRING"}}
		}, 0},
		{"outputs of a table with fewer columns, and with another type", func(w *world) []finding {
			var all []finding
			for source, change := range map[string]func(*schema.Table){
				clean:  func(t *schema.Table) { t.Columns = t.Columns[:len(t.Columns)-1] },
				second: func(t *schema.Table) { t.Columns[t.Column("clientport")].Type = schema.Int64 },
			} {
				other := schema.GlobalAccelerator()
				change(other)
				convert, err := etl.New(etl.Config{Table: other}, w.lake, noCatalog{})
				if err != nil {
					w.Fatal(err)
				}
				if _, err := convert.Convert(w.Context(), w.sources, source); err != nil {
					w.Fatal(err)
				}
			}
			for _, day := range []string{"2026-01-09", "2026-01-10"} {
				all = append(all, finding{verify.Different, second, w.output(table, day, second), "column clientport INT32", "column clientport INT64"})
			}
			return append(all, finding{verify.Different, clean, w.output(table, "2026-01-11", clean), "column rejectreason BYTE_ARRAY STRING", "no more columns"})
		}, 0},
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
			w.said(key, "source.rejected", "4", "3")
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
				w.said(k, "source.sha256", sha(stored(less)), sha(stored(full)))
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
		{"rows of a file that is none of flowlake's", func(w *world) []finding {
			file, err := os.ReadFile(w.lake.Path(w.output(table, "2026-01-11", clean)))
			if err != nil {
				w.Fatal(err)
			}
			file = bytes.ReplaceAll(file, []byte("flowlake.source.url"), []byte("somebody.source.url"))
			const location = "aga_flow_logs/year=2026/month=01/day=09/"
			for _, name := range []string{"stray.parquet", "_hidden.parquet", ".hidden.parquet"} {
				w.write(location+name, file)
			}
			return []finding{{verify.Extra, "", location + "stray.parquet", "names no source", "3 rows"}}
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
			w.said(key, "source.sha256", sha(stored(wrong)), sha(stored(right)))
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
