package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var day = time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)

// bucket keeps what is made, by key.
type bucket struct {
	mu      sync.Mutex
	created []string
	objects map[string][]byte
	aborted int
}

func newBucket() *bucket { return &bucket{objects: make(map[string][]byte)} }

func (b *bucket) create(key string) (Writer, error) {
	b.created = append(b.created, key)
	return &object{bucket: b, key: key}, nil
}

// object shows in its bucket once it is committed.
type object struct {
	bytes.Buffer
	bucket *bucket
	key    string
	done   bool
}

func (o *object) Commit(context.Context) error {
	o.bucket.mu.Lock()
	defer o.bucket.mu.Unlock()
	if o.done {
		return errors.New("committed after its end")
	}
	o.done = true
	o.bucket.objects[o.key] = o.Bytes()
	return nil
}

func (o *object) Abort() error {
	o.bucket.mu.Lock()
	defer o.bucket.mu.Unlock()
	if !o.done {
		o.done = true
		o.bucket.aborted++
	}
	return nil
}

// text inflates an object.
func (b *bucket) text(t testing.TB, key string) string {
	t.Helper()
	object := b.objects[key]
	if len(object) < 8 || !bytes.Equal(object[3:8], make([]byte, 5)) {
		t.Fatalf("%s: the gzip header has more than a zero time: % x", key, object[:min(len(object), 8)])
	}
	z, err := gzip.NewReader(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustMake(t testing.TB, c Config) ([]File, *bucket) {
	t.Helper()
	b := newBucket()
	files, err := Make(context.Background(), c, b.create)
	if err != nil {
		t.Fatal(err)
	}
	return files, b
}

func TestSameConfigSameBytes(t *testing.T) {
	sum := func(c Config) string {
		h := sha256.New()
		files, b := mustMake(t, c)
		for _, f := range files {
			fmt.Fprintln(h, f)
			h.Write(b.objects[f.Key])
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	c := Config{Day: day, Accelerators: 3, Records: 20_000, Seed: 7}
	first := sum(c)
	if second := sum(c); second != first {
		t.Errorf("the same configuration gives %s, then %s", first, second)
	}
	c.Day = day.Add(23 * time.Hour)
	if later := sum(c); later != first {
		t.Error("the hour of Day matters")
	}
	c.Seed++
	if other := sum(c); other == first {
		t.Error("another seed gives the same files")
	}
}

// TestGolden holds the text of the files of a small configuration, of all files of a larger one
// together, and of a single log. It holds the text, not its compressed form, which is the compression
// library's to change.
func TestGolden(t *testing.T) {
	var got strings.Builder
	small := Config{Day: day, Accelerators: 2, Records: 40, Seed: 1, Prefix: "logs"}
	files, b := mustMake(t, small)
	for _, f := range files {
		fmt.Fprintf(&got, "%x %d %s\n", sha256.Sum256([]byte(b.text(t, f.Key))), f.Records, f.Key)
	}
	larger := small
	larger.Records = 20_000
	files, b = mustMake(t, larger)
	all := sha256.New()
	for _, f := range files {
		io.WriteString(all, f.Key+"\n"+b.text(t, f.Key))
	}
	fmt.Fprintf(&got, "%x %d files\n", all.Sum(nil), len(files))
	one := sha256.New()
	if err := One(one, larger, day, time.Hour); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&got, "%x one\n", one.Sum(nil))

	path := filepath.Join("testdata", "files.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("files differ from %s; if they should, run go test -update. Have\n%s", path, got.String())
	}
}

func TestRecordsAreExact(t *testing.T) {
	for _, accelerators := range []int{1, 2, 3, 10, 100} {
		for _, records := range []int{1, 2, 3, 31, 32, 99, 1000, 12_345} {
			c := Config{Day: day, Accelerators: accelerators, Records: records, Seed: uint64(records)}
			files, b := mustMake(t, c)
			sum := 0
			for _, f := range files {
				if f.Records < 1 {
					t.Errorf("%+v: %s holds nothing", c, f.Key)
				}
				if lines := strings.Count(b.text(t, f.Key), "\n"); lines != 1+f.Records {
					t.Errorf("%+v: %s: want a header and %d lines, have %d lines", c, f.Key, f.Records, lines)
				}
				if f.Size != int64(len(b.objects[f.Key])) {
					t.Errorf("%+v: %s: want size %d, have %d", c, f.Key, len(b.objects[f.Key]), f.Size)
				}
				sum += f.Records
			}
			if sum != records {
				t.Errorf("%+v: have %d records", c, sum)
			}
			if len(b.objects) != len(files) {
				t.Errorf("%+v: want %d objects, have %d", c, len(files), len(b.objects))
			}
		}
	}
}

func TestKeys(t *testing.T) {
	files, b := mustMake(t, Config{Day: day, Accelerators: 3, Records: 50_000, Seed: 3, Account: "012345678910", Prefix: "my/prefix"})
	var keys []string
	accelerators := make(map[string]bool)
	for _, f := range files {
		keys = append(keys, f.Key)
		src, skip := schema.GlobalAccelerator().Match(f.Key)
		if skip != "" || src.Account != "012345678910" || src.Region != "us-west-2" || src.Day != schema.DayOf(day.Unix()) {
			t.Fatalf("%s: have %+v, %q", f.Key, src, skip)
		}
		if since := src.Time.Sub(day); since < 0 || since >= 24*time.Hour || since%(5*time.Minute) != 0 {
			t.Errorf("%s: not the start of five minutes of the day", f.Key)
		}
		name := f.Key[strings.LastIndexByte(f.Key, '/')+1:]
		parts := strings.Split(strings.TrimSuffix(name, schema.SourceSuffix), "_")
		if len(parts) != 5 || len(parts[4]) != 8 {
			t.Errorf("%s: want 5 parts and a hash of 8 digits", name)
		}
		accelerators[parts[2]] = true
	}
	if !slices.IsSorted(keys) || !slices.Equal(keys, b.created) {
		t.Error("files are not made in the order of their keys")
	}
	if len(slices.Compact(keys)) != len(files) {
		t.Error("a key occurs twice")
	}
	if len(accelerators) != 3 || len(files) != 3*slotsPerDay {
		t.Errorf("want 3 accelerators and a file for each in every slot, have %d and %d", len(accelerators), len(files))
	}
}

func TestTrafficFollowsTheDay(t *testing.T) {
	files, _ := mustMake(t, Config{Day: day, Accelerators: 2, Records: 100_000, Seed: 4})
	var night, afternoon int
	perAccelerator := make(map[string]int)
	for _, f := range files {
		src, _ := schema.GlobalAccelerator().Match(f.Key)
		switch src.Time.Hour() {
		case 4:
			night += f.Records
		case 16:
			afternoon += f.Records
		}
		perAccelerator[strings.Split(f.Key, "_")[2]] += f.Records
	}
	if afternoon < 3*night || afternoon > 4*night {
		t.Errorf("want 3 to 4 times as much at 16 as at 4 o'clock, have %d and %d", afternoon, night)
	}
	var sums []int
	for _, n := range perAccelerator {
		sums = append(sums, n)
	}
	slices.Sort(sums)
	if !slices.Equal(sums, []int{33_333, 66_667}) && !slices.Equal(sums, []int{33_334, 66_666}) {
		t.Errorf("want half as much of the second accelerator, have %d", sums)
	}
}

func TestDaysShareTheWorld(t *testing.T) {
	c := Config{Day: day, Accelerators: 2, Records: 5000, Seed: 5, Clients: 3000}
	_, today := mustMake(t, c)
	c.Day = day.AddDate(0, 0, 1)
	files, tomorrow := mustMake(t, c)
	column := func(b *bucket, field int) map[string]bool {
		values := make(map[string]bool)
		for key := range b.objects {
			for line := range strings.Lines(b.text(t, key)) {
				values[strings.Split(line, " ")[field]] = true
			}
		}
		return values
	}
	const acceleratorID, clientIP = 2, 3
	if have, want := column(tomorrow, acceleratorID), column(today, acceleratorID); len(have) != 3 || fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("accelerators change overnight: %v, %v", want, have)
	}
	known, common := column(today, clientIP), 0
	for ip := range column(tomorrow, clientIP) {
		if known[ip] {
			common++
		}
	}
	if common < len(known)/3 {
		t.Errorf("of %d clients only %d come back", len(known), common)
	}
	for _, f := range files {
		if !strings.Contains(f.Key, "/2026/01/10/") {
			t.Errorf("%s is not of the next day", f.Key)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Day: day, Accelerators: 1, Records: 1}
	if err := good.Validate(); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	bad := Config{Records: -1, Clients: -1, Account: "12345678901x", Prefix: "/logs"}
	const want = `day: want one from 1970-01-02 to 2999-12-31, have 0001-01-01
accelerators: want 1 to 1000, have 0
records: want 1 to 2147483647, have -1
clients: want 1 to 1048576, or 0 for the default, have -1
account: want 12 digits, have "12345678901x"
prefix: want no slash at its ends, have "/logs"`
	if err := bad.Validate(); err == nil || err.Error() != want {
		t.Errorf("want\n%s\nhave\n%v", want, err)
	}
	if _, err := Make(context.Background(), bad, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Make: %v", err)
	}
	err := One(io.Discard, Config{}, day, time.Millisecond)
	if want := "records: want 1 to 2147483647, have 0\nlength: want 1s to 8784h0m0s, have 1ms"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("One: want %q, have %v", want, err)
	}
}

// faulty is an object that fails, and counts how often it is committed and aborted.
type faulty struct {
	write, commit      error
	committed, aborted *int
}

func (f faulty) Write(b []byte) (int, error)  { return len(b), f.write }
func (f faulty) Commit(context.Context) error { *f.committed++; return f.commit }
func (f faulty) Abort() error                 { *f.aborted++; return nil }

func TestErrorsComeBack(t *testing.T) {
	c := Config{Day: day, Accelerators: 1, Records: 1000, Seed: 1}
	broken := errors.New("broken")
	files, _ := mustMake(t, c)
	third := files[2].Key
	for _, test := range []struct {
		name, want            string
		create, write, commit error
	}{
		{name: "create", create: broken, want: "create " + third + ": broken"},
		{name: "write", write: broken, want: "write " + third + ": broken"},
		{name: "commit", commit: broken, want: "write " + third + ": broken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opened := 0
			var committed, aborted [1000]int
			_, err := Make(context.Background(), c, func(key string) (Writer, error) {
				if key != third {
					opened++
					return faulty{committed: &committed[opened-1], aborted: &aborted[opened-1]}, nil
				}
				if test.create != nil {
					return nil, test.create
				}
				opened++
				return faulty{test.write, test.commit, &committed[opened-1], &aborted[opened-1]}, nil
			})
			if !errors.Is(err, broken) || err.Error() != test.want {
				t.Errorf("want %q, have %v", test.want, err)
			}
			for i := range opened {
				if aborted[i] != 1 || committed[i] > 1 {
					t.Errorf("file %d was committed %d and aborted %d times", i, committed[i], aborted[i])
				}
			}
			if test.write != nil && committed[2] > 0 {
				t.Error("a file that could not be written was committed")
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	b := newBucket()
	_, err := Make(ctx, Config{Day: day, Accelerators: 1, Records: 10_000}, func(key string) (Writer, error) {
		if len(b.created) == 3 {
			cancel()
		}
		return b.create(key)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("want %v, have %v", context.Canceled, err)
	}
	if len(b.objects)+b.aborted != len(b.created) {
		t.Errorf("%d files were created, %d of them committed and %d aborted", len(b.created), len(b.objects), b.aborted)
	}
	for key := range b.objects {
		b.text(t, key) // whole
	}
	if len(b.created) == slotsPerDay {
		t.Error("all files were made")
	}
}
