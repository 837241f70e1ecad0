package synth

import (
	"context"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// discard throws files away and counts their bytes.
type discard struct{ n int64 }

func (d *discard) Write(b []byte) (int, error)  { d.n += int64(len(b)); return len(b), nil }
func (d *discard) Commit(context.Context) error { return nil }
func (d *discard) Abort() error                 { return nil }

func report(b *testing.B, records int) {
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkText writes text, on one core.
func BenchmarkText(b *testing.B) {
	const records = 1_000_000
	w := newWorld(Config{Accelerators: 1, Seed: 1}.withDefaultsFor(records))
	t := newTraffic(w)
	s := span{accelerator: w.accelerators[0], start: day.Unix(), seconds: 300, records: records}
	var out discard
	b.ReportAllocs()
	for b.Loop() {
		out.n = 0
		if err := t.write(&out, s); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(out.n)
	b.ReportMetric(float64(out.n)/records, "bytes/record")
	report(b, records)
}

// BenchmarkWorld makes the clients and accelerators of a million records.
func BenchmarkWorld(b *testing.B) {
	c := Config{Accelerators: 3, Seed: 1}.withDefaultsFor(1_000_000)
	for b.Loop() {
		newWorld(c)
	}
}

// BenchmarkOne writes and compresses one big log, on one core.
func BenchmarkOne(b *testing.B) {
	const records = 1_000_000
	var out discard
	for b.Loop() {
		out.n = 0
		z, err := gzip.NewWriterLevel(&out, 6)
		if err != nil {
			b.Fatal(err)
		}
		if err := One(z, Config{Records: records, Seed: 1}, day, 5*time.Minute); err != nil {
			b.Fatal(err)
		}
		if err := z.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.n)/records, "gzip-bytes/record")
	report(b, records)
}

// BenchmarkMake makes the files of a day, on all cores.
func BenchmarkMake(b *testing.B) {
	const records = 1_000_000
	for b.Loop() {
		_, err := Make(context.Background(), Config{Day: day, Accelerators: 3, Records: records, Seed: 1}, func(string) (Writer, error) {
			return new(discard), nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	report(b, records)
}

// withDefaultsFor gives c for that many records.
func (c Config) withDefaultsFor(records int) Config {
	c.Records = records
	return c.withDefaults()
}
