package inflate_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/flowlake/flowlake/functions/internal/inflate"
)

// texts make random texts of different kinds.
var texts = []func(r *rand.Rand, size int) []byte{
	lines,
	func(r *rand.Rand, size int) []byte { return random(r, size, func() byte { return byte(r.Uint32()) }) },
	func(r *rand.Rand, size int) []byte { return random(r, size, func() byte { return byte(r.IntN(3)) }) },
	func(r *rand.Rand, size int) []byte {
		return random(r, size, func() byte { return byte(r.ExpFloat64() * 20) })
	},
	func(r *rand.Rand, size int) []byte { // repeats of every short distance
		return bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz0123456789ABCD")[:1+r.IntN(40)], size)[:size]
	},
	func(r *rand.Rand, size int) []byte { // codes of very different lengths
		return random(r, size, func() byte { return byte(min(255, r.ExpFloat64()*r.ExpFloat64()*6)) })
	},
}

func random(r *rand.Rand, size int, next func() byte) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = next()
	}
	return b
}

// randomStream makes one to three members, each of up to about that much text.
func randomStream(r *rand.Rand, size int) []byte {
	var stream bytes.Buffer
	for range 1 + r.IntN(3) {
		w := writer(r.IntN(3)/2, r.IntN(12)-2)
		w.Reset(&stream)
		for range r.IntN(5) {
			w.Write(texts[r.IntN(len(texts))](r, r.IntN(1+size/4)))
			if r.IntN(3) == 0 {
				w.Flush() // blocks end
			}
		}
		w.Close()
	}
	return stream.Bytes()
}

// damage changes a few bits, or takes away or changes a stretch.
func damage(r *rand.Rand, stream []byte) []byte {
	at := r.IntN(len(stream))
	size := min(len(stream)-at, 1+r.IntN(20))
	switch r.IntN(4) {
	case 0:
		for range 1 + r.IntN(4) {
			stream[r.IntN(len(stream))] ^= 1 << r.IntN(8)
		}
	case 1:
		stream = append(stream[:at], stream[at+size:]...)
	case 2:
		stream = stream[:at]
	default:
		for i := range size {
			stream[at+i] = byte(r.Uint32())
		}
	}
	return stream
}

func TestRandomStreams(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 400
	}
	var valid, invalid int
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		size := 64 << r.IntN(8)
		block := 1 + r.IntN(size)
		if seed%2 == 0 {
			block = 33_000 + r.IntN(1000) // enough for the fast loop
		}
		if seed%50 == 0 {
			size, block = 400_000, 33_000+r.IntN(300_000)
		}
		stream := randomStream(r, size)
		if r.IntN(2) == 0 {
			stream = damage(r, stream)
		}
		text, err := compare(t, stream, block)
		if err == nil {
			valid++
		} else {
			invalid++
		}
		var source io.Reader = bytes.NewReader(stream)
		switch r.IntN(3) {
		case 0:
			source = iotest.OneByteReader(source)
		case 1:
			source = iotest.DataErrReader(source)
		default:
			source = iotest.HalfReader(source)
		}
		again, againErr := decodeFrom(source, block)
		if !bytes.Equal(again, text) || againErr != err {
			t.Fatalf("seed %d: %T: %d bytes and error %v, at once %d and %v", seed, source, len(again), againErr, len(text), err)
		}
	}
	if valid < rounds/3 || invalid < rounds/3 {
		t.Errorf("%d streams are valid, %d are not", valid, invalid)
	}
}

func TestCutAndFlippedAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, stream := range [][]byte{
		compress(lines(r, 700), 6),
		compress(lines(r, 300), 0),
		compress(lines(r, 300), -2),
		append(compress([]byte("abcabcabc"), 9), compress(nil, 1)...),
		header(30, "\x02\x00abname\x00comment\x00ab"),
	} {
		for n := range stream {
			for _, block := range []int{50, 70_000} {
				if _, err := compare(t, stream[:n], block); n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, inflate.ErrHeader) && err != nil {
					t.Fatalf("cut at %d: %v", n, err)
				}
			}
			for bit := range 8 {
				flipped := bytes.Clone(stream)
				flipped[n] ^= 1 << bit
				compare(t, flipped, 70_000)
			}
		}
	}
}

// source gives data and then an error, with the last data or after them, and fails where it is read
// once more.
type source struct {
	t    *testing.T
	data []byte
	err  error
	with bool
	done bool
}

func (s *source) Read(p []byte) (int, error) {
	if s.done {
		s.t.Error("read again after an error")
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	if len(s.data) == 0 && (n == 0 || s.with) {
		s.done = true
		return n, s.err
	}
	return n, nil
}

func TestSourceErrors(t *testing.T) {
	broken := errors.New("broken")
	text := lines(rand.New(rand.NewPCG(1, 2)), 1000)
	stream := compress(text, 6)
	for n := 0; n <= len(stream); n++ {
		for _, with := range []bool{false, true} {
			for _, block := range []int{50, 70_000} {
				got, err := decodeFrom(&source{t: t, data: stream[:n], err: broken, with: with}, block)
				if err != broken || !bytes.HasPrefix(text, got) || n >= len(stream)-8 && len(got) != len(text) {
					t.Fatalf("error after %d of %d bytes: %d bytes of text and error %v", n, len(stream), len(got), err)
				}
				_, err = decodeFrom(&source{t: t, data: stream[:n], err: io.EOF, with: with}, block)
				if want := n == len(stream); (err == nil) != want {
					t.Fatalf("end after %d of %d bytes: error %v", n, len(stream), err)
				}
			}
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestIdleSource(t *testing.T) {
	if _, err := decodeFrom(idle{}, 10); err != io.ErrNoProgress {
		t.Errorf("error %v, want %v", err, io.ErrNoProgress)
	}
}

type liar int

func (n liar) Read([]byte) (int, error) { return int(n), nil }

func TestImpossibleCounts(t *testing.T) {
	for _, n := range []int{-1, 1 << 30} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a source that says that it read %d bytes is believed", n)
				}
			}()
			decode(inflate.NewReader(liar(n)), 10)
		}()
	}
}

func TestReset(t *testing.T) {
	text := lines(rand.New(rand.NewPCG(7, 8)), 300_000)
	stream := compress(text, 6)
	z := inflate.NewReader(nil)
	dst := make([]byte, inflate.History+70_000+inflate.Slack)
	for n := range 20 {
		z.Reset(bytes.NewReader(stream[:n*len(stream)/20]))
		z.Block(dst, inflate.History) // leaves it anywhere
		z.Reset(bytes.NewReader(stream))
		if got, err := decode(z, 100_000); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("after %d parts: %d bytes of %d, error %v", n, len(got), len(text), err)
		}
	}
}

func TestNoRoom(t *testing.T) {
	stream := compress([]byte("text"), 6)
	z := inflate.NewReader(bytes.NewReader(stream))
	for _, behind := range []int{0, 1, inflate.Slack} {
		if end, err := z.Block(make([]byte, inflate.History+behind), inflate.History); end != inflate.History || err != nil {
			t.Errorf("with %d bytes behind start: end %d, error %v", behind, end, err)
		}
	}
	if text, err := decode(z, 1); string(text) != "text" || err != nil {
		t.Errorf("text %q, error %v", text, err)
	}
	for _, start := range []int{-1, 0, inflate.History - 1, inflate.History + 11} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("start %d is accepted", start)
				}
			}()
			z.Block(make([]byte, inflate.History+10), start)
		}()
	}
}

// TestNoAllocations holds the budget of a reader that is used again: nothing.
func TestNoAllocations(t *testing.T) {
	stream := compress(lines(rand.New(rand.NewPCG(7, 8)), 300_000), 6)
	r := bytes.NewReader(stream)
	z := inflate.NewReader(r)
	dst := make([]byte, inflate.History+70_000+inflate.Slack)
	n := testing.AllocsPerRun(10, func() {
		r.Reset(stream)
		z.Reset(r)
		for start, err := inflate.History, error(nil); err != io.EOF; {
			var end int
			if end, err = z.Block(dst, start); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			copy(dst[:inflate.History], dst[end-inflate.History:end])
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
