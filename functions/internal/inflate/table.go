package inflate

import "math/bits"

// A table of codes is indexed with the next bits of the stream, the first one lowest. Its first part,
// the root, has an entry for each value of that many bits; a code that is longer has its entry in a
// subtable, which the root's entry names. Entries are packed:
//
//	bits 0-7    how many bits the entry stands for: its code, in a subtable the rest of its code, and
//	            the extra bits of a length or distance
//	bits 8-11   the same without extra bits; in an entry that names a subtable, the bits of its index
//	bits 12-13  how many literals the entry stands for; in a table of codes 0 or 1
//	bit  14     a subtable
//	bit  15     neither literals nor a length or distance: a subtable, the end of the block, or no code
//	bits 16-31  the literal, a length or distance without its extra bits, or where in the table the
//	            subtable starts
const (
	entryCode     = 8
	entryLiterals = 12
	entrySubtable = 1 << 14
	entrySpecial  = 1 << 15
	entryValue    = 16

	anyLiteral = 3 << entryLiterals
	endOfBlock = entrySpecial | 1<<entryValue
	notACode   = entrySpecial | 2<<entryValue
)

// The numbers of symbols, and the bits of the longest code.
const (
	maxLitLen  = 288 // literals, the end of the block, and lengths; the last two are in no valid stream
	maxDist    = 32  // distances; the last two are in no valid stream
	maxLengths = 19  // of the code for code lengths
	maxCode    = 15
)

// The number of bits that index the root of each table.
const (
	litLenBits = 10 // gains 2 % over 11, which takes longer to make, and 9 % over 9
	distBits   = 8
	lengthBits = 7 // the longest code for code lengths: no subtables
)

// Tables are as long as a power of two that has room for any codes, so that a masked index is within
// bounds. A subtable for up to k more bits has 2^k entries and at least k+1 codes: for literals and
// lengths at most 32 entries for 6 codes, which makes 1024+288/6*32 = 2560 of all; for distances 128
// entries for 8 codes, 256+32/8*128 = 768 of all.
const (
	litLenSize = 4096
	distSize   = 1024
)

// The entries of symbols, without their codes.
var (
	litLenEntries = makeLitLenEntries()
	distEntries   = makeDistEntries()
	lengthEntries = makeLengthEntries()
)

func makeLitLenEntries() (entries [maxLitLen]uint32) {
	for i := range 256 {
		entries[i] = uint32(i)<<entryValue | 1<<entryLiterals
	}
	entries[256] = endOfBlock
	// RFC 1951, section 3.2.5: four lengths for each number of extra bits, but eight without any, and
	// 258 once more at the end.
	length := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		entries[257+i] = uint32(length)<<entryValue | uint32(extra)
		length += 1 << extra
	}
	entries[285] = 258 << entryValue
	entries[286], entries[287] = notACode, notACode
	return entries
}

func makeDistEntries() (entries [maxDist]uint32) {
	dist := 1 // the same section: two for each number of extra bits, but four without any
	for i := range 30 {
		extra := max(0, i/2-1)
		entries[i] = uint32(dist)<<entryValue | uint32(extra)
		dist += 1 << extra
	}
	entries[30], entries[31] = notACode, notACode
	return entries
}

// makeLengthEntries makes entries of the symbols that code lengths are compressed to.
func makeLengthEntries() (entries [maxLengths]uint32) {
	for i := range entries {
		entries[i] = uint32(i) << entryValue
	}
	return entries
}

// makeTable fills the table for the codes of those lengths in bits, 0 where a symbol has no code,
// with the symbols' entries, and gives how many of the table's entries are in use. It is not ok where
// the codes are not as compress/flate wants them: complete, or a single one of one bit, or none at
// all.
func makeTable(table []uint32, root int, lengths []uint8, entries []uint32) (size int, ok bool) {
	var count, first [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	codes, used := 0, 0
	for n := 1; n <= maxCode; n++ {
		first[n] = codes
		codes += count[n]
		used += count[n] << (maxCode - n)
	}
	if used != 1<<maxCode {
		if codes > 1 || codes == 1 && count[1] == 0 {
			return 0, false
		}
		// The bits that are not a code stand for one bit, or none where there is no code to wait for.
		for i := range table[:1<<root] {
			table[i] = notACode | uint32(codes)
		}
	}
	var sorted [maxLitLen]uint16 // symbols by length, which is the order of their codes
	for symbol, n := range lengths {
		if n != 0 {
			sorted[first[n]] = uint16(symbol)
			first[n]++
		}
	}

	code := 0 // the next code, its first bit highest
	next := 0 // its symbol's index in sorted
	for n := 1; n <= root; n++ {
		// The table for codes of n bits begins as twice the table for codes of n-1 bits.
		copy(table[1<<(n-1):1<<n], table[:1<<(n-1)])
		code <<= 1
		for range count[n] {
			reversed := bits.Reverse16(uint16(code)) >> (16 - n)
			table[reversed] = entries[sorted[next]] + uint32(n)*(1<<entryCode+1)
			code++
			next++
		}
	}

	size = 1 << root
	prefix, start, end := -1, 0, 0 // of the subtable
	for n := root + 1; n <= maxCode; n++ {
		code <<= 1
		for left := count[n]; left > 0; left-- {
			reversed := int(bits.Reverse16(uint16(code)) >> (16 - n))
			if p := reversed & (1<<root - 1); p != prefix {
				// The first code with this beginning. Its subtable must have room for the longest:
				// take more codes, in their order, until they fill it.
				prefix, start = p, size
				more := n - root
				for fill := left; fill < 1<<more && root+more < maxCode; {
					more++
					fill = fill<<1 + count[root+more]
				}
				end = 1 << more
				size += end
				table[prefix] = entrySpecial | entrySubtable | uint32(start)<<entryValue | uint32(more)<<entryCode | uint32(root)
			}
			e := entries[sorted[next]] + uint32(n-root)*(1<<entryCode+1)
			for i := reversed >> root; i < end; i += 1 << (n - root) {
				table[start+i] = e
			}
			code++
			next++
		}
	}
	return size, true
}

// Steps are what the fast loop decodes at once: besides what single codes stand for, two literals
// (gains 5 %), or a literal and a match's length (gains 14 %), where both codes together fit into the
// root's bits. A step is an entry as above, but with a length, without its extra bits, in the upper
// half.
const (
	stepLength = 32
	maxLength  = 511 // more than the longest match, for the compiler
)

// makeSteps makes the table of steps from that of single symbols, of which size entries are in use.
func (z *Reader) makeSteps(size int) {
	for i := range z.steps[:1<<litLenBits] {
		e := z.litLen[i]
		step := widen(e)
		if n := e & 0xff; e&anyLiteral != 0 {
			next := z.litLen[i>>(n&15)]
			code := next >> entryCode & 15
			switch {
			case next&entrySpecial != 0 || n+code > litLenBits:
				// The next code is longer, or ends the block.
			case next&anyLiteral != 0:
				step += 1<<entryLiterals + uint64(next>>entryValue)<<(entryValue+8) + uint64(code)*(1<<entryCode+1)
			default:
				step += widen(next)
			}
		}
		z.steps[i] = step
	}
	for i := 1 << litLenBits; i < size; i++ {
		z.steps[i] = widen(z.litLen[i])
	}
}

// widen gives the step of a single entry.
func widen(e uint32) uint64 {
	if e&(anyLiteral|entrySpecial) != 0 {
		return uint64(e)
	}
	return uint64(e>>entryValue)<<stepLength | uint64(e&0xfff)
}
