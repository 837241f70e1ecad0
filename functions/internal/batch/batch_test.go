package batch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flowlake/flowlake/schema"
)

func TestDictAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d Dict
	for round := range 3 {
		ids := map[string]uint32{}
		for range 50_000 {
			key := make([]byte, r.IntN(40))
			for i := range key {
				key[i] = "\x00ab"[r.IntN(3)] // zero bytes must count, though short keys are padded with them
			}
			if r.IntN(2) == 0 {
				key = key[:min(len(key), 1+r.IntN(5)):min(len(key), 1+r.IntN(16)+5)]
			}
			want, known := ids[string(key)]
			if !known {
				want = uint32(len(ids))
				ids[string(key)] = want
			}
			if got := d.ID(key); got != want {
				t.Fatalf("round %d: ID(%q) = %d, want %d", round, key, got, want)
			}
		}
		if d.Len() != len(ids) {
			t.Fatalf("Len() = %d, want %d", d.Len(), len(ids))
		}
		for key, id := range ids {
			if got := d.Text(id); !bytes.Equal(got, []byte(key)) {
				t.Fatalf("Text(%d) = %q, want %q", id, got, key)
			}
		}
		d.Reset()
	}
}

func TestDictIgnoresBytesBeyondTheText(t *testing.T) {
	var d Dict
	buf := []byte("TCP UDP ACCEPT OK something more here")
	a := d.ID(buf[0:3])
	b := d.ID([]byte("TCP"))
	c := d.ID(append([]byte("TCP"), make([]byte, 20)...)[:3])
	if a != b || b != c {
		t.Errorf("the same text has the ids %d, %d and %d", a, b, c)
	}
}

func TestTruncateTakesRowsBack(t *testing.T) {
	table := schema.GlobalAccelerator()
	b := New(table)
	b.Reset(7)
	b.Extend(3)
	b.Columns[4].Nulls = append(b.Columns[4].Nulls, 0, 1, 2)
	b.Truncate(1)
	if b.Rows != 1 || len(b.Columns[4].Nulls) != 1 || len(b.Columns[4].Int32s) != 1 || len(b.Columns[0].IDs) != 1 {
		t.Errorf("after Truncate(1): %d rows, nulls %v", b.Rows, b.Columns[4].Nulls)
	}
}

func TestDictDoesNotAllocateForKnownTexts(t *testing.T) {
	var d Dict
	texts := [][]byte{[]byte("TCP"), []byte("139.162.106.181"), []byte("ad530208-6600-4e87-9706-1f89a7e36abc")}
	for _, text := range texts {
		d.ID(text)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, text := range texts {
			d.ID(text)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDictID(b *testing.B) {
	texts := make([][]byte, 1<<16)
	for i := range texts {
		texts[i] = append(fmt.Appendf(nil, "10.%d.%d.%d", i>>12, i>>4&255, i*7&255), make([]byte, 16)...)
		texts[i] = texts[i][:len(texts[i])-16]
	}
	var d Dict
	for i := 0; b.Loop(); i++ {
		d.ID(texts[i&(len(texts)-1)])
	}
}
