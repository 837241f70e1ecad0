// Package inflate decodes gzip streams (RFC 1952) of DEFLATE data (RFC 1951) into blocks of text.
//
// It accepts what compress/gzip accepts, gives the same text, and checks the same checksums. It does
// less: no [io.Reader] on the text's side, no names or times from headers. It gains by that: a caller
// that wants large blocks of text anyway gets them decoded in place, with the 32 KiB in front of a
// block as the window that matches copy from, so that no text is copied a second time.
//
// A [Reader] is a state machine over the parts of a stream: gzip headers and trailers (header.go),
// DEFLATE block headers (block.go), and the symbols of a block, which are nearly all of the work. They
// are decoded by one loop that assumes room in front of it, in the input as in the text (fast.go), and
// one symbol at a time near the ends of both, at the end of a block, and where something is wrong
// (symbol.go). Both use the same tables (table.go) and bits (bits.go).
//
// Decisions, with what lost:
//   - No package unsafe. The loop works on arrays of constant length, of the input, of the tables and
//     of a window of the text, so that the compiler proves accesses to be within bounds, and checks
//     none at run time apart from those of short distances. Unsafe pointers have nothing to gain.
//   - No assembly. A log takes 0.4 of klauspost/compress's time or less, and 0.3 of compress/gzip's.
//   - The checksum is always verified. It takes an eighth of the time.
package inflate

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// History is how many bytes of text in front of a block matches may reach back to: 32 KiB.
	History = 32 << 10
	// Slack is how many bytes behind a block's text [Reader.Block] may overwrite, so that the last step
	// needs no care: a literal and a match of 258 bytes, copied 16 bytes at a time. The compiler knows
	// only that a match is shorter than 512.
	Slack = 544
)

// Errors of the stream. One that is cut off gives [io.ErrUnexpectedEOF].
var (
	// ErrEmpty says that there is no byte at all.
	ErrEmpty = errors.New("no byte at all")
	// ErrHeader says that there is no valid gzip header at the start or behind a member.
	ErrHeader = errors.New("no gzip header")
	// ErrCorrupt says that compressed data are damaged.
	ErrCorrupt = errors.New("corrupt DEFLATE data")
	// ErrChecksum says that a member's text has not the checksum or the length that its trailer says.
	ErrChecksum = errors.New("checksum or length differs from the text")
)

// state says which part of the stream is next.
type state uint8

const (
	atHeader  state = iota // a gzip header, or the end of the stream
	atBlock                // a DEFLATE block's header
	inStored               // bytes of a stored block
	inSymbols              // symbols of a compressed block
	atTrailer              // a gzip trailer
)

// Reader decodes one stream after the other. It is used by one goroutine.
type Reader struct {
	source io.Reader
	failed error // what the source returned with its last bytes; it is not read again
	err    error // what ended the stream

	in      input // bytes of the source, of which in[ip:end] are unread
	ip, end int
	// Bits that were taken out of in: count of them, the next one lowest. Higher bits are zero or
	// those that follow.
	bits  uint64
	count uint

	state   state
	started bool   // there was a header
	final   bool   // the current block is its member's last one
	fixed   bool   // the tables are those of the fixed codes
	stored  int    // bytes of the stored block that are left
	length  uint64 // the member's text so far
	crc     uint32 // its checksum

	codes  [maxLitLen + maxDist]uint8 // code lengths
	litLen [litLenSize]uint32
	steps  [litLenSize]uint64
	dist   [distSize]uint32
}

// NewReader gives a Reader of the stream in r. It reads ahead, at most 256 KiB at once, and no more
// after r returned an error.
func NewReader(r io.Reader) *Reader { return &Reader{source: r} }

// Reset makes z as new for the stream in r.
func (z *Reader) Reset(r io.Reader) {
	z.source, z.failed, z.err = r, nil, nil
	z.ip, z.end, z.bits, z.count = 0, 0, 0, 0
	z.state, z.started, z.final, z.stored = atHeader, false, false, 0
	z.length, z.crc = 0, 0
}

// Block decodes text into dst from start on and gives the position behind it: the text is
// dst[start:end]. It fills dst until its last [Slack] bytes, of which the last match may use some, or
// to the end of the stream; where there are no more bytes than Slack behind start, it does nothing.
// It is fast only where dst, history included, is at least 65 KiB long.
//
// In front of start must be the text before this, the last [History] bytes of it as the previous call
// left them, and start is at least History. What is there before the first call does not matter.
// Bytes in front of start are never written. Those behind end may be overwritten with rubbish.
//
// The error is [io.EOF] with the last text, which may be none, when the whole stream was decoded and
// every checksum is right. With any other error the text is decoded but not verified. An error of
// the source is returned as it is, after all text in front of it. Errors stay.
func (z *Reader) Block(dst []byte, start int) (end int, err error) {
	if start < History || start > len(dst) {
		panic(fmt.Sprintf("inflate: start %d, want %d to %d", start, History, len(dst)))
	}
	end = start
	limit := len(dst) - Slack
	for z.err == nil && end < limit {
		from := end
		switch z.state {
		case atHeader:
			z.err = z.header()
		case atBlock:
			z.err = z.block()
		case inStored:
			end, z.err = z.copyStored(dst, end, limit)
		case inSymbols:
			end, z.err = z.symbols(dst, end, limit)
		case atTrailer:
			z.err = z.trailer()
		}
		z.length += uint64(end - from)
		z.crc = crc32.Update(z.crc, crc32.IEEETable, dst[from:end])
	}
	return end, z.err
}
