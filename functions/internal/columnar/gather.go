package columnar

import "github.com/flowlake/flowlake/functions/internal/batch"

// unsigned are the types that a batch holds values in.
type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

// gathered is what is known of the values of some rows, which are counted from 0.
type gathered struct {
	nulls               int
	firstNull, lastNull int    // meaningless without NULLs
	low, high           uint64 // of numbers, as in the batch: plus 1; meaningless where all are NULL
}

func (g *gathered) addNull(row int) {
	if g.nulls == 0 {
		g.firstNull = row
	}
	g.nulls++
	g.lastNull = row
}

// hasNulls says whether there can be a NULL in the rows of from to to: NODATA records, which have NULL
// nearly everywhere, come last.
func (g *gathered) hasNulls(from, to int) bool {
	return g.nulls > 0 && from <= g.lastNull && to > g.firstNull
}

// gatherRanks sets ranks to those of the ids in the given rows. The rank of a NULL is 0.
func gatherRanks(ranks []uint32, v *batch.Values, rows, rank []uint32) gathered {
	switch v.Width() {
	case batch.Width8:
		return gatherRanksOf(ranks, v.U8, rows, rank)
	case batch.Width16:
		return gatherRanksOf(ranks, v.U16, rows, rank)
	}
	return gatherRanksOf(ranks, v.U32, rows, rank)
}

func gatherRanksOf[T unsigned](ranks []uint32, ids []T, rows, rank []uint32) (g gathered) {
	ranks = ranks[:len(rows)]
	for i, row := range rows {
		r := rank[ids[row]]
		ranks[i] = r
		if r == 0 {
			g.addNull(i)
		}
	}
	return g
}

// gatherIDs sets ids to the ranks of the ids in the given rows, less 1, and leaves the NULLs out. It gives
// the number of ids and the bounds of the ranks.
func gatherIDs(ids []int32, v *batch.Values, rows, rank []uint32) (n int, low, high uint32) {
	switch v.Width() {
	case batch.Width8:
		return gatherIDsOf(ids, v.U8, rows, rank)
	case batch.Width16:
		return gatherIDsOf(ids, v.U16, rows, rank)
	}
	return gatherIDsOf(ids, v.U32, rows, rank)
}

func gatherIDsOf[T unsigned](ids []int32, values []T, rows, rank []uint32) (n int, low, high uint32) {
	low = ^uint32(0)
	ids = ids[:len(rows)]
	for _, row := range rows {
		r := rank[values[row]]
		// NULLs are written too, and overwritten by the next value: a branch would be mispredicted. r-1
		// wraps around to the greatest number, so that low takes no note of NULL.
		low, high = min(low, r-1), max(high, r)
		ids[n] = int32(r - 1)
		if r != 0 {
			n++
		}
	}
	return n, low + 1, high
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

func gatherNumbersOf[T unsigned](numbers []uint64, values []T, rows []uint32) (g gathered) {
	numbers = numbers[:len(rows)]
	low, high := ^T(0), T(0) // the least less 1, so that NULL is the greatest
	for i, row := range rows {
		v := values[row]
		numbers[i] = uint64(v)
		if v == 0 {
			g.addNull(i)
		}
		low, high = min(low, v-1), max(high, v)
	}
	g.low, g.high = uint64(low)+1, uint64(high)
	return g
}
