package flowlog

import (
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// recycler is a Sink that throws everything away.
type recycler struct{ pool *batch.Pool }

func newRecycler(t *schema.Table) *recycler { return &recycler{batch.NewPool(t, 4)} }

func (r *recycler) NewBatch(day schema.Day) *batch.Batch { return r.pool.Get(day) }
func (r *recycler) Batch(b *batch.Batch) error           { r.pool.Put(b); return nil }
func (r *recycler) Reject(Reject) error                  { return nil }

// plainGunzip is what the standard library makes of a stream.
func plainGunzip(stream []byte) (string, error) {
	z, err := stdgzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

// benchText makes records whose fields vary as those of real traffic do.
func benchText(records int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString(header)
	for i := range records {
		client := int(r.ExpFloat64() * 5000)
		fmt.Fprintf(&text, "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 18.%d.%d.%d %d 75.2.76.%d 443 172.31.25.%d 443 TCP IPV4 %d %d %d %d ACCEPT OK 13.248.100.%d %d us-east-1 JFK%d-2 %s vpc-01234567891abcde%x\n",
			client>>16&255, client>>8&255, client&255, 1024+r.IntN(64000), r.IntN(4), r.IntN(40),
			1+r.IntN(200), r.IntN(1_000_000), 1676984801+i/1000, 1676984801+i/1000+r.IntN(60), r.IntN(200), 1024+r.IntN(64000), r.IntN(60),
			[]string{"INGRESS", "EGRESS"}[r.IntN(2)], r.IntN(4))
	}
	return text.String()
}

func BenchmarkInflateAndParse(b *testing.B) {
	const records = 200_000
	text := benchText(records)
	stream := compress(text)
	table := schema.GlobalAccelerator()
	sink := newRecycler(table)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(stream), table, noDay, sink); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkParse(b *testing.B) {
	const records = 200_000
	text := benchText(records)
	buf := make([]byte, 8+len(text)+slack)
	copy(buf[8:], text)
	table := schema.GlobalAccelerator()
	sink := newRecycler(table)
	o := Options{Day: schema.NoDay, MaxLine: DefaultMaxLine, BatchRows: DefaultBatchRows, BatchText: DefaultBatchText, MaxPartitions: DefaultMaxPartitions}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p := newParser(table, o, sink)
		for from := 8; from < 8+len(text); {
			rest, err := p.block(buf, from, min(from+blockText, 8+len(text)))
			if err != nil {
				b.Fatal(err)
			}
			from = rest
		}
		if err := p.close(nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// Reading allocates for an object, not for its records.
func TestAllocationBudget(t *testing.T) {
	const records = 100_000
	stream := compress(benchText(records))
	table := schema.GlobalAccelerator()
	sink := newRecycler(table)
	got := testing.AllocsPerRun(2, func() {
		if _, err := Read(bytes.NewReader(stream), table, noDay, sink); err != nil {
			t.Fatal(err)
		}
	})
	if got > 200 {
		t.Errorf("%.0f allocations for %d records, want at most 200", got, records)
	}
}

func BenchmarkInflate(b *testing.B) {
	text := benchText(200_000)
	stream := compress(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		in := startInflater(bytes.NewReader(stream), Options{MaxLine: DefaultMaxLine})
		for {
			blk, err := in.next()
			if err != nil {
				b.Fatal(err)
			}
			if blk == nil {
				break
			}
			in.keep(blk, blk.end)
		}
		in.stop()
	}
}
