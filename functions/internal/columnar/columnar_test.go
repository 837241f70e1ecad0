package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/schema"
)

// sample gives a batch of random rows and the same rows as text.
func sample(t *schema.Table, rows int, seed uint64) (*batch.Batch, [][]string) {
	r := rand.New(rand.NewPCG(seed, 1))
	b := batch.New(t)
	b.Reset(0)
	b.Extend(rows)
	want := make([][]string, rows)
	for i := range want {
		want[i] = make([]string, len(t.Columns))
	}
	for c := range t.Columns {
		out := &b.Columns[c]
		distinct := 1 + r.IntN(1+rows)
		nulls := r.IntN(4) // one in so many; 0: none, 1: all
		for row := range rows {
			if nulls > 0 && r.IntN(nulls) == 0 {
				out.SetNull(row)
				want[row][c] = columnartest.Null
				continue
			}
			v := r.IntN(distinct) // 0 among them
			switch t.Columns[c].Type {
			case schema.String:
				text := strings.Repeat("x", v%50) + strconv.Itoa(v)
				if v == 0 {
					text = ""
				}
				out.SetText(row, []byte(text))
				want[row][c] = strconv.Quote(text)
			case schema.Int32:
				out.SetNumber(row, int64(v))
				want[row][c] = strconv.Itoa(v)
			case schema.Int64:
				out.SetNumber(row, int64(v)<<33)
				want[row][c] = strconv.Itoa(v << 33)
			case schema.Timestamp:
				at := time.Unix(1767916800+int64(v), 0)
				out.SetNumber(row, at.Unix())
				want[row][c] = at.UTC().Format("2006-01-02T15:04:05.000Z")
			}
		}
	}
	return b, want
}

// sorted gives the rows of a batch as a file has them: ordered by the sort column, NULL last. (A quote,
// which ends each text, comes before all other characters of them, and the N of NULL after the quote.)
func sorted(t *schema.Table, rows [][]string) [][]string {
	if c := t.Column(t.SortColumn); c >= 0 {
		slices.SortStableFunc(rows, func(a, b []string) int { return strings.Compare(a[c], b[c]) })
	}
	return rows
}

// write gives the file that holds the batches.
func write(t testing.TB, table *schema.Table, o Options, metadata []Metadata, batches ...*batch.Batch) []byte {
	t.Helper()
	return writeBy(t, 2, table, o, metadata, batches...)
}

// writeBy is write with so many goroutines.
func writeBy(t testing.TB, threads int, table *schema.Table, o Options, metadata []Metadata, batches ...*batch.Batch) []byte {
	t.Helper()
	var buf bytes.Buffer
	pool, err := NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	w := pool.NewWriter(&buf, table)
	for _, b := range batches {
		if err := w.Write(b, threads); err != nil {
			t.Fatal(err)
		}
	}
	size, err := w.Close(metadata)
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(buf.Len()) {
		t.Fatalf("size %d, want %d", size, buf.Len())
	}
	return buf.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, table := range []*schema.Table{schema.GlobalAccelerator(), schema.GlobalAccelerator().Rejects()} {
		for _, codec := range Codecs() {
			for _, sizes := range [][]int{{}, {1}, {pageRows}, {pageRows + 1, 3}, {40_000, 5, 33_000, 1}} {
				t.Run(fmt.Sprint(table.Name, codec, sizes), func(t *testing.T) {
					o := Options{Codec: codec}
					if len(sizes) > 2 {
						o.RowGroupRows = 9000 // several of them for a batch
					}
					var batches []*batch.Batch
					var want [][]string
					for i, n := range sizes {
						b, rows := sample(table, n, uint64(i+n))
						batches = append(batches, b)
						want = append(want, sorted(table, rows)...)
					}
					columns, got, err := columnartest.Rows(write(t, table, o, nil, batches...))
					if err != nil {
						t.Fatal(err)
					}
					for i, c := range columns {
						if c != table.Columns[i].Name {
							t.Errorf("column %d is %s, want %s", i, c, table.Columns[i].Name)
						}
					}
					if len(got) != len(want) {
						t.Fatalf("%d rows, want %d", len(got), len(want))
					}
					for i := range want {
						if g, w := strings.Join(got[i], "|"), strings.Join(want[i], "|"); g != w {
							t.Fatalf("row %d\n%s\nwant\n%s", i, g, w)
						}
					}
				})
			}
		}
	}
}

func TestInvariantIdentityWhateverTheThreads(t *testing.T) {
	table := schema.GlobalAccelerator()
	b, _ := sample(table, 30_000, 1)
	small, _ := sample(table, 100, 2)
	metadata := []Metadata{{"b", "2"}, {"a", "1"}}
	want := writeBy(t, 1, table, Options{}, metadata, b, small, b)
	for _, threads := range []int{0, 2, 3, 8, 64} {
		if got := writeBy(t, threads, table, Options{}, metadata, b, small, b); !bytes.Equal(got, want) {
			t.Errorf("%d threads give other bytes", threads)
		}
	}
}

func TestUnknownCodec(t *testing.T) {
	if _, err := NewPool(Options{Codec: "lzo"}); err == nil || !strings.Contains(err.Error(), "zstd") {
		t.Errorf("error %v", err)
	}
}

func TestTooManyRowGroupsIsAnError(t *testing.T) {
	table := schema.GlobalAccelerator().Rejects()
	pool, err := NewPool(Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := pool.NewWriter(io.Discard, table)
	b, _ := sample(table, 1, 1)
	for range maxGroups {
		if err := w.Write(b, 1); err != nil {
			t.Fatal(err)
		}
	}
	err = w.Write(b, 1)
	var r interface{ Retryable() bool }
	if !errors.As(err, &r) || r.Retryable() {
		t.Errorf("error %v", err)
	}
	if _, err := w.Close(nil); err != nil {
		t.Error(err)
	}
}

func TestInspect(t *testing.T) {
	table := schema.GlobalAccelerator()
	b, _ := sample(table, 3, 1)
	ip := table.Column("clientip")
	b.Columns[ip].Dict.Reset()
	longest := "2001:db8:1234:a100:8d6e:3477:df66:f105"
	for row, text := range []string{longest, "10.0.0.1", longest} {
		b.Columns[ip].SetText(row, []byte(text))
	}
	start := table.Column("starttime")
	for row, at := range []int64{1767916800, -1, 1767916801} {
		b.Columns[start].SetNumber(row, at) // -1 comes out as NULL
	}
	data := write(t, table, Options{}, []Metadata{{"flowlake.source.lines", "4"}}, b)
	f, err := Inspect(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Rows != 3 || f.CreatedBy != CreatedBy || len(f.Groups) != 1 || len(f.Metadata) != 1 || f.Metadata[0] != (Metadata{"flowlake.source.lines", "4"}) {
		t.Errorf("file %+v", f)
	}
	c := f.Groups[0].Columns[ip]
	if c.Name != "clientip" || c.Type != "BYTE_ARRAY STRING" || c.Min != "10.0.0.1" || c.Max != longest ||
		strings.Join(c.Encodings, ",") != "DICTIONARY,RLE_DICTIONARY" || !c.Indexed || c.Pages != 1 || c.Values != 3 || c.Nulls != 0 {
		t.Errorf("clientip %+v", c)
	}
	c = f.Groups[0].Columns[start]
	if c.Type != "INT64 TIMESTAMP(MILLIS)" || c.Min != "2026-01-09T00:00:00Z" || c.Max != "2026-01-09T00:00:01Z" || c.Nulls != 1 {
		t.Errorf("starttime %+v", c)
	}
	if _, err := Inspect(strings.NewReader("no parquet"), 10); err == nil {
		t.Error("no error for a file that is not Parquet")
	}
}

func TestInspectOfADamagedFooterIsAnError(t *testing.T) {
	b, _ := sample(schema.GlobalAccelerator(), 300, 1)
	data := write(t, schema.GlobalAccelerator(), Options{}, nil, b)
	r := rand.New(rand.NewPCG(1, 1))
	failed := 0
	for range 2000 {
		damaged := bytes.Clone(data)
		for range 1 + r.IntN(3) {
			damaged[len(data)-1-r.IntN(len(data)/2)] = byte(r.Uint32())
		}
		if _, err := Inspect(bytes.NewReader(damaged), int64(len(damaged))); err != nil {
			failed++
		}
	}
	if failed < 100 {
		t.Errorf("%d of 2000 damaged files are found out", failed)
	}
}

// The file's types are what Athena reads: signed, timestamps in milliseconds, everything optional.
func TestTrapTypesThatAthenaCannotRead(t *testing.T) {
	for _, table := range schema.Tables() {
		data := write(t, table, Options{}, nil)
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range f.Schema().Fields() {
			want := map[schema.Type]string{schema.String: "STRING", schema.Int32: "INT32", schema.Int64: "INT64", schema.Timestamp: "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)"}[table.Columns[i].Type]
			if f.Name() != table.Columns[i].Name || f.Type().String() != want || !f.Optional() {
				t.Errorf("column %d is %s %s, optional %v; want %s %s", i, f.Name(), f.Type(), f.Optional(), table.Columns[i].Name, want)
			}
		}
	}
}

func TestTrapCreatedByDependsOnTheBuild(t *testing.T) {
	data := write(t, schema.GlobalAccelerator(), Options{}, nil)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Metadata().CreatedBy; got != CreatedBy {
		t.Errorf("created by %q", got)
	}
}

// Tripwire: the library's struct writer takes the zero of an optional value type for NULL. We never
// write structs; should this change, the reason to avoid them changes, too.
func TestTripwireZeroOfAnOptionalStructFieldIsNull(t *testing.T) {
	type record struct {
		Port int32 `parquet:"port,optional"`
	}
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[record](&buf)
	if _, err := w.Write([]record{{0}, {80}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, rows, err := columnartest.Rows(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rows); got != "[[NULL] [80]]" {
		t.Errorf("rows %s: the library treats zero values otherwise than at v0.32.0", got)
	}
}

// A port of 0 is 0 and a NULL is NULL, in the same column.
func TestTrapZeroIsNotNull(t *testing.T) {
	table := schema.GlobalAccelerator()
	b := batch.New(table)
	b.Reset(0)
	b.Extend(2)
	for i := range b.Columns {
		if table.Columns[i].Type == schema.String {
			b.Columns[i].SetText(0, nil)
		} else {
			b.Columns[i].SetNumber(0, 0)
		}
		b.Columns[i].SetNull(1)
	}
	_, rows, err := columnartest.Rows(write(t, table, Options{}, nil, b))
	if err != nil {
		t.Fatal(err)
	}
	for c := range rows[0] {
		if rows[0][c] == columnartest.Null || rows[1][c] != columnartest.Null {
			t.Errorf("%s: rows %s and %s", table.Columns[c].Name, rows[0][c], rows[1][c])
		}
	}
}

// A dictionary of 150,000 texts loses none of them.
func TestTrapDictionaryOverflowDropsValues(t *testing.T) {
	table := schema.GlobalAccelerator()
	b := batch.New(table)
	b.Reset(0)
	const rows = 150_000
	b.Extend(rows)
	ip := table.Column("clientip")
	for row := range rows {
		b.Columns[ip].SetText(row, fmt.Appendf(nil, "2001:db8::%x:%x", row>>8, row&255))
	}
	_, got, err := columnartest.Rows(write(t, table, Options{}, nil, b))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for row := range rows {
		want = append(want, fmt.Sprintf(`"2001:db8::%x:%x"`, row>>8, row&255))
	}
	slices.Sort(want)
	for row := range rows {
		if got[row][ip] != want[row] {
			t.Fatalf("row %d: %s, want %s", row, got[row][ip], want[row])
		}
	}
}

func TestTrapErrorsOfCloseAreNotIgnored(t *testing.T) {
	table := schema.GlobalAccelerator()
	b, _ := sample(table, 5000, 1)
	whole := len(write(t, table, Options{}, nil, b))
	for _, after := range []int{0, 1, whole / 2, whole - 1} {
		pool, err := NewPool(Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := pool.NewWriter(&limited{after}, table)
		err = w.Write(b, 1)
		if err == nil {
			_, err = w.Close(nil)
		}
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("full after %d of %d bytes: error %v", after, whole, err)
		}
	}
}

// limited is a writer that is full after so many bytes.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		n := l.left
		l.left = 0
		return n, fmt.Errorf("disk full")
	}
	l.left -= len(p)
	return len(p), nil
}

// Encoding allocates for columns and pages, not for rows.
func TestAllocationBudget(t *testing.T) {
	encode := encodingRowGroup(t)
	if got := testing.AllocsPerRun(2, func() { encode() }); got > 2000 {
		t.Errorf("%.0f allocations for a row group, want at most 2000", got)
	}
}

func BenchmarkEncode(b *testing.B) {
	encode := encodingRowGroup(b)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = encode()
	}
	b.SetBytes(int64(size))
	b.ReportMetric(DefaultRowGroupRows*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(size)/DefaultRowGroupRows, "bytes/record")
}

// encodingRowGroup gives a function that writes a file of one row group and gives its size.
func encodingRowGroup(t testing.TB) func() int {
	table := schema.GlobalAccelerator()
	data, _ := sample(table, DefaultRowGroupRows, 1)
	pool, err := NewPool(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		file := new(bytes.Buffer)
		w := pool.NewWriter(file, table)
		if err := w.Write(data, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		return file.Len()
	}
}
