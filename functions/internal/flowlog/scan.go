package flowlog

import "math/bits"

// scan finds the delimiters of buf[from:to]: the bytes up to and including the space. It puts their
// positions into p.ends from index 1 on, and into p.enders the indices in p.ends of those that are
// control characters, line ends among them. It says whether there is a byte that is not ASCII.
//
// The text is at most maxChunk bytes long, and slack bytes behind it are readable.
func (p *parser) scan(buf []byte, from, to int) (notASCII bool) {
	blocks := (to - from + 63) / 64
	notASCII = classify(&p.masks, buf[from:from+64*blocks])
	if rest := (to - from) % 64; rest > 0 {
		p.masks.delimiters[blocks-1] &= 1<<rest - 1
	}
	ends := p.ends[:]
	n := 1
	enders := p.enders[:0]
	for block, found := range p.masks.delimiters[:blocks] {
		if controls := p.masks.controls[block]; controls != 0 {
			for c := controls & found; c != 0; c &= c - 1 {
				enders = append(enders, int32(n+bits.OnesCount64(found&(c&-c-1))))
			}
		}
		// Eight positions at a time, whether there are as many or not: a loop that ends with the
		// last delimiter ends elsewhere each time, which the processor cannot foresee. (Parsing
		// takes 8 % more time so.)
		base := uint32(from + 64*block)
		next := n + bits.OnesCount64(found)
		for ; n < next; n += 8 {
			e := (*[8]uint32)(ends[n:])
			e[0] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[1] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[2] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[3] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[4] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[5] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[6] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
			e[7] = base + uint32(bits.TrailingZeros64(found))
			found &= found - 1
		}
		n = next
	}
	p.enders = enders
	return notASCII
}
