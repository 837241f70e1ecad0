package inflate

import (
	"encoding/binary"
	"io"
)

const (
	// inputSize is the most that is read ahead, in bytes.
	inputSize = 256 << 10
	// inputMargin is how many bytes a step of the fast loop may load behind the position at which it
	// begins: a word.
	inputMargin = 8
)

// input is the buffer that bytes of the source are read into, with room behind them for the word at
// any position.
type input [inputSize + inputMargin]byte

// refill brings a bit buffer, to which the word at ip is added, to at least 56 bits. Only the lowest
// six bits of count need be right.
func refill(in *input, ip uint, bits uint64, count uint) (uint, uint64, uint) {
	// Bits that do not make a whole byte are added, but not counted, and added again next time.
	bits |= binary.LittleEndian.Uint64(in[ip:ip+8]) << (count & 63)
	return ip + ^count>>3&7, bits, count | 56
}

// fill reads once more from the source, behind the unread bytes, and says whether there are more. It
// first puts whole bytes of the bit buffer back.
func (z *Reader) fill() bool {
	if z.failed != nil {
		return false
	}
	z.unread()
	z.end = copy(z.in[:], z.in[z.ip:z.end])
	z.ip = 0
	for range 100 { // as many as package bufio tries
		n, err := z.source.Read(z.in[z.end:inputSize])
		if n < 0 || n > inputSize-z.end {
			panic("inflate: the source says that it read an impossible number of bytes")
		}
		z.end += n
		z.failed = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	z.failed = io.ErrNoProgress
	return false
}

// short gives the error of a stream that has no more bytes where it needs some.
func (z *Reader) short() error {
	if z.failed == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return z.failed
}

// unread puts whole bytes of the bit buffer back into the input.
func (z *Reader) unread() {
	z.ip -= int(z.count >> 3)
	z.count &= 7
	z.bits &= 1<<z.count - 1
}

// align goes to the next whole byte of the input, where take may be used.
func (z *Reader) align() {
	z.unread()
	z.bits, z.count = 0, 0
}

// take gives the next n bytes, at most 64 KiB, where the bit buffer is empty. They are valid until
// the next call of any method.
func (z *Reader) take(n int) ([]byte, error) {
	for z.end-z.ip < n {
		if !z.fill() {
			return nil, z.short()
		}
	}
	z.ip += n
	return z.in[z.ip-n : z.ip], nil
}

// want brings the bit buffer to at least 56 bits, or to as many as there are.
func (z *Reader) want() {
	for z.end-z.ip < 8 && z.fill() {
	}
	if z.end-z.ip >= 8 {
		var ip uint
		ip, z.bits, z.count = refill(&z.in, uint(z.ip), z.bits, z.count)
		z.ip = int(ip)
		return
	}
	for z.count < 56 && z.ip < z.end {
		z.bits |= uint64(z.in[z.ip]) << z.count
		z.ip++
		z.count += 8
	}
}

// read gives the next n bits, at most 16.
func (z *Reader) read(n uint) (int, error) {
	if z.count < n {
		z.want()
		if z.count < n {
			return 0, z.short()
		}
	}
	value := int(z.bits & (1<<n - 1))
	z.bits >>= n
	z.count -= n
	return value, nil
}
