package inflate_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"

	kgzip "github.com/klauspost/compress/gzip"
)

// flushWriter is what the writers of both libraries are.
type flushWriter interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// writers are kept, by library and level, because they are large.
var writers = map[[2]int]flushWriter{}

func writer(library, level int) flushWriter {
	w := writers[[2]int{library, level}]
	if w == nil {
		var err error
		w, err = gzip.NewWriterLevel(nil, level)
		if library != 0 {
			w, err = kgzip.NewWriterLevel(nil, level)
		}
		if err != nil {
			panic(err)
		}
		writers[[2]int{library, level}] = w
	}
	return w
}

// compress gives a member.
func compress(text []byte, level int) []byte {
	var b bytes.Buffer
	w := writer(0, level)
	w.Reset(&b)
	w.Write(text)
	w.Close()
	return b.Bytes()
}

// lines makes text like that of a flow log.
func lines(r *rand.Rand, size int) []byte {
	var text bytes.Buffer
	for i := 0; text.Len() < size; i++ {
		client := int(r.ExpFloat64() * 5000)
		fmt.Fprintf(&text, "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 18.%d.%d.%d %d 75.2.76.%d 443 172.31.25.%d 443 TCP IPV4 %d %d %d %d ACCEPT OK 13.248.100.%d %d us-east-1 JFK%d-2 %s vpc-01234567891abcde%x\n",
			client>>16&255, client>>8&255, client&255, 1024+r.IntN(64000), r.IntN(4), r.IntN(40),
			1+r.IntN(200), r.IntN(1_000_000), 1676984801+i/1000, 1676984801+i/1000+r.IntN(60), r.IntN(200), 1024+r.IntN(64000), r.IntN(60),
			[]string{"INGRESS", "EGRESS"}[r.IntN(2)], r.IntN(4))
	}
	return text.Bytes()[:size]
}

// bitWriter makes DEFLATE data by hand.
type bitWriter struct {
	out  []byte
	bits uint64
	n    uint
}

// add appends the n low bits of v, the lowest first.
func (w *bitWriter) add(v uint64, n uint) *bitWriter {
	for w.bits, w.n = w.bits|v<<w.n, w.n+n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
	}
	return w
}

// code appends a code, its first bit the highest.
func (w *bitWriter) code(v uint64, n uint) *bitWriter {
	for i := range n {
		w.add(v>>(n-1-i)&1, 1)
	}
	return w
}

func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		return append(w.out, byte(w.bits))
	}
	return w.out
}

// dynamic begins the last block of a member, with codes of those lengths. The lengths' own codes are
// all of 4 bits, 16 of them: lengths 0 to 15.
func dynamic(litLen, dist []uint8) *bitWriter {
	w := new(bitWriter)
	w.add(1, 1).add(2, 2).add(uint64(len(litLen)-257), 5).add(uint64(len(dist)-1), 5).add(19-4, 4)
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15} {
		n := uint64(4)
		if symbol > 15 {
			n = 0
		}
		w.add(n, 3)
	}
	for _, n := range append(append([]uint8{}, litLen...), dist...) {
		w.code(uint64(n), 4)
	}
	return w
}

// fixed begins the last block of a member, with the fixed codes.
func fixed() *bitWriter { return new(bitWriter).add(1, 1).add(1, 2) }

// lengths gives n code lengths, of those symbols.
func lengths(n int, of map[int]uint8) []uint8 {
	l := make([]uint8, n)
	for symbol, bits := range of {
		l[symbol] = bits
	}
	return l
}

const plainHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// member wraps DEFLATE data with a header and the trailer that fits the text.
func member(data []byte, text string) []byte {
	b := append([]byte(plainHeader), data...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(text)))
	return binary.LittleEndian.AppendUint32(b, uint32(len(text)))
}

// header gives a member with a header that has those flags and that content behind its fixed part.
func header(flags byte, rest string) []byte {
	m := compress([]byte("text"), 6)
	h := []byte(plainHeader)
	h[3] = flags
	return append(append(h, rest...), m[10:]...)
}

// ladder gives n code lengths: 1, 2, 3 and so on to 15, and 15 once more for the last symbol.
func ladder(n, last int) []uint8 {
	l := make([]uint8, n)
	for i := range 15 {
		l[i] = uint8(i + 1)
	}
	l[last] = 15
	return l
}
