package inflate_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/functions/internal/inflate"
)

// BenchmarkBlock compares the time for the same stream with that of other decoders.
func BenchmarkBlock(b *testing.B) {
	text := lines(rand.New(rand.NewPCG(1, 2)), 32<<20)
	stream := compress(text, 6)
	r := bytes.NewReader(stream)
	run := func(name string, decode func() (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(stream)
				if n, err := decode(); n != len(text) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}

	// As the caller does: blocks in turn, each with the end of the one before in front.
	const block = 512 << 10
	var bufs [2][]byte
	for i := range bufs {
		bufs[i] = make([]byte, inflate.History+block+inflate.Slack)
	}
	own := inflate.NewReader(nil)
	run("inflate", func() (n int, err error) {
		own.Reset(r)
		for i := 0; ; i++ {
			dst := bufs[i%2]
			end, err := own.Block(dst, inflate.History)
			n += end - inflate.History
			if err == io.EOF {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			copy(bufs[(i+1)%2][:inflate.History], dst[end-inflate.History:end])
		}
	})

	buf := bufs[0][:block]
	read := func(z io.Reader) (n int, err error) {
		for {
			k, err := z.Read(buf)
			n += k
			if err == io.EOF {
				return n, nil
			}
			if err != nil {
				return n, err
			}
		}
	}
	var klauspost kgzip.Reader
	run("klauspost", func() (int, error) {
		if err := klauspost.Reset(r); err != nil {
			return 0, err
		}
		return read(&klauspost)
	})
	var standard gzip.Reader
	run("standard", func() (int, error) {
		if err := standard.Reset(r); err != nil {
			return 0, err
		}
		return read(&standard)
	})
}
