package etl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// BenchmarkConvert converts a whole object in memory: the records of five minutes in a small log, and
// many more.
func BenchmarkConvert(b *testing.B) {
	for _, records := range []int{5_000, 500_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			s := traffic(records)
			convert := converting(b, s)
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				convert()
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// What is allocated belongs to row groups and not to records.
func TestAllocationBudget(t *testing.T) {
	const records = 200_000
	convert := converting(t, traffic(records))
	if got := testing.AllocsPerRun(1, convert) / records; got > 0.02 {
		t.Errorf("%.3f allocations for a record, want at most 0.02", got)
	}
}

// converting gives a function that converts a text with the memory of the time before.
func converting(t testing.TB, text string) func() {
	source := new(storetest.Memory)
	source.Put(key, compress(text))
	c, err := etl.New(etl.Config{Table: schema.GlobalAccelerator()}, new(storetest.Memory), new(memoryCatalog))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := c.Convert(t.Context(), source, key); err != nil {
			t.Fatal(err)
		}
	}
}

// traffic gives records that differ from each other in most fields.
func traffic(records int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range records {
		r := record(fmt.Sprintf("10.%d.%d.%d", i%7, i%251, i%13), midnight+i/2000)
		r = strings.Replace(r, " 57825 ", fmt.Sprintf(" %d ", 1024+i*7919%60000), 1)
		b.WriteString(strings.Replace(r, " 1 40 ", fmt.Sprintf(" %d %d ", 1+i%50, 40+i*31%90000), 1))
	}
	return b.String()
}
