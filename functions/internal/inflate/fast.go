package inflate

import "encoding/binary"

// Gains that are given are of the whole decoding time, checksum included, of a flow log of 495 MB,
// compressed to 75 MB: how much longer it takes without.

// A window is a stretch of dst, with the text in front of the position in it. Its length is constant,
// so that the compiler proves accesses to be within bounds, which it checks in a slice: gains 5 %.
const (
	// windowText is up to where a step may begin in a window.
	windowText = 1<<16 - 8
	// windowMask tells the compiler as much of a position in the middle of a step, and changes none.
	windowMask = 1<<16 - 1
)

// repeats are multiples of short distances that are at least 16.
var repeats = [32]uint8{
	0, 16, 16, 18, 16, 20, 18, 21, 16, 18, 20, 22, 24, 26, 28, 30,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
}

type window [windowText + Slack]byte

// fast decodes steps of a block to w[op:], as long as op is less than limit and more than inputMargin
// bytes of input are left, up to a code that is not of literals or a match. Matches must not begin in
// front of floor. It gives the position behind the text, and false where the data are corrupt. At the
// beginning more than inputMargin bytes must be left.
//
// There are at least 56 bits in the buffer at the beginning of a step, which takes at most 48: 15 for
// a length's code, or litLenBits together with a literal's, 5 more for its extra bits, and 15+13 for a
// distance. Literals alone take at most 15, and litLenBits more in a second step.
func (z *Reader) fast(w *window, op, limit, floor uint) (end uint, ok bool) {
	in, steps, dist := &z.in, &z.steps, &z.dist
	ip, bits, count := uint(z.ip), z.bits, z.count
	last := min(uint(z.end)-inputMargin, inputSize) // never the latter, but the compiler knows it
	limit = min(limit, windowText)

	ip, bits, count = refill(in, ip, bits, count)
	e := steps[bits&(1<<litLenBits-1)]
	for ip < last && op < limit {
		if e&entrySpecial != 0 {
			if e&entrySubtable == 0 {
				break // the end of the block, or no code: for symbol to decide
			}
			index := uint(bits>>litLenBits) & (1<<(e>>entryCode&15) - 1)
			long := steps[(uint(e>>entryValue)+index)%litLenSize]
			if long&entrySpecial != 0 {
				break
			}
			bits >>= litLenBits
			count -= litLenBits
			e = long
		}

		// Two bytes are written, however many literals there are.
		binary.LittleEndian.PutUint16(w[op:op+2], uint16(e>>entryValue))
		op += uint(e>>entryLiterals) & 3
		length := (uint(e>>stepLength) + uint(bits&(1<<(e&63)-1)>>(e>>entryCode&15))) & maxLength
		bits >>= e & 63
		count -= uint(e) // only the low byte is meant, the rest does not matter: gains 6 %
		if e < 1<<stepLength {
			// Where literals follow each other, two steps use one refill: gains 25 % in text of base64
			// digits, nothing in a log.
			e = steps[bits&(1<<litLenBits-1)]
			if e&entrySpecial == 0 && e < 1<<stepLength {
				binary.LittleEndian.PutUint16(w[op:op+2], uint16(e>>entryValue))
				op += uint(e>>entryLiterals) & 3
				bits >>= e & 63
				count -= uint(e)
			}
			ip, bits, count = refill(in, ip, bits, count)
			e = steps[bits&(1<<litLenBits-1)]
			continue
		}

		d := dist[bits&(1<<distBits-1)]
		if d&entrySpecial != 0 {
			if d&entrySubtable == 0 {
				return op, false
			}
			bits >>= distBits
			count -= distBits
			index := uint(bits) & (1<<(d>>entryCode&15) - 1)
			d = dist[(uint(d>>entryValue)+index)%distSize] // a distance: long codes are complete
		}
		back := uint(d>>entryValue) + uint(bits&(1<<(d&63)-1)>>(d>>entryCode&15))
		if back > op-floor {
			return op, false
		}
		bits >>= d & 63
		count -= uint(d)
		// The next step's bits are there before the copy, and while it is done: gains 6 %.
		ip, bits, count = refill(in, ip, bits, count)
		e = steps[bits&(1<<litLenBits-1)]

		to, from := op&windowMask, (op-back)&windowMask
		op += length
		if back < 32 {
			// The match may overlap itself, and then repeats the bytes in front of it. After a few
			// single bytes it repeats at least 16, which are copied at once: gains nothing in a log,
			// but a long run of one byte takes five times as long without.
			repeat := uint(repeats[back])
			for i := uint(0); i < repeat-back; i++ {
				w[to+i] = w[from+i]
			}
			for i := repeat - back; i < length; i += 16 {
				*(*[16]byte)(w[to+i : to+i+16]) = *(*[16]byte)(w[to+i-repeat : to+i-repeat+16])
			}
			continue
		}
		// Most matches are no longer, and no branch is to be guessed for them: gains 9 %.
		t, f := (*[32]byte)(w[to:to+32]), (*[32]byte)(w[from:from+32])
		*(*[16]byte)(t[:16]) = *(*[16]byte)(f[:16])
		*(*[16]byte)(t[16:]) = *(*[16]byte)(f[16:])
		for i := uint(32); i < length; i += 16 {
			*(*[16]byte)(w[to+i : to+i+16]) = *(*[16]byte)(w[from+i : from+i+16])
		}
	}
	z.ip, z.bits, z.count = int(ip), bits, count&63
	z.unread()
	return op, true
}
