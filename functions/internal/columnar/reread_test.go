package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/schema"
)

func reread(file []byte, sums ...string) (*Contents, error) {
	return Reread(bytes.NewReader(file), int64(len(file)), sums)
}

func TestReread(t *testing.T) {
	table := schema.GlobalAccelerator()
	names := []string{"bytes", "clientport", "packets"}
	for _, codec := range Codecs() {
		for _, sizes := range [][]int{{}, {1}, {pageRows + 1, 3}, {12_000, 5, 10_000}} {
			o := Options{Codec: codec, RowGroupRows: 9000}
			want := make([]*big.Int, len(names))
			for i := range want {
				want[i] = new(big.Int)
			}
			total := 0
			var batches []*batch.Batch
			for i, n := range sizes {
				b, rows := sample(table, n, uint64(i+n))
				batches = append(batches, b)
				total += n
				for i, name := range names {
					for _, row := range rows {
						if v := row[table.Column(name)]; v != columnartest.Null {
							term, _ := new(big.Int).SetString(v, 10)
							want[i].Add(want[i], term)
						}
					}
				}
			}
			file := write(t, table, o, []Metadata{{"key", "value"}}, batches...)
			got, err := reread(file, names...)
			if err != nil {
				t.Fatal(err)
			}
			if got.Rows != int64(total) || fmt.Sprint(got.Metadata) != "[{key value}]" || fmt.Sprint(got.Sums) != fmt.Sprint(want) {
				t.Errorf("%s, %v: have %+v, want %d rows and sums %v", codec, sizes, got, total, want)
			}
		}
	}
	b, _ := sample(table, 10, 1)
	file := write(t, table, Options{}, nil, b)
	for _, name := range []string{"nothing", "clientip"} {
		if _, err := reread(file, name); err == nil {
			t.Errorf("a sum of column %s", name)
		}
	}
}

// The columns of a file are those that it declares, whoever wrote it.
func TestRereadGivesTheColumns(t *testing.T) {
	b, _ := sample(schema.GlobalAccelerator().Rejects(), 1, 1)
	got, err := reread(write(t, schema.GlobalAccelerator().Rejects(), Options{}, nil, b))
	if want := "[{source BYTE_ARRAY STRING} {line INT64} {reason BYTE_ARRAY STRING} {raw BYTE_ARRAY STRING}]"; err != nil || fmt.Sprint(got.Columns) != want {
		t.Errorf("have %v, error %v, want %s", got, err, want)
	}
	b, _ = sample(schema.GlobalAccelerator(), 1, 1)
	got, err = reread(write(t, schema.GlobalAccelerator(), Options{}, nil, b))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"clientport": "INT32", "starttime": "INT64 TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)"} {
		if have := got.Columns[schema.GlobalAccelerator().Column(name)]; have != (Column{name, want}) {
			t.Errorf("have %+v, want %s", have, want)
		}
	}
	type row struct {
		Small   uint32  `parquet:"small"`
		Numbers []int64 `parquet:"numbers"`
		Group   struct {
			Inner int64 `parquet:"inner"`
		} `parquet:"group"`
	}
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[row](&buf)
	_, err = w.Write([]row{{Small: 1, Numbers: []int64{1}}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	got, err = reread(buf.Bytes())
	if want := "[{small INT32 INT(32,false)} {numbers REPEATED INT64 INT(64,true)} {group.inner INT64 INT(64,true)}]"; err != nil || fmt.Sprint(got.Columns) != want {
		t.Errorf("have %v, error %v, want %s", got, err, want)
	}
}

// A file that is cut off is an error wherever it is cut. One with a flipped bit in a page is an error, or
// it is in what does not matter to the values, and never takes more memory than the pages need.
func TestRereadFindsDamage(t *testing.T) {
	table := schema.GlobalAccelerator().Rejects()
	b, _ := sample(table, 300, 7)
	file := write(t, table, Options{}, []Metadata{{"key", "value"}}, b)
	want, err := reread(file, schema.RejectLine)
	if err != nil {
		t.Fatal(err)
	}
	for n := range file {
		if _, err := reread(file[:n]); err == nil {
			t.Fatalf("no error when cut off at byte %d of %d", n, len(file))
		}
	}
	f, err := Inspect(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	pages := int64(len(magic)) // end of the pages
	for _, c := range f.Groups[0].Columns {
		pages += c.Compressed
	}
	var before, after runtime.MemStats
	silent := 0
	for at := range file {
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << (at % 8)
		runtime.ReadMemStats(&before)
		got, err := reread(damaged, schema.RejectLine)
		runtime.ReadMemStats(&after)
		inPages := int64(at) < pages
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 && inPages {
			t.Errorf("a flipped bit in byte %d of %d takes %d bytes of memory", at, len(file), n)
		}
		if err == nil && inPages && (got.Rows != want.Rows || got.Sums[0].Cmp(want.Sums[0]) != 0) {
			t.Errorf("a flipped bit in byte %d of %d gives %d rows with sum %v, and no error", at, len(file), got.Rows, got.Sums[0])
		}
		if err == nil && inPages {
			silent++
		}
	}
	if silent > 40 { // flags and statistics in page headers, which have no checksum
		t.Errorf("a flipped bit in %d of %d bytes of pages is no error", silent, pages)
	}
}
