package etl_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

const (
	header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"
	// key names 2026-01-09.
	key = "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1_20260109T2355Z_2e13fabb.log.gz"
	// midnight is the first second of 2026-01-10.
	midnight = 1768003200
)

// record gives a line of that start time.
func record(client string, start int) string {
	return fmt.Sprintf("2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 %s 57825 5.6.7.8 80 172.31.25.4 80 TCP IPV4 1 40 %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-01234567891abcdef\n", client, start, start+8)
}

// text gives n records around midnight, and some lines that are none.
func text(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		b.WriteString(record(fmt.Sprintf("10.%d.%d.%d", i%7, i%251, i%13), midnight-n/2+i%n))
		if i%100 == 0 {
			b.WriteString("no record\n")
		}
		if i%150 == 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func compress(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

func newConverter(t *testing.T, c etl.Config, lake etl.Lake, catalog etl.Catalog) *etl.Converter {
	t.Helper()
	c.Table = schema.GlobalAccelerator()
	converter, err := etl.New(c, lake, catalog)
	if err != nil {
		t.Fatal(err)
	}
	return converter
}

// memoryCatalog is a catalog whose calls can fail.
type memoryCatalog struct {
	hook func(*schema.Table, []schema.Partition) error

	mu        sync.Mutex
	locations map[string]bool
}

func (c *memoryCatalog) AddPartitions(_ context.Context, t *schema.Table, partitions []schema.Partition) (added int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hook != nil {
		if err := c.hook(t, partitions); err != nil {
			return 0, err
		}
	}
	if c.locations == nil {
		c.locations = map[string]bool{}
	}
	for _, p := range partitions {
		if !c.locations[p.Location] {
			c.locations[p.Location] = true
			added++
		}
	}
	return added, nil
}

func (c *memoryCatalog) registered() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var locations []string
	for l := range c.locations {
		locations = append(locations, l)
	}
	slices.Sort(locations)
	return locations
}

// contents gives all objects of a store.
func contents(m *storetest.Memory) map[string]string {
	all := map[string]string{}
	for _, k := range m.Keys() {
		data, _ := m.Get(k)
		all[k] = string(data)
	}
	return all
}

func sameContents(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s is missing or differs", what, k)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d objects, want %d", what, len(got), len(want))
	}
}

func TestInvariantIdentity(t *testing.T) {
	source := new(storetest.Memory)
	var keys []string
	for i := range 6 {
		k := strings.Replace(key, "2e13fabb", fmt.Sprintf("%08d", i), 1)
		source.Put(k, compress(text(3000+i)))
		keys = append(keys, k)
	}
	config := etl.Config{SortRows: 1000, RowGroupRows: 400}
	convertAll := func(threads, workers, times int) map[string]string {
		lake := new(storetest.Memory)
		config.Threads = threads
		c := newConverter(t, config, lake, new(memoryCatalog))
		var wg sync.WaitGroup
		slots := make(chan struct{}, workers)
		for range times {
			for _, k := range keys {
				wg.Add(1)
				slots <- struct{}{}
				go func() {
					defer wg.Done()
					if _, err := c.Convert(context.Background(), source, k); err != nil {
						t.Error(err)
					}
					<-slots
				}()
			}
		}
		wg.Wait()
		return contents(lake)
	}
	want := convertAll(1, 1, 1)
	if len(want) != 3*len(keys) {
		t.Fatalf("%d objects, want two days and rejects of each of %d sources", len(want), len(keys))
	}
	sameContents(t, "8 threads", convertAll(8, 1, 1), want)
	sameContents(t, "8 workers", convertAll(2, 8, 1), want)
	sameContents(t, "each three times", convertAll(1, 8, 3), want)
	config.StandardGunzip = true
	sameContents(t, "the standard library's gunzip", convertAll(1, 1, 1), want)
}

// Headers that are met as records, between lines that change from day to day, leave no trace that depends
// on where the text was cut into blocks, which each decoder does elsewhere.
func TestInvariantIdentityWhoeverInflates(t *testing.T) {
	names, fields := strings.Fields(header), strings.Fields(record("10.0.0.1", midnight))
	var text strings.Builder
	text.WriteString(header)
	swapped := false
	for i := range 40_000 {
		at := fmt.Sprint(midnight - i%2)
		line := slices.Clone(fields[:23])
		line[1], line[3], line[13] = fmt.Sprint(i), fmt.Sprintf("10.0.%d.%d", i>>8, i&255), at
		line = append(line, at)
		if i%150 == 149 {
			line = slices.Clone(names[:23])
			if swapped = !swapped; swapped {
				line[3], line[5], line[13] = line[5], line[3], at
				line = append(line, "start_time")
			} else {
				line = append(line, at)
			}
		}
		text.WriteString(strings.Join(line, " ") + "\n")
	}
	source := new(storetest.Memory)
	source.Put(key, compress(text.String()))
	var lakes [2]map[string]string
	for i, standard := range []bool{false, true} {
		lake := new(storetest.Memory)
		res, err := newConverter(t, etl.Config{StandardGunzip: standard}, lake, new(memoryCatalog)).Convert(t.Context(), source, key)
		if err != nil || res.Headers < 200 || res.Rows < 30_000 {
			t.Fatalf("%+v, error %v", res.Counts, err)
		}
		lakes[i] = contents(lake)
	}
	sameContents(t, "the standard library's gunzip", lakes[1], lakes[0])
}

// What a converter did before, such as to see greater numbers and more texts, does not show.
func TestInvariantIdentityWhateverWasBefore(t *testing.T) {
	many := new(strings.Builder)
	many.WriteString(header)
	for i := range 70_000 {
		r := strings.Replace(record(fmt.Sprintf("10.%d.%d.1", i>>8, i&255), midnight+i/1000), "TCP", fmt.Sprintf("P%d", i), 1)
		many.WriteString(strings.Replace(r, " 1 40 ", fmt.Sprintf(" %d %d ", int64(i)<<40, i), 1))
	}
	source := new(storetest.Memory)
	source.Put(key, compress(text(3000)))
	source.Put(key+"-2.log.gz", compress(many.String()))
	want := new(storetest.Memory)
	if _, err := newConverter(t, etl.Config{}, want, new(memoryCatalog)).Convert(t.Context(), source, key); err != nil {
		t.Fatal(err)
	}
	lake := new(storetest.Memory)
	c := newConverter(t, etl.Config{}, lake, new(memoryCatalog))
	for _, k := range []string{key + "-2.log.gz", key} {
		if _, err := c.Convert(t.Context(), source, k); err != nil {
			t.Fatal(err)
		}
	}
	got := contents(lake)
	for k, data := range contents(want) {
		if got[k] != data {
			t.Errorf("%s differs", k)
		}
	}
}

func TestInvariantOrder(t *testing.T) {
	var log []string
	lake := &storetest.Memory{Hook: func(op, key string, when storetest.When) error {
		if op == "commit" && when == storetest.After {
			log = append(log, "durable "+key[:strings.LastIndex(key, "/")+1])
		}
		return nil
	}}
	catalog := &memoryCatalog{hook: func(_ *schema.Table, partitions []schema.Partition) error {
		for _, p := range partitions {
			log = append(log, "registered "+p.Location)
		}
		return nil
	}}
	source := new(storetest.Memory)
	source.Put(key, compress(text(200)))
	if _, err := newConverter(t, etl.Config{}, lake, catalog).Convert(t.Context(), source, key); err != nil {
		t.Fatal(err)
	}
	durable := slices.IndexFunc(log, func(s string) bool { return strings.HasPrefix(s, "registered") })
	if len(log) != 6 || durable != 3 {
		t.Fatalf("order %q", log)
	}
	for i, s := range log[:3] {
		if log[3+i] != strings.Replace(s, "durable", "registered", 1) {
			t.Errorf("order %q", log)
		}
	}
}

func TestInvariantAccounting(t *testing.T) {
	source, lake := new(storetest.Memory), new(storetest.Memory)
	source.Put(key, compress(text(5000)))
	res, err := newConverter(t, etl.Config{SortRows: 700, RowGroupRows: 300}, lake, new(memoryCatalog)).Convert(t.Context(), source, key)
	if err != nil {
		t.Fatal(err)
	}
	if res.Lines != int64(strings.Count(text(5000), "\n")) || res.Rows != 5000 || res.Rejected != 50 || res.Blank != 34 || res.Headers != 1 {
		t.Errorf("counts %+v", res.Counts)
	}
	// The Parquet metadata says the same, in every output.
	for _, o := range res.Outputs {
		data, _ := lake.Get(o.Key)
		file, err := columnar.Inspect(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]string{}
		for _, m := range file.Metadata {
			has[m.Key] = m.Value
		}
		for k, want := range map[string]string{
			"flowlake.source.url":      "s3://memory/" + key,
			"flowlake.source.lines":    fmt.Sprint(res.Lines),
			"flowlake.source.rows":     "5000",
			"flowlake.source.rejected": "50",
			"flowlake.source.headers":  "1",
			"flowlake.source.blank":    "34",
			"flowlake.source.bytes":    fmt.Sprint(res.BytesIn),
			"flowlake.schema.version":  "1",
			"flowlake.schema.table":    o.Table,
		} {
			if has[k] != want {
				t.Errorf("%s: %s = %q, want %q", o.Key, k, has[k], want)
			}
		}
		if len(has["flowlake.source.sha256"]) != 64 || has["flowlake.source.etag"] == "" {
			t.Errorf("%s: metadata %v", o.Key, has)
		}
	}
}

func TestInvariantAllOrNothing(t *testing.T) {
	good := compress(text(20_000))
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 0x40
	badSum := slices.Clone(good)
	badSum[len(badSum)-6] ^= 1
	for name, content := range map[string][]byte{
		"truncated":        good[:len(good)/2],
		"last byte cut":    good[:len(good)-1],
		"bit flipped":      flipped,
		"checksum":         badSum,
		"plain text":       []byte(text(10)),
		"another log":      compress("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n2 1 eni - - - - - - - 1 2 - NODATA\n"),
		"garbage behind":   append(slices.Clone(good), "garbage"...),
		"too many days":    compress(record("10.0.0.1", midnight) + record("10.0.0.1", midnight+86400) + record("10.0.0.1", midnight+2*86400)),
		"gzip of nothing!": good[:10],
	} {
		source, lake, catalog := new(storetest.Memory), new(storetest.Memory), new(memoryCatalog)
		source.Put(key, content)
		_, err := newConverter(t, etl.Config{SortRows: 1000, RowGroupRows: 400, MaxPartitions: 2}, lake, catalog).Convert(t.Context(), source, key)
		if err == nil || !strings.Contains(err.Error(), "s3://memory/"+key) || etl.Retryable(err) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(lake.Keys()) > 0 || len(catalog.registered()) > 0 {
			t.Errorf("%s: the lake holds %q, the catalog %q", name, lake.Keys(), catalog.registered())
		}
	}
}

// Every call on the source, the lake and the catalog fails, one at a time, before and after it took
// effect. The conversion says so, what is published is whole, and the next one mends everything.
func TestInvariantAllOrNothingWhateverCallFails(t *testing.T) {
	content := compress(text(900))
	config := etl.Config{SortRows: 300, RowGroupRows: 120}
	source, want := new(storetest.Memory), new(storetest.Memory)
	source.Put(key, content)
	if _, err := newConverter(t, config, want, new(memoryCatalog)).Convert(t.Context(), source, key); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection reset")
	for _, when := range []storetest.When{storetest.Before, storetest.After} {
		for failAt := 1; ; failAt++ {
			var calls, failed atomic.Int64
			hook := func(op, key string, w storetest.When) error {
				if w == when && int(calls.Add(1)) == failAt {
					failed.Add(1)
					return broken
				}
				return nil
			}
			source, lake, catalog := &storetest.Memory{Hook: hook}, &storetest.Memory{Hook: hook}, new(memoryCatalog)
			source.Put(key, content)
			c := newConverter(t, config, lake, catalog)
			_, err := c.Convert(t.Context(), source, key)
			if failed.Load() == 0 {
				if err != nil || failAt < 10 {
					t.Fatalf("%d calls, error %v", failAt, err)
				}
				break
			}
			if !errors.Is(err, broken) || !etl.Retryable(err) {
				t.Errorf("call %d: error %v", failAt, err)
			}
			for k, v := range contents(lake) {
				if wanted, _ := want.Get(k); string(wanted) != v {
					t.Errorf("call %d: %s is visible and differs from what it should be", failAt, k)
				}
			}
			if len(catalog.registered()) > 0 && len(lake.Keys()) < 3 {
				t.Errorf("call %d: registered before all is durable", failAt)
			}
			if _, err := c.Convert(t.Context(), source, key); err != nil {
				t.Fatalf("call %d: again: %v", failAt, err)
			}
			sameContents(t, fmt.Sprintf("after call %d failed", failAt), contents(lake), contents(want))
		}
	}
}

func TestCatalogFailureIsTheObjectsFailure(t *testing.T) {
	broken := errors.New("throttled")
	source := new(storetest.Memory)
	source.Put(key, compress(text(10)))
	catalog := &memoryCatalog{hook: func(*schema.Table, []schema.Partition) error { return broken }}
	if _, err := newConverter(t, etl.Config{}, new(storetest.Memory), catalog).Convert(t.Context(), source, key); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// A file whose text is hundreds of times its size, one line that never ends, and a file of nothing
// but rejects: none of them fills the memory.
func TestInvariantBoundsOfLargeFiles(t *testing.T) {
	const limit = 128 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // what is measured includes garbage
	for name, content := range map[string][]byte{
		"300 MB of text":      repeat(header, record("10.0.0.1", midnight), 1_600_000),
		"a line of 200 MB":    repeat(header, strings.Repeat("x", 1<<20), 200),
		"nothing but rejects": repeat(header, strings.Repeat("x y z ", 10_000)+"\n", 2000),
	} {
		var peak uint64
		lake := &storetest.Memory{Hook: func(op, _ string, _ storetest.When) error {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			return nil
		}}
		source := new(storetest.Memory)
		source.Put(key, content)
		runtime.GC()
		res, err := newConverter(t, etl.Config{SortRows: 16 << 10}, lake, new(memoryCatalog)).Convert(t.Context(), source, key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if peak == 0 || peak > limit {
			t.Errorf("%s: peak of %d MB for %d MB of text, want at most %d", name, peak>>20, res.Text>>20, limit>>20)
		}
	}
}

func repeat(head, line string, n int) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w.Write([]byte(head))
	for range n {
		w.Write([]byte(line))
	}
	w.Close()
	return b.Bytes()
}

func TestInvariantNothingVanishes(t *testing.T) {
	source, lake := new(storetest.Memory), new(storetest.Memory)
	lines := []string{"too short", record("10.0.0.1", midnight), strings.Replace(record("10.0.0.2", midnight), "57825", "99999", 1), record("10.0.0.3\xff", midnight)}
	source.Put("no-day-in-the-name.log.gz", compress(header+lines[0]+"\n"+lines[1]+lines[2]+lines[3]))
	res, err := newConverter(t, etl.Config{}, lake, new(memoryCatalog)).Convert(t.Context(), source, "no-day-in-the-name.log.gz")
	if err != nil || res.Rejected != 3 || len(res.Outputs) != 2 {
		t.Fatalf("result %+v, error %v", res, err)
	}
	rejects := res.Outputs[1]
	if rejects.Day.String() != "2026-01-10" {
		t.Errorf("rejects of an object without a day in its key fall on %s, not on the day of its first record", rejects.Day)
	}
	data, _ := lake.Get(rejects.Key)
	_, rows, err := columnartest.Rows(data)
	if err != nil {
		t.Fatal(err)
	}
	url := `"s3://memory/no-day-in-the-name.log.gz"`
	for i, want := range [][]string{
		{url, "2", `"want 22 to 24 fields, have 2"`, fmt.Sprintf("%q", lines[0])},
		{url, "4", `"clientport: want an integer from 0 to 65535, have \"99999\""`, fmt.Sprintf("%q", strings.TrimSpace(lines[2]))},
		{url, "5", `"want UTF-8 text"`, fmt.Sprintf("%q", strings.ReplaceAll(strings.TrimSpace(lines[3]), "\xff", "\uFFFD"))},
	} {
		if strings.Join(rows[i], " ") != strings.Join(want, " ") {
			t.Errorf("reject %d\n%s\nwant\n%s", i, rows[i], want)
		}
	}
	// A file of rejects alone, with no day anywhere, is kept as well.
	source.Put("x.log.gz", compress("nothing\n"))
	if res, err := newConverter(t, etl.Config{}, lake, new(memoryCatalog)).Convert(t.Context(), source, "x.log.gz"); err != nil || res.Outputs[0].Day != schema.NoDay {
		t.Errorf("result %+v, error %v", res, err)
	}
}

func TestTrapEmptyAndForeignObjectsAreSkipped(t *testing.T) {
	source, lake, catalog := new(storetest.Memory), new(storetest.Memory), new(memoryCatalog)
	c := newConverter(t, etl.Config{}, lake, catalog)
	for k, want := range map[string]string{
		"a/manifest.json": "name does not end in .log.gz",
		"AWSLogs/012345678910/vpcflowlogs/us-east-1/2026/01/09/x.log.gz": "log of another service: vpcflowlogs",
		"empty.log.gz": "empty object (0 bytes)",
	} {
		source.Put(k, nil)
		res, err := c.Convert(t.Context(), source, k)
		if err != nil || res.Skipped != want {
			t.Errorf("%s: skipped %q, error %v; want %q", k, res.Skipped, err, want)
		}
	}
	if len(lake.Keys()) > 0 {
		t.Errorf("the lake holds %q", lake.Keys())
	}
}

func TestMissingObjectIsNotRetried(t *testing.T) {
	c := newConverter(t, etl.Config{}, new(storetest.Memory), new(memoryCatalog))
	_, err := c.Convert(t.Context(), new(storetest.Memory), "gone.log.gz")
	if !errors.Is(err, fs.ErrNotExist) || etl.Retryable(err) {
		t.Errorf("error %v", err)
	}
}

func TestCanceledConversionLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source, lake := new(storetest.Memory), new(storetest.Memory)
	lake.Hook = func(op, _ string, _ storetest.When) error {
		if op == "write" {
			cancel()
		}
		return nil
	}
	source.Put(key, compress(text(20_000)))
	_, err := newConverter(t, etl.Config{SortRows: 1000, RowGroupRows: 400}, lake, new(memoryCatalog)).Convert(ctx, source, key)
	if !errors.Is(err, context.Canceled) || len(lake.Keys()) > 0 {
		t.Errorf("error %v, the lake holds %q", err, lake.Keys())
	}
}

func TestConfigReportsEveryProblem(t *testing.T) {
	_, err := etl.New(etl.Config{Codec: "lzo", Threads: -1, RowGroupRows: -1, SortRows: -1, MaxLine: 1 << 30, MaxPartitions: -1}, nil, nil)
	for _, want := range []string{"table", "codec", "threads", "row group", "rows to sort", "line", "partitions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
