package inflate

// symbols decodes symbols of a block, one at least, up to its end, the limit, or the end of a window.
// It gives the position behind the text.
func (z *Reader) symbols(dst []byte, op, limit int) (end int, err error) {
	// Matches begin in the member's own text.
	floor := op - int(min(z.length, History))
	if z.end-z.ip <= inputMargin {
		z.fill()
	}
	if z.end-z.ip > inputMargin && len(dst) >= len(window{}) {
		base := min(op-History, len(dst)-len(window{}))
		n, ok := z.fast((*window)(dst[base:]), uint(op-base), uint(limit-base), uint(floor-base))
		op = base + int(n)
		if !ok {
			return op, ErrCorrupt
		}
		if op >= limit {
			return op, nil
		}
	}
	return z.symbol(dst, op, floor)
}

// symbol decodes one symbol, and takes no bits but those that are there. It gives the position behind
// its text.
func (z *Reader) symbol(dst []byte, op, floor int) (int, error) {
	e, length, err := z.code(z.litLen[:], litLenBits)
	switch {
	case err != nil:
		return op, err
	case e&anyLiteral != 0:
		dst[op] = byte(e >> entryValue)
		return op + 1, nil
	case e&^0xfff == endOfBlock:
		z.endBlock()
		return op, nil
	}
	_, back, err := z.code(z.dist[:], distBits)
	if err != nil {
		return op, err
	}
	if back > op-floor {
		return op, ErrCorrupt
	}
	for range length {
		dst[op] = dst[op-back]
		op++
	}
	return op, nil
}

// code reads a code, and the extra bits of a length or distance. It gives the code's entry and the
// length or distance.
func (z *Reader) code(table []uint32, root uint) (e uint32, value int, err error) {
	z.want() // more than a code and its extra bits have
	bits, n := z.bits, uint(0)
	e = table[bits&(1<<root-1)]
	if e&entrySubtable != 0 {
		n = root
		bits >>= root
		e = table[uint(e>>entryValue)+uint(bits)&(1<<(e>>entryCode&15)-1)]
	}
	n += uint(e & 0xff)
	if n > z.count {
		return 0, 0, z.short()
	}
	if e&^0xfff == notACode {
		return 0, 0, ErrCorrupt
	}
	z.bits >>= n
	z.count -= n
	extra := bits & (1<<(e&0xff) - 1) >> (e >> entryCode & 15)
	return e, int(e>>entryValue) + int(extra), nil
}
