package synth

import "testing"

func TestTable(t *testing.T) {
	weights := []uint64{0, 5, 1, 10, 4}
	table := newTable(weights)
	// What the cells of the table give each index, in 2^-32 of an index's average.
	shares := make([]uint64, len(weights))
	for i, c := range table {
		shares[i] += uint64(c.keep)
		shares[c.other] += 1<<32 - uint64(c.keep)
	}
	for i, w := range weights {
		want := w << 32 * uint64(len(weights)) / 20
		if diff := int64(shares[i] - want); diff < -8 || diff > 8 {
			t.Errorf("weight %d: want a share of %d, have %d", w, want, shares[i])
		}
	}
	s := newSource(1)
	counts := make([]int, len(weights))
	for range 20_000 {
		counts[table.pick(s)]++
	}
	for i, w := range weights {
		if want := int(w) * 1000; counts[i] < want*9/10 || counts[i] > want*11/10 {
			t.Errorf("weight %d: want about %d picks, have %d", w, want, counts[i])
		}
	}
}
