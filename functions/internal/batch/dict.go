package batch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Dict numbers distinct texts from 0 in the order in which they are first seen. The zero Dict is
// empty and ready. It is a hash table with open addressing whose short keys, up to 16 bytes, are
// compared as two words: most fields of a flow log are that short.
type Dict struct {
	slots []slot // a power of two of them, at most half full
	shift uint   // 64 less the logarithm of len(slots)
	ends  []uint32
	text  []byte
}

type slot struct {
	lo, hi uint64 // the text of a short key, zero-padded; the hash of a long one
	size   uint32
	number uint32 // id + 1; 0 marks a free slot
}

const (
	shortKey     = 16
	firstSlots   = 64
	multiplier   = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	longMultiply = 0xd6e8feb86659fd93
)

// Len gives the number of texts.
func (d *Dict) Len() int { return len(d.ends) }

// Bytes gives the bytes of all texts together.
func (d *Dict) Bytes() int { return len(d.text) }

// memory gives the bytes that the dictionary holds on to, empty or not.
func (d *Dict) memory() int {
	return len(d.slots)*int(unsafe.Sizeof(slot{})) + cap(d.ends)*4 + cap(d.text)
}

// Text gives the text of an id. It is valid until the next call of Reset and must not be changed.
func (d *Dict) Text(id uint32) []byte {
	start := uint32(0)
	if id > 0 {
		start = d.ends[id-1]
	}
	return d.text[start:d.ends[id]:d.ends[id]]
}

// Reset forgets all texts and keeps the memory.
func (d *Dict) Reset() {
	if len(d.ends) == 0 {
		return
	}
	clear(d.slots)
	d.ends, d.text = d.ends[:0], d.text[:0]
}

// ID gives the id of a text, a new one if it was not seen yet. The text is copied when it is new. A
// text with a capacity of 16 bytes or more is looked up faster, because its words are loaded from
// beyond its end; what stands there does not matter.
func (d *Dict) ID(text []byte) uint32 {
	n := len(text)
	if n > shortKey {
		return d.longID(text)
	}
	if cap(text) < shortKey {
		var padded [shortKey]byte
		copy(padded[:], text)
		return d.shortID(padded[:n])
	}
	return d.shortID(text)
}

func (d *Dict) shortID(text []byte) uint32 {
	n := uint(len(text))
	words := text[:shortKey]
	lo := binary.LittleEndian.Uint64(words)
	hi := binary.LittleEndian.Uint64(words[8:])
	if n <= 8 {
		lo &= 1<<(8*n) - 1 // a shift by 64 gives 0, and 0-1 all ones
		hi = 0
	} else {
		hi &= 1<<(8*(n-8)) - 1
	}
	if len(d.slots) == 0 {
		d.grow()
	}
	mask := uint64(len(d.slots) - 1)
	for i := shortHash(lo, hi) >> d.shift; ; i++ {
		s := &d.slots[i&mask]
		if s.number == 0 {
			return d.insert(s, slot{lo: lo, hi: hi, size: uint32(n)}, text)
		}
		if s.lo == lo && s.hi == hi && s.size == uint32(n) {
			return s.number - 1
		}
	}
}

func shortHash(lo, hi uint64) uint64 {
	return (lo ^ bits.RotateLeft64(hi*multiplier, 32)) * multiplier
}

func (d *Dict) longID(text []byte) uint32 {
	if len(d.slots) == 0 {
		d.grow()
	}
	h := longHash(text)
	mask := uint64(len(d.slots) - 1)
	for i := h >> d.shift; ; i++ {
		s := &d.slots[i&mask]
		if s.number == 0 {
			return d.insert(s, slot{lo: h, size: uint32(len(text))}, text)
		}
		if s.lo == h && s.size == uint32(len(text)) && bytes.Equal(d.Text(s.number-1), text) {
			return s.number - 1
		}
	}
}

// longHash covers every byte of a text of more than 16 bytes.
func longHash(text []byte) uint64 {
	h := uint64(len(text))
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(rest))*longMultiply, 31)
	}
	tail := binary.LittleEndian.Uint64(text[len(text)-8:])
	h = (h ^ tail) * longMultiply
	return (h ^ h>>32) * multiplier
}

// insert puts a new text in a free slot.
func (d *Dict) insert(s *slot, key slot, text []byte) uint32 {
	d.text = append(d.text, text...)
	d.ends = append(d.ends, uint32(len(d.text)))
	key.number = uint32(len(d.ends))
	*s = key
	if len(d.ends)*2 > len(d.slots) {
		d.grow()
	}
	return key.number - 1
}

// grow doubles the table.
func (d *Dict) grow() {
	old := d.slots
	d.slots = make([]slot, max(firstSlots, 2*len(old)))
	d.shift = uint(64 - bits.TrailingZeros(uint(len(d.slots))))
	mask := uint64(len(d.slots) - 1)
	for _, s := range old {
		if s.number == 0 {
			continue
		}
		h := s.lo
		if s.size <= shortKey {
			h = shortHash(s.lo, s.hi)
		}
		i := h >> d.shift
		for d.slots[i&mask].number != 0 {
			i++
		}
		d.slots[i&mask] = s
	}
}
