package etl_test

import (
	"testing"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// BenchmarkConvert converts a whole object: 100,000 records in memory.
func BenchmarkConvert(b *testing.B) {
	const records = 100_000
	s := text(records)
	source := new(storetest.Memory)
	source.Put(key, compress(s))
	c, err := etl.New(etl.Config{Table: schema.GlobalAccelerator()}, new(storetest.Memory), new(memoryCatalog))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Convert(b.Context(), source, key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
