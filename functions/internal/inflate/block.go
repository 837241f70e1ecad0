package inflate

import "encoding/binary"

// Types of blocks: RFC 1951, section 3.2.3.
const (
	typeStored = iota
	typeFixed
	typeDynamic
)

// block reads the header of a DEFLATE block.
func (z *Reader) block() error {
	h, err := z.read(3)
	if err != nil {
		return err
	}
	z.final = h&1 != 0
	switch h >> 1 {
	case typeStored:
		return z.storedBlock()
	case typeFixed:
		z.fixedCodes()
		z.state = inSymbols
		return nil
	case typeDynamic:
		z.state = inSymbols
		return z.dynamicCodes()
	}
	return ErrCorrupt
}

// endBlock goes on to what follows a block.
func (z *Reader) endBlock() {
	z.state = atBlock
	if z.final {
		z.state = atTrailer
	}
}

// storedBlock reads the rest of a stored block's header.
func (z *Reader) storedBlock() error {
	z.align()
	h, err := z.take(4)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint16(h)
	if binary.LittleEndian.Uint16(h[2:]) != ^n {
		return ErrCorrupt
	}
	z.stored = int(n)
	z.state = inStored
	return nil
}

// copyStored copies text of a stored block to dst[op:limit], and gives the position behind it.
func (z *Reader) copyStored(dst []byte, op, limit int) (int, error) {
	if z.stored == 0 {
		z.endBlock()
		return op, nil
	}
	if z.ip == z.end && !z.fill() {
		return op, z.short()
	}
	n := copy(dst[op:limit], z.in[z.ip:min(z.end, z.ip+z.stored)])
	z.ip += n
	z.stored -= n
	return op + n, nil
}

// fixedCodes makes the tables of the fixed codes: RFC 1951, section 3.2.6.
func (z *Reader) fixedCodes() {
	if z.fixed {
		return
	}
	litLen, dist := z.codes[:maxLitLen], z.codes[maxLitLen:]
	for i := range litLen {
		switch {
		case i < 144:
			litLen[i] = 8
		case i < 256:
			litLen[i] = 9
		case i < 280:
			litLen[i] = 7
		default:
			litLen[i] = 8
		}
	}
	for i := range dist {
		dist[i] = 5
	}
	z.makeTables(litLen, dist)
	z.fixed = true
}

// lengthOrder is the order in which the lengths of the codes of code lengths are stored.
var lengthOrder = [maxLengths]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the code lengths of a block and makes its tables: RFC 1951, section 3.2.7.
func (z *Reader) dynamicCodes() error {
	h, err := z.read(5 + 5 + 4)
	if err != nil {
		return err
	}
	litLen, dist, lengths := h&31+257, h>>5&31+1, h>>10+4
	if litLen > maxLitLen-2 || dist > maxDist-2 {
		return ErrCorrupt
	}
	var codes [maxLengths]uint8
	for _, symbol := range lengthOrder[:lengths] {
		n, err := z.read(3)
		if err != nil {
			return err
		}
		codes[symbol] = uint8(n)
	}
	var table [1 << lengthBits]uint32
	if _, ok := makeTable(table[:], lengthBits, codes[:], lengthEntries[:]); !ok {
		return ErrCorrupt
	}
	if err := z.readLengths(&table, z.codes[:litLen+dist]); err != nil {
		return err
	}
	z.fixed = false
	if !z.makeTables(z.codes[:litLen], z.codes[litLen:litLen+dist]) {
		return ErrCorrupt
	}
	return nil
}

// readLengths reads code lengths, which are compressed with the code of that table.
func (z *Reader) readLengths(table *[1 << lengthBits]uint32, codes []uint8) error {
	for i := 0; i < len(codes); {
		if z.count < lengthBits {
			z.want()
		}
		e := table[z.bits&(1<<lengthBits-1)]
		n := uint(e & 0xff)
		if n > z.count {
			return z.short()
		}
		if e&entrySpecial != 0 {
			return ErrCorrupt
		}
		z.bits >>= n
		z.count -= n
		symbol := e >> entryValue
		if symbol < 16 {
			codes[i] = uint8(symbol)
			i++
			continue
		}
		var code uint8
		var repeat int
		var err error
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			code = codes[i-1]
			repeat, err = z.read(2)
			repeat += 3
		case 17:
			repeat, err = z.read(3)
			repeat += 3
		default:
			repeat, err = z.read(7)
			repeat += 11
		}
		if err != nil {
			return err
		}
		if repeat > len(codes)-i {
			return ErrCorrupt
		}
		for range repeat {
			codes[i] = code
			i++
		}
	}
	return nil
}

// makeTables makes the tables for codes of those lengths, and says whether they are valid.
func (z *Reader) makeTables(litLen, dist []uint8) bool {
	size, ok := makeTable(z.litLen[:], litLenBits, litLen, litLenEntries[:])
	if !ok {
		return false
	}
	z.makeSteps(size)
	_, ok = makeTable(z.dist[:], distBits, dist, distEntries[:])
	return ok
}
