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
		base := uint32(from + 64*block)
		for ; found != 0; found &= found - 1 {
			ends[n] = base + uint32(bits.TrailingZeros64(found))
			n++
		}
	}
	p.enders = enders
	return notASCII
}
