package columnar

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/rle"
)

// The library's decoder reads the ids back, whatever their runs and width.
func TestIDsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		width := r.IntN(32)
		ids := make([]int32, 0, 300)
		for len(ids) < 1+r.IntN(300) {
			id := int32(r.Uint32() >> (32 - width))
			for range 1 + r.IntN(1+r.IntN(100)) {
				ids = append(ids, id)
			}
		}
		most := slices.Max(ids)
		data := appendIDs(nil, ids, most)
		got, err := new(rle.DictionaryEncoding).DecodeInt32(nil, data)
		if err != nil || len(got) < len(ids) || !slices.Equal(got[:len(ids)], ids) {
			t.Fatalf("round %d, width %d: error %v\n%v\nwant\n%v", round, width, err, got, ids)
		}
	}
	if got := appendIDs(nil, []int32{0, 0, 0}, 0); len(got) > 3 {
		t.Errorf("zeros take %d bytes", len(got))
	}
}
