package inflate_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flowlake/flowlake/functions/internal/inflate"
)

// standard is what the standard library makes of a stream.
func standard(stream []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// rubbish is what buffers are filled with, and must not be seen.
var rubbish = bytes.Repeat([]byte{0xa5}, 800_000)

// decode decodes what z reads, in blocks of about that many bytes, and checks on the way that Block
// writes where it may only: in buffers with guards around them, at varying starts.
func decode(z *inflate.Reader, block int) (text []byte, err error) {
	const guard = 64
	history := bytes.Clone(rubbish[:inflate.History])
	buf := make([]byte, guard+inflate.History+7+block+inflate.Slack+guard)
	for calls := 0; ; calls++ {
		start := inflate.History + calls%7
		size := start + block + inflate.Slack
		copy(buf, rubbish)
		dst := buf[guard : guard+size : guard+size]
		copy(dst[start-inflate.History:], history)
		end, err := z.Block(dst, start)
		switch {
		case end < start || end > size:
			return nil, fmt.Errorf("end %d, start %d, size %d", end, start, size)
		case err == nil && end < size-inflate.Slack:
			return nil, fmt.Errorf("block not full: %d of %d bytes", end-start, block)
		case !bytes.Equal(dst[start-inflate.History:start], history):
			return nil, errors.New("history is overwritten")
		case !isRubbish(buf[:guard]), !isRubbish(dst[:start-inflate.History]), !isRubbish(buf[guard+size:]):
			return nil, errors.New("bytes in front of the history or behind dst are overwritten")
		}
		text = append(text, dst[start:end]...)
		copy(history, dst[end-inflate.History:end])
		if err == nil {
			continue
		}
		if again, stays := z.Block(dst, start); again != start || stays != err {
			return nil, fmt.Errorf("after error %v a call gives %v", err, stays)
		}
		if err == io.EOF {
			err = nil
		}
		return text, err
	}
}

func isRubbish(b []byte) bool { return bytes.Equal(b, rubbish[:len(b)]) }

// reader is used again and again.
var reader = inflate.NewReader(nil)

// decodeFrom decodes what r gives.
func decodeFrom(r io.Reader, block int) ([]byte, error) {
	reader.Reset(r)
	return decode(reader, block)
}

// compare checks that a stream has the same text and is as valid for us as for the standard library.
func compare(t *testing.T, stream []byte, block int) (text []byte, err error) {
	t.Helper()
	want, wantErr := standard(stream)
	text, err = decodeFrom(bytes.NewReader(stream), block)
	switch {
	case (err == nil) != (wantErr == nil):
		t.Fatalf("blocks of %d: error %v, of the standard library %v\nstream %x", block, err, wantErr, cut(stream))
	case err == nil && !bytes.Equal(text, want):
		t.Fatalf("blocks of %d: %d bytes of text differ from %d\nstream %x", block, len(text), len(want), cut(stream))
	case err != nil && !bytes.HasPrefix(text, want) && !bytes.HasPrefix(want, text):
		t.Fatalf("blocks of %d: %d bytes of text in front of the error differ from %d\nstream %x", block, len(text), len(want), cut(stream))
	case errors.Is(wantErr, io.ErrUnexpectedEOF) != errors.Is(err, io.ErrUnexpectedEOF):
		t.Fatalf("blocks of %d: error %v, of the standard library %v\nstream %x", block, err, wantErr, cut(stream))
	case errors.Is(wantErr, gzip.ErrChecksum) != errors.Is(err, inflate.ErrChecksum),
		errors.Is(wantErr, gzip.ErrHeader) != errors.Is(err, inflate.ErrHeader),
		errors.As(wantErr, new(flate.CorruptInputError)) != errors.Is(err, inflate.ErrCorrupt):
		t.Fatalf("blocks of %d: error %v, of the standard library %v\nstream %x", block, err, wantErr, cut(stream))
	}
	return text, err
}

func cut(b []byte) []byte { return b[:min(len(b), 2000)] }

// blocks are the sizes of blocks that tests use: those of at least 32 KiB use the fast loop.
var blocks = []int{1, 7, 300, 5000, 33_000, 70_001, 600_000}

func TestStreams(t *testing.T) {
	text := bytes.Repeat([]byte("some text, "), 100)
	good := compress(text, 6)
	empty := compress(nil, 6)
	edit := func(at int, b byte) []byte {
		s := bytes.Clone(good)
		s[(at+len(s))%len(s)] ^= b
		return s
	}
	join := func(streams ...[]byte) []byte { return bytes.Join(streams, nil) }
	headerCRC := func(flags byte, rest string) string {
		h := []byte(plainHeader)
		h[3] = flags
		sum := crc32.ChecksumIEEE(append(h, rest...))
		return rest + string([]byte{byte(sum), byte(sum >> 8)})
	}
	type codes = map[int]uint8
	for _, test := range []struct {
		name   string
		stream []byte
		want   error
	}{
		{"no byte", nil, inflate.ErrEmpty},
		{"one member", good, nil},
		{"empty member", empty, nil},
		{"members", join(good, empty, empty, good), nil},
		{"text, no gzip", []byte("version account"), inflate.ErrHeader},
		{"short text, no gzip", []byte("version"), io.ErrUnexpectedEOF},
		{"other method", edit(2, 1), inflate.ErrHeader},
		{"damaged checksum", edit(-8, 1), inflate.ErrChecksum},
		{"damaged length", edit(-1, 1), inflate.ErrChecksum},
		{"damaged checksum of the first member", join(edit(-8, 1), good), inflate.ErrChecksum},
		{"no trailer", good[:len(good)-8], io.ErrUnexpectedEOF},
		{"part of a trailer", good[:len(good)-1], io.ErrUnexpectedEOF},
		{"zeros behind a member", join(good, make([]byte, 100)), inflate.ErrHeader},
		{"few zeros behind a member", join(good, make([]byte, 9)), io.ErrUnexpectedEOF},
		{"part of a header behind a member", join(good, good[:9]), io.ErrUnexpectedEOF},
		{"header behind a member", join(good, good[:10]), io.ErrUnexpectedEOF},
		{"header alone", good[:10], io.ErrUnexpectedEOF},

		{"reserved flags", header(0xe1, ""), nil},
		{"extra field", header(4, "\x03\x00abc"), nil},
		{"empty extra field", header(4, "\x00\x00"), nil},
		{"longest extra field", header(4, "\xff\xff"+strings.Repeat("x", 65535)), nil},
		{"part of an extra field", header(4, "\xff\xff"), io.ErrUnexpectedEOF},
		{"name", header(8, "name\x00"), nil},
		{"longest name", header(8, strings.Repeat("n", 511)+"\x00"), nil},
		{"name too long", header(8, strings.Repeat("n", 512)+"\x00"), inflate.ErrHeader},
		{"name without an end", join([]byte(plainHeader[:3]), []byte("\x08\x00\x00\x00\x00\x00\xffname")), io.ErrUnexpectedEOF},
		{"name in Latin-1", header(8, "n\xe4me\x00"), nil},
		{"comment", header(16, "comment\x00"), nil},
		{"longest comment", header(16, strings.Repeat("n", 511)+"\x00"), nil},
		{"comment too long", header(16, strings.Repeat("n", 512)+"\x00"), inflate.ErrHeader},
		{"header's checksum", header(2, headerCRC(2, "")), nil},
		{"header's checksum of everything", header(30, headerCRC(30, "\x02\x00abname\x00comment\x00")), nil},
		{"damaged checksum of a header", header(2, "ab"), inflate.ErrHeader},
		{"half a checksum of a header", header(2, "a")[:11], io.ErrUnexpectedEOF},

		{"reserved block type", member([]byte{7}, ""), inflate.ErrCorrupt},
		{"empty stored block", member([]byte{1, 0, 0, 0xff, 0xff}, ""), nil},
		{"stored block", member([]byte{1, 2, 0, 0xfd, 0xff, 'a', 'b'}, "ab"), nil},
		{"stored blocks", member([]byte{0, 1, 0, 0xfe, 0xff, 'a', 1, 1, 0, 0xfe, 0xff, 'b'}, "ab"), nil},
		{"stored block of a wrong length", member([]byte{1, 2, 0, 0xfd, 0xfe, 'a', 'b'}, "ab"), inflate.ErrCorrupt},
		{"part of a stored block", append([]byte(plainHeader), 1, 2, 0, 0xfd, 0xff, 'a'), io.ErrUnexpectedEOF},
		{"part of a stored block's header", append([]byte(plainHeader), 1, 2, 0, 0xfd), io.ErrUnexpectedEOF},

		{"fixed codes", member(fixed().code(0x30+'a', 8).code(0, 7).bytes(), "a"), nil},
		{"fixed codes without an end", append([]byte(plainHeader), fixed().code(0x30+'a', 8).bytes()...), io.ErrUnexpectedEOF},
		{"match", member(fixed().code(0x30+'a', 8).code(1, 7).code(0, 5).code(0, 7).bytes(), "aaaa"), nil},
		{"match of 258 bytes with 5 extra bits", member(fixed().code(0x30+'a', 8).code(0xc0+4, 8).add(31, 5).code(0, 5).code(0, 7).bytes(), strings.Repeat("a", 259)), nil},
		{"match in front of the text", member(fixed().code(1, 7).code(0, 5).code(0, 7).bytes(), "aaa"), inflate.ErrCorrupt},
		{"match one byte in front of the text", member(fixed().code(0x30+'a', 8).code(1, 7).code(1, 5).code(0, 7).bytes(), "aaaa"), inflate.ErrCorrupt},
		{"match into the member before", join(good, member(fixed().code(1, 7).code(0, 5).code(0, 7).bytes(), ",,,")), inflate.ErrCorrupt},
		{"length 286", member(fixed().code(0x30+'a', 8).code(0xc6, 8).code(0, 5).code(0, 7).bytes(), "a"), inflate.ErrCorrupt},
		{"length 287", member(fixed().code(0x30+'a', 8).code(0xc7, 8).code(0, 5).code(0, 7).bytes(), "a"), inflate.ErrCorrupt},
		{"distance 30", member(fixed().code(0x30+'a', 8).code(1, 7).code(30, 5).code(0, 7).bytes(), "aaaa"), inflate.ErrCorrupt},
		{"distance 31", member(fixed().code(0x30+'a', 8).code(1, 7).code(31, 5).code(0, 7).bytes(), "aaaa"), inflate.ErrCorrupt},

		{"no distance codes", member(dynamic(lengths(257, codes{'a': 1, 256: 1}), lengths(1, nil)).code(0, 1).code(1, 1).bytes(), "a"), nil},
		{"no distance codes, yet a match", member(dynamic(lengths(258, codes{'a': 1, 256: 2, 257: 2}), lengths(1, nil)).code(0, 1).code(3, 2).bytes(), "a"), inflate.ErrCorrupt},
		{"one distance code", member(dynamic(lengths(258, codes{'a': 1, 256: 2, 257: 2}), lengths(1, codes{0: 1})).code(0, 1).code(3, 2).code(0, 1).code(2, 2).bytes(), "aaaa"), nil},
		{"one distance code, another used", member(dynamic(lengths(258, codes{'a': 1, 256: 2, 257: 2}), lengths(1, codes{0: 1})).code(0, 1).code(3, 2).code(1, 1).code(2, 2).bytes(), "aaaa"), inflate.ErrCorrupt},
		{"one distance code of two bits", member(dynamic(lengths(257, codes{'a': 1, 256: 1}), lengths(1, codes{0: 2})).code(0, 1).code(1, 1).bytes(), "a"), inflate.ErrCorrupt},
		{"incomplete distance codes", member(dynamic(lengths(257, codes{'a': 1, 256: 1}), lengths(2, codes{0: 2, 1: 2})).code(0, 1).code(1, 1).bytes(), "a"), inflate.ErrCorrupt},
		{"too many distance codes", member(dynamic(lengths(257, codes{'a': 1, 256: 1}), lengths(3, codes{0: 1, 1: 1, 2: 1})).code(0, 1).code(1, 1).bytes(), "a"), inflate.ErrCorrupt},
		{"end of the block alone", member(dynamic(lengths(257, codes{256: 1}), lengths(1, nil)).code(0, 1).bytes(), ""), nil},
		{"end of the block alone, another code used", member(dynamic(lengths(257, codes{256: 1}), lengths(1, nil)).code(1, 1).bytes(), ""), inflate.ErrCorrupt},
		{"no literals or lengths", member(dynamic(lengths(257, nil), lengths(1, nil)).bytes(), ""), inflate.ErrCorrupt},
		{"incomplete literals", member(dynamic(lengths(257, codes{'a': 2, 256: 2}), lengths(1, nil)).code(0, 2).code(1, 2).bytes(), "a"), inflate.ErrCorrupt},
		{"too many literals", member(dynamic(lengths(257, codes{'a': 1, 'b': 1, 256: 1}), lengths(1, nil)).code(0, 1).code(1, 1).bytes(), "a"), inflate.ErrCorrupt},
		{"no end of the block", member(dynamic(lengths(257, codes{'a': 1, 'b': 1}), lengths(1, nil)).code(0, 1).bytes(), "a"), io.ErrUnexpectedEOF},
		{"codes of 15 bits", member(dynamic(ladder(257, 256), ladder(16, 15)).code(0x7ffe, 15).code(0x7fff, 15).bytes(), string(rune(14))), nil},
		{"287 lengths", member(new(bitWriter).add(1, 1).add(2, 2).add(30, 5).add(0, 5).add(0, 50).bytes(), ""), inflate.ErrCorrupt},
		{"31 distances", member(new(bitWriter).add(1, 1).add(2, 2).add(0, 5).add(30, 5).add(0, 50).bytes(), ""), inflate.ErrCorrupt},
		{"no code lengths", member(new(bitWriter).add(1, 1).add(2, 2).add(0, 14).add(0, 60).bytes(), ""), inflate.ErrCorrupt},
		{"repeat of no code length", member(new(bitWriter).add(1, 1).add(2, 2).add(0, 14).add(1, 3).add(1, 3).add(0, 60).bytes(), ""), inflate.ErrCorrupt},
		{"too many code lengths", member(new(bitWriter).add(1, 1).add(2, 2).add(0, 14).add(0, 6).add(1, 3).add(1, 3).add(0xffffffff, 32).bytes(), ""), inflate.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, block := range blocks {
				_, err := compare(t, test.stream, block)
				if err != test.want {
					t.Fatalf("blocks of %d: error %v, want %v", block, err, test.want)
				}
				got, err := decodeFrom(iotest.OneByteReader(bytes.NewReader(test.stream)), block)
				if want, _ := standard(test.stream); err != test.want || err == nil && !bytes.Equal(got, want) {
					t.Fatalf("blocks of %d, single bytes: error %v, want %v", block, err, test.want)
				}
			}
		})
	}
}

// What is wrong only far into the text, where the fast loop is at work.
func TestDamageInTheMiddle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	text := lines(r, 500_000)
	filler := compress(text, 6)
	for _, test := range []struct {
		name string
		data []byte
		text string
		want error
	}{
		{"match in front of the text", fixed().code(0x30+'a', 8).code(1, 7).code(1, 5).bytes(), "", inflate.ErrCorrupt},
		{"distance 30", fixed().code(0x30+'a', 8).code(1, 7).code(30, 5).bytes(), "", inflate.ErrCorrupt},
		{"length 286", fixed().code(0x30+'a', 8).code(0xc6, 8).bytes(), "", inflate.ErrCorrupt},
		{"no distance codes, yet a match", dynamic(lengths(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), lengths(1, nil)).code(0, 1).code(3, 2).bytes(), "", inflate.ErrCorrupt},
		{"one distance code, another used", dynamic(lengths(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), lengths(1, map[int]uint8{0: 1})).code(0, 1).code(3, 2).code(1, 1).bytes(), "", inflate.ErrCorrupt},
		{"end of the block alone, another code used", dynamic(lengths(257, map[int]uint8{256: 1}), lengths(1, nil)).code(1, 1).bytes(), "", inflate.ErrCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			stream := append(bytes.Clone(filler), member(test.data, test.text)...)
			stream = append(stream, filler...) // so that there is input left
			for _, block := range blocks[2:] {
				if _, err := compare(t, stream, block); err != test.want {
					t.Fatalf("blocks of %d: error %v, want %v", block, err, test.want)
				}
			}
		})
	}
}
