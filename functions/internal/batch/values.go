package batch

// Values holds one number from 0 on for each row, in as few bytes as the largest of them needs. Most
// columns of a flow log need one byte a row, so that a window of rows to sort takes about 50 bytes
// a row instead of the 112 that fixed widths took.
//
// The zero Values is empty and one byte wide. It gets wider as needed and never narrower, so that
// reused memory has its width already. What is stored does not depend on the width.
type Values struct {
	// U8, U16, U32 and U64 are the numbers by row. The one of the present width is in use, the
	// others are empty.
	U8  []uint8
	U16 []uint16
	U32 []uint32
	U64 []uint64

	width   Width
	reserve int // the least capacity that is made
}

// Width is the size of a number in bytes.
type Width int

// The widths.
const (
	Width8  Width = 1
	Width16 Width = 2
	Width32 Width = 4
	Width64 Width = 8
)

// Holds says whether the width is enough for a number.
func (w Width) Holds(v uint64) bool { return v>>(8*w-1)>>1 == 0 }

// Width gives the present width, which says which slice is in use.
func (v *Values) Width() Width { return max(v.width, Width8) }

// At gives the number of a row.
func (v *Values) At(row int) uint64 {
	switch v.Width() {
	case Width8:
		return uint64(v.U8[row])
	case Width16:
		return uint64(v.U16[row])
	case Width32:
		return uint64(v.U32[row])
	}
	return v.U64[row]
}

// Set sets the number of a row.
func (v *Values) Set(row int, number uint64) {
	v.Widen(number)
	switch v.Width() {
	case Width8:
		v.U8[row] = uint8(number)
	case Width16:
		v.U16[row] = uint16(number)
	case Width32:
		v.U32[row] = uint32(number)
	default:
		v.U64[row] = number
	}
}

// Clear sets the rows from the given one on to 0.
func (v *Values) Clear(from int) {
	switch v.Width() {
	case Width8:
		clear(v.U8[from:])
	case Width16:
		clear(v.U16[from:])
	case Width32:
		clear(v.U32[from:])
	default:
		clear(v.U64[from:])
	}
}

// Widen makes the width enough for a number, and says whether it was too small.
func (v *Values) Widen(number uint64) bool {
	if v.Width().Holds(number) {
		return false
	}
	for !v.Width().Holds(number) {
		switch v.Width() {
		case Width8:
			v.U16, v.U8, v.width = widened(v.U16, v.U8, v.reserve), nil, Width16
		case Width16:
			v.U32, v.U16, v.width = widened(v.U32, v.U16, v.reserve), nil, Width32
		default:
			v.U64, v.U32, v.width = widened(v.U64, v.U32, v.reserve), nil, Width64
		}
	}
	return true
}

func widened[W, N uint8 | uint16 | uint32 | uint64](wide []W, narrow []N, reserve int) []W {
	wide = grow(wide[:0], len(narrow), reserve)
	for i, number := range narrow {
		wide[i] = W(number)
	}
	return wide
}

// resize sets the number of rows. New ones hold anything.
func (v *Values) resize(rows int) {
	switch v.Width() {
	case Width8:
		v.U8 = grow(v.U8, rows, v.reserve)
	case Width16:
		v.U16 = grow(v.U16, rows, v.reserve)
	case Width32:
		v.U32 = grow(v.U32, rows, v.reserve)
	default:
		v.U64 = grow(v.U64, rows, v.reserve)
	}
}

// grow gives s that length. It doubles the capacity, where append adds a quarter to a large slice: a
// window of two million rows then leaves as much garbage as it has rows, and not four times that. And
// what make gets fresh from the system takes no memory until it is touched.
func grow[T any](s []T, n, reserve int) []T {
	if n > cap(s) {
		s = append(make([]T, 0, max(n, 2*cap(s), reserve)), s...)
	}
	return s[:n]
}

// memory gives the bytes that v holds on to.
func (v *Values) memory() int {
	return cap(v.U8) + 2*cap(v.U16) + 4*cap(v.U32) + 8*cap(v.U64)
}
