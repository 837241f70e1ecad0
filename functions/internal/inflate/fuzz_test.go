package inflate_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func FuzzAgainstStandardLibrary(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		for level := -2; level < 10; level++ {
			stream := compress(text(r, 50+r.IntN(2000)), level)
			f.Add(stream, uint32(r.IntN(1000)))
			f.Add(stream, uint32(65<<10+r.IntN(1000)))
		}
	}
	f.Add(member(dynamic(ladder(257, 256), ladder(16, 15)).code(0x7ffe, 15).code(0x7fff, 15).bytes(), "\x0e"), uint32(1))
	f.Add(header(30, "\x02\x00abname\x00comment\x00ab"), uint32(1))
	f.Add([]byte(nil), uint32(0))
	f.Fuzz(func(t *testing.T, stream []byte, block uint32) {
		compare(t, stream, 1+int(block%200_000))
	})
}

// FuzzDeflate lets the fuzzer go at DEFLATE data: the first bytes of a text that is long enough for the
// fast loop, with no checksum in the way.
func FuzzDeflate(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		for level := -2; level < 10; level++ {
			stream := compress(text(r, 50+r.IntN(2000)), level)
			f.Add(stream[10 : len(stream)-8])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stream := append([]byte(plainHeader), data...)
		stream = append(stream, make([]byte, 64)...) // so that there is input left
		compare(t, stream, 66_000)
	})
}

func FuzzGzip(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for level, text := range texts {
		f.Add(text(r, 300), level, uint32(100))
	}
	f.Fuzz(func(t *testing.T, text []byte, level int, block uint32) {
		level = int(uint(level)%12) - 2
		got, err := decodeFrom(bytes.NewReader(compress(text, level)), 1+int(block%200_000))
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes of %d, error %v", len(got), len(text), err)
		}
	})
}
