package batch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Dict numbers distinct texts from 1 on in the order in which they are first seen. The zero Dict is
// empty and ready. It is a hash table with open addressing whose short keys are compared as two
// words: most fields of a flow log are that short.
type Dict struct {
	slots []slot // a power of two of them, at most half full
	shift uint   // 64 less the logarithm of len(slots)
	ends  []uint32
	text  []byte
}

type slot struct {
	key Key
	id  uint32 // 0 marks a free slot
}

// Key is what a text is looked up by. A short text, of up to [ShortKey] bytes, is its key: the bytes
// as two little-endian words, the rest zero but for the length plus 1 in the highest byte. The key of a
// long text is a hash and the length.
type Key struct{ lo, hi uint64 }

const (
	// ShortKey is the greatest length of a short text. An IPv4 address is one.
	ShortKey = 15

	firstSlots   = 64
	multiplier   = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	longMultiply = 0xd6e8feb86659fd93
	long         = 1 << 63 // marks the key of a long text
)

// masks has, by the length of a short text, the bytes that belong to it.
var masks = func() (m [32]Key) {
	for n := range ShortKey + 1 {
		m[n] = Key{lo: 1<<(8*min(n, 8)) - 1, hi: 1<<(8*max(n-8, 0)) - 1} // a shift by 64 gives 0, and 0-1 all ones
	}
	return m
}()

// ShortKeyOf gives the key of a short text of n bytes at the start of words, which has at least 16
// bytes: what follows the text does not matter.
func ShortKeyOf(words []byte, n int) Key {
	m := &masks[n&31]
	return Key{
		lo: binary.LittleEndian.Uint64(words) & m.lo,
		hi: binary.LittleEndian.Uint64(words[8:])&m.hi | uint64(n+1)<<56,
	}
}

func (k Key) hash() uint64 {
	if k.hi >= long {
		return k.lo
	}
	return k.shortHash()
}

func (k Key) shortHash() uint64 {
	return (k.lo ^ bits.RotateLeft64(k.hi*multiplier, 32)) * multiplier
}

// Len gives the number of texts, which is the greatest id.
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
	if id > 1 {
		start = d.ends[id-2]
	}
	return d.text[start:d.ends[id-1]:d.ends[id-1]]
}

// Reset forgets all texts and keeps the memory.
func (d *Dict) Reset() {
	if len(d.ends) == 0 {
		return
	}
	clear(d.slots)
	d.ends, d.text = d.ends[:0], d.text[:0]
}

// ID gives the id of a text, a new one if it was not seen yet. The text is copied when it is new.
func (d *Dict) ID(text []byte) uint32 {
	if len(text) > ShortKey {
		return d.longID(text)
	}
	var padded [16]byte
	copy(padded[:], text)
	return d.ShortID(ShortKeyOf(padded[:], len(text)), text)
}

// Find gives the id of a short text by its key, or 0 where it is not known, or not found at first sight.
func (d *Dict) Find(key Key) uint32 {
	if len(d.slots) == 0 {
		return 0
	}
	s := &d.slots[key.shortHash()>>(d.shift&63)&uint64(len(d.slots)-1)]
	if s.key != key {
		return 0
	}
	return s.id
}

// ShortID is [Dict.ID] for a short text whose key is known.
func (d *Dict) ShortID(key Key, text []byte) uint32 {
	if len(d.slots) == 0 {
		d.grow()
	}
	mask := uint64(len(d.slots) - 1)
	for i := key.hash() >> (d.shift & 63); ; i++ {
		s := &d.slots[i&mask]
		if s.key == key {
			return s.id
		}
		if s.id == 0 {
			return d.insert(s, key, text)
		}
	}
}

func (d *Dict) longID(text []byte) uint32 {
	if len(d.slots) == 0 {
		d.grow()
	}
	key := Key{longHash(text), uint64(len(text)) | long}
	mask := uint64(len(d.slots) - 1)
	for i := key.lo >> (d.shift & 63); ; i++ {
		s := &d.slots[i&mask]
		if s.id == 0 {
			return d.insert(s, key, text)
		}
		if s.key == key && bytes.Equal(d.Text(s.id), text) {
			return s.id
		}
	}
}

// longHash covers every byte of a text of at least 8 bytes.
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
func (d *Dict) insert(s *slot, key Key, text []byte) uint32 {
	d.text = append(d.text, text...)
	d.ends = append(d.ends, uint32(len(d.text)))
	id := uint32(len(d.ends))
	*s = slot{key, id}
	if len(d.ends)*2 > len(d.slots) {
		d.grow()
	}
	return id
}

// grow doubles the table.
func (d *Dict) grow() {
	old := d.slots
	d.slots = make([]slot, max(firstSlots, 2*len(old)))
	d.shift = uint(64 - bits.TrailingZeros(uint(len(d.slots))))
	mask := uint64(len(d.slots) - 1)
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		i := s.key.hash() >> d.shift
		for d.slots[i&mask].id != 0 {
			i++
		}
		d.slots[i&mask] = s
	}
}
