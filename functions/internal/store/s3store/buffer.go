package s3store

import (
	"errors"
	"io"
	"sync"
)

// chunkSize is the unit that buffers grow by. A usual object takes two.
const chunkSize = 64 << 10

// chunk is a piece of a buffer. All are alike, so that they can be reused whatever the size of the
// objects was that they came from, and a buffer grows without copying.
type chunk [chunkSize]byte

// chunkPool keeps chunks for reuse until the garbage collector takes them.
type chunkPool struct{ pool sync.Pool }

func (p *chunkPool) get() *chunk {
	if c, ok := p.pool.Get().(*chunk); ok {
		return c
	}
	return new(chunk)
}

// buffer holds the bytes of one request. It has one owner: the writer that fills it, then the upload
// that sends it.
type buffer struct {
	pool   *chunkPool
	chunks []*chunk
	size   int
}

// append copies as much of p as fits into a buffer of at most limit bytes, and gives how much that
// is.
func (b *buffer) append(p []byte, limit int) int {
	p = p[:min(len(p), limit-b.size)]
	for rest := p; len(rest) > 0; {
		if b.size == len(b.chunks)*chunkSize {
			b.chunks = append(b.chunks, b.pool.get())
		}
		n := copy(b.chunks[b.size/chunkSize][b.size%chunkSize:], rest)
		b.size += n
		rest = rest[n:]
	}
	return len(p)
}

// free gives the memory back; the buffer is empty then, and readers of it must not be used.
func (b *buffer) free() {
	for _, c := range b.chunks {
		b.pool.pool.Put(c)
	}
	b.chunks, b.size = nil, 0
}

// reader reads the buffer from the beginning.
func (b *buffer) reader() *bufferReader { return &bufferReader{buffer: b} }

// bufferReader reads a buffer. It can seek, so that a request can be sent again.
type bufferReader struct {
	buffer *buffer
	offset int
}

func (r *bufferReader) Read(p []byte) (n int, err error) {
	for n < len(p) && r.offset < r.buffer.size {
		rest := r.buffer.chunks[r.offset/chunkSize][r.offset%chunkSize:]
		m := copy(p[n:], rest[:min(len(rest), r.buffer.size-r.offset)])
		n += m
		r.offset += m
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *bufferReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(r.offset)
	case io.SeekEnd:
		offset += int64(r.buffer.size)
	}
	if offset < 0 || offset > int64(r.buffer.size) {
		return 0, errors.New("seek outside of the buffer")
	}
	r.offset = int(offset)
	return offset, nil
}
