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
				want = uint32(len(ids) + 1)
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
	b := New(schema.GlobalAccelerator())
	b.Reset(7)
	b.Extend(3)
	b.Columns[0].SetText(0, []byte("2.0"))
	b.Columns[4].SetNumber(0, 443)
	b.Truncate(1)
	if b.Rows != 1 || len(b.Columns[4].Values.U16) != 1 || len(b.Columns[0].Values.U8) != 1 {
		t.Errorf("after Truncate(1): %d rows, %+v", b.Rows, b.Columns[4].Values)
	}
	if got := b.Columns[4].Number(0); got != 443 {
		t.Errorf("Number(0) = %d", got)
	}
}

// TestValuesKeepWhatTheyHold has numbers that make the values wider, and reuses them.
func TestValuesKeepWhatTheyHold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var v Values
	for round := range 20 {
		want := make([]uint64, 1+r.IntN(5000))
		v.resize(0)
		for i := range want {
			v.resize(i + 1)
			want[i] = r.Uint64() >> r.IntN(64) >> max(0, 60-3*round)
			v.Set(i, want[i])
		}
		for i := range want {
			if got := v.At(i); got != want[i] {
				t.Fatalf("round %d: At(%d) = %d, want %d", round, i, got, want[i])
			}
		}
		from := r.IntN(len(want))
		v.Clear(from)
		if from > 0 && v.At(from-1) != want[from-1] || v.At(from) != 0 || v.At(len(want)-1) != 0 {
			t.Fatalf("round %d: Clear(%d) leaves %d, %d, %d", round, from, v.At(max(0, from-1)), v.At(from), v.At(len(want)-1))
		}
	}
	if v.Width() != Width64 {
		t.Errorf("width %d", v.Width())
	}
}

func TestWidthHolds(t *testing.T) {
	for _, w := range []Width{Width8, Width16, Width32, Width64} {
		most := uint64(1)<<(8*w-1)<<1 - 1
		if !w.Holds(0) || !w.Holds(most) || w != Width64 && w.Holds(most+1) {
			t.Errorf("%d bytes: 0 %v, %d %v, one more %v", w, w.Holds(0), most, w.Holds(most), w.Holds(most+1))
		}
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
