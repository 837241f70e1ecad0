package flowlog

import "encoding/binary"

// isNull says whether the field buf[start:end] stands for NULL: it is empty or a hyphen.
func isNull(buf []byte, start, end int) bool {
	return start == end || end-start == 1 && buf[start] == '-'
}

// number reads the decimal digits buf[start:end], at most 19 of them, behind which at least eight
// bytes are readable. It gives false where there is no digit or anything else.
func number(buf []byte, start, end int) (uint64, bool) {
	switch n := end - start; {
	case n <= 0:
		return 0, false
	case n <= 8:
		return digits(buf, start, n)
	case n <= 16:
		high, ok := digits(buf, start, n-8)
		low, ok2 := digits(buf, end-8, 8)
		return high*100_000_000 + low, ok && ok2
	case n <= 19:
		high, ok := digits(buf, start, n-16)
		mid, ok2 := digits(buf, end-16, 8)
		low, ok3 := digits(buf, end-8, 8)
		return (high*100_000_000+mid)*100_000_000 + low, ok && ok2 && ok3
	}
	return 0, false
}

// digits reads n digits, 1 to 8, as one word: a multiplication joins neighbouring digits to pairs,
// the next one pairs to fours, the last one those to eight.
func digits(buf []byte, start, n int) (uint64, bool) {
	const zeros = 0x3030303030303030
	shift := uint(64 - 8*n)
	w := binary.LittleEndian.Uint64(buf[start:])<<shift ^ zeros<<shift
	bad := (w | (w + 0x0606060606060606)) & 0xf0f0f0f0f0f0f0f0
	w = w * (10<<8 + 1) >> 8
	w = (w & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	w = (w & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32
	return w, bad == 0
}
