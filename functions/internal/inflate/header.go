package inflate

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Flags of a gzip header: RFC 1952, section 2.3.1. FTEXT and the reserved ones have no consequence.
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
)

// maxName is the longest name or comment that is accepted, in bytes with the zero at its end. The
// format has no limit; compress/gzip has this one.
const maxName = 512

// header reads a gzip header. The error is io.EOF where the stream properly ends instead.
func (z *Reader) header() error {
	if z.ip == z.end && !z.fill() {
		if z.failed == io.EOF && !z.started {
			return ErrEmpty
		}
		return z.failed
	}
	h, err := z.take(10)
	if err != nil {
		return err
	}
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return ErrHeader
	}
	flags := h[3]
	crc := crc32.ChecksumIEEE(h)
	if flags&flagExtra != 0 {
		h, err := z.take(2)
		if err != nil {
			return err
		}
		crc = crc32.Update(crc, crc32.IEEETable, h)
		if h, err = z.take(int(binary.LittleEndian.Uint16(h))); err != nil {
			return err
		}
		crc = crc32.Update(crc, crc32.IEEETable, h)
	}
	for _, flag := range [...]byte{flagName, flagComment} {
		if flags&flag != 0 {
			if crc, err = z.name(crc); err != nil {
				return err
			}
		}
	}
	if flags&flagHeaderCRC != 0 {
		h, err := z.take(2)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(h) != uint16(crc) {
			return ErrHeader
		}
	}
	z.started = true
	z.length, z.crc = 0, 0
	z.state = atBlock
	return nil
}

// name reads a text up to and including the zero at its end, and adds it to the checksum.
func (z *Reader) name(crc uint32) (uint32, error) {
	for range maxName {
		b, err := z.take(1)
		if err != nil {
			return 0, err
		}
		crc = crc32.Update(crc, crc32.IEEETable, b)
		if b[0] == 0 {
			return crc, nil
		}
	}
	return 0, ErrHeader
}

// trailer reads what follows a member's data, and compares it with the text.
func (z *Reader) trailer() error {
	z.align()
	t, err := z.take(8)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(t) != z.crc || binary.LittleEndian.Uint32(t[4:]) != uint32(z.length) {
		return ErrChecksum
	}
	z.state = atHeader
	return nil
}
