package columnar

import "github.com/flowlake/flowlake/functions/internal/batch"

// unsigned are the types that a batch holds values in.
type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

// gatherRanks sets ranks to those of the ids in the given rows, and gives the number of NULLs, whose
// rank is 0.
func gatherRanks(ranks []uint32, v *batch.Values, rows, rank []uint32) (nulls int) {
	switch v.Width() {
	case batch.Width8:
		return gatherRanksOf(ranks, v.U8, rows, rank)
	case batch.Width16:
		return gatherRanksOf(ranks, v.U16, rows, rank)
	}
	return gatherRanksOf(ranks, v.U32, rows, rank)
}

func gatherRanksOf[T unsigned](ranks []uint32, ids []T, rows, rank []uint32) (nulls int) {
	ranks = ranks[:len(rows)]
	for i, row := range rows {
		r := rank[ids[row]]
		ranks[i] = r
		if r == 0 {
			nulls++
		}
	}
	return nulls
}

// gathered is what is known of the numbers of a row group.
type gathered struct {
	nulls     int
	low, high uint64 // as in the batch: plus 1; meaningless where all are NULL
}

// gatherNumbers sets numbers to those in the given rows.
func gatherNumbers(numbers []uint64, v *batch.Values, rows []uint32) gathered {
	switch v.Width() {
	case batch.Width8:
		return gatherNumbersOf(numbers, v.U8, rows)
	case batch.Width16:
		return gatherNumbersOf(numbers, v.U16, rows)
	case batch.Width32:
		return gatherNumbersOf(numbers, v.U32, rows)
	}
	return gatherNumbersOf(numbers, v.U64, rows)
}

func gatherNumbersOf[T unsigned](numbers []uint64, values []T, rows []uint32) gathered {
	numbers = numbers[:len(rows)]
	low, high, nulls := ^T(0), T(0), 0 // of numbers less 1: NULL wraps around to the greatest
	for i, row := range rows {
		v := values[row]
		numbers[i] = uint64(v)
		if v == 0 {
			nulls++
		}
		low, high = min(low, v-1), max(high, v)
	}
	return gathered{nulls, uint64(low) + 1, uint64(high)}
}
