package flowlog

import (
	"encoding/binary"
	"math/bits"
)

// Word arithmetic on eight bytes at a time: the high bit of each byte of a result tells about the
// same byte of the operand, exactly, because setting the high bit first keeps borrows from crossing
// bytes.
const (
	highBits  = 0x8080808080808080
	allSpaces = 0x2020202020202020
	above     = 0x2121212121212121
	gather    = 0x0002040810204081 // multiplied, brings eight high bits, shifted down by 7, together
)

// below gives, in the high bits, which bytes of x are less than the byte that limit repeats, which
// is at most 0x80.
func below(x, limit uint64) uint64 { return ^((x | highBits) - limit) &^ x & highBits }

// mask gives the eight high bits as the eight low bits.
func mask(x uint64) uint64 { return (x >> 7) * gather >> 49 & 0xff }

// scan finds the delimiters of buf[from:to]: the bytes up to and including the space. It puts their
// positions into p.ends from index 1 on, and into p.enders the indices in p.ends of those that are
// control characters, line ends among them. It says whether there is a byte that is not ASCII.
//
// The text is at most maxChunk bytes long, and slack bytes behind it are readable.
func (p *parser) scan(buf []byte, from, to int) (notASCII bool) {
	ends := p.ends[:]
	n := 1
	enders := p.enders[:0]
	var high uint64
	for at := from; at < to; at += 64 {
		w := buf[at : at+64 : at+64]
		var delimiters, controls uint64
		for i := range 8 {
			x := binary.LittleEndian.Uint64(w[8*i:])
			delimiters |= mask(below(x, above)) << (8 * i)
			controls |= below(x, allSpaces) // only whether there is one
			high |= x
		}
		if at+64 > to {
			delimiters &= 1<<(to-at) - 1
			controls = 1 // look at them one by one
		}
		if controls == 0 {
			for ; delimiters != 0; delimiters &= delimiters - 1 {
				ends[n] = uint32(at + bits.TrailingZeros64(delimiters))
				n++
			}
			continue
		}
		for ; delimiters != 0; delimiters &= delimiters - 1 {
			end := at + bits.TrailingZeros64(delimiters)
			if buf[end] != ' ' {
				enders = append(enders, int32(n))
			}
			ends[n] = uint32(end)
			n++
		}
	}
	p.enders = enders
	return high&highBits != 0
}
