package flowlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

const (
	// blockText is the text of one block in bytes: large enough that handing blocks over costs
	// nothing, small enough to stay in a second-level cache while it is parsed.
	blockText = 512 << 10
	// blocks is the number of blocks in flight: one being filled, one waiting, one being parsed.
	blocks = 3
	// slack is readable space behind a block's text, for loads of whole words.
	slack = 64
	// readBuffer is the size of one read of the source.
	readBuffer = 256 << 10
)

// headroom is the space in front of a block's text, where the beginning of a line that started in
// the block before is copied to, so that every line is contiguous. Eight bytes more allow a load of
// the word in front of any byte.
func headroom(maxLine int) int { return maxLine + 8 }

// block is a stretch of text: buf[headroom:end], with slack bytes behind it.
type block struct {
	buf []byte
	end int
	err error // what ended the stream after this text; io.EOF at its proper end
}

// inflater turns a gzip stream into blocks of text, in a goroutine of its own. It is used by one
// goroutine.
type inflater struct {
	head int
	free chan []byte
	full chan block
	quit chan struct{}

	current block  // the block that next gave last
	carried []byte // the beginning of a line that the last block left over
	ended   bool
}

func startInflater(r io.Reader, maxLine int) *inflater {
	in := &inflater{
		head: headroom(maxLine),
		free: make(chan []byte, blocks),
		full: make(chan block, blocks),
		quit: make(chan struct{}),
	}
	for range blocks {
		in.free <- nil // made when first needed: most files fill one block only
	}
	go in.run(r)
	return in
}

// run is the inflating goroutine.
func (in *inflater) run(r io.Reader) {
	defer close(in.full)
	source := &sourceReader{r: r}
	z := &members{r: bufio.NewReaderSize(source, readBuffer)}
	var err error
	for err == nil {
		var buf []byte
		select {
		case <-in.quit:
			return
		case buf = <-in.free:
		}
		if buf == nil {
			buf = make([]byte, in.head+blockText+slack)
		}
		b := block{buf: buf, end: in.head}
		for b.end < in.head+blockText && err == nil {
			var n int
			n, err = z.Read(buf[b.end : in.head+blockText])
			b.end += n
		}
		b.err = source.blame(err)
		in.full <- b // never blocks: there are no more blocks than places
	}
}

// members inflates gzip members one after the other. It finds the boundaries itself, because the
// library takes a stream that is cut off in the header of a later member for a whole one
// (compress v1.20.3; FuzzInflate found it).
type members struct {
	r *bufio.Reader
	z *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	if m.z == nil {
		if _, err := m.r.Peek(1); err == io.EOF {
			return 0, errEmpty
		}
		m.z = new(gzip.Reader)
		if err := m.begin(); err != nil {
			if errors.Is(err, gzip.ErrHeader) {
				err = fmt.Errorf("%w: %w", errNotGzip, err)
			}
			return 0, err
		}
	}
	n, err := m.z.Read(p)
	if err != io.EOF {
		return n, err
	}
	if _, err := m.r.Peek(1); err != nil {
		return n, err // io.EOF at the proper end
	}
	return n, m.begin()
}

// begin reads a member's header.
func (m *members) begin() error {
	err := m.z.Reset(m.r)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	m.z.Multistream(false)
	return err
}

var (
	errEmpty   = errors.New("no gzip header, no byte at all")
	errNotGzip = errors.New("no gzip header at the start")
)

// next gives the next block, nil at the end of the text. The block belongs to the caller until it
// calls keep. The error is the stream's; the text in front of it is not given out.
func (in *inflater) next() (*block, error) {
	if in.ended {
		return nil, nil
	}
	in.current = <-in.full
	if in.current.err != nil {
		in.ended = true
		if in.current.err != io.EOF {
			return nil, in.current.err
		}
	}
	return &in.current, nil
}

// start copies what the block before left over in front of the block's text, and gives the position
// where the text, so extended, starts.
func (in *inflater) start(b *block) int {
	n := copy(b.buf[in.head-len(in.carried):], in.carried)
	return in.head - n
}

// keep takes a block back, of which the text from rest on, at most the longest line, is still
// needed.
func (in *inflater) keep(b *block, rest int) {
	in.carried = append(in.carried[:0], b.buf[rest:b.end]...)
	in.free <- b.buf
}

// tail gives what is left over at the end of the text: a last line without a line end.
func (in *inflater) tail() []byte { return in.carried }

// stop ends the goroutine, if it still runs, and waits for it.
func (in *inflater) stop() {
	close(in.quit)
	for range in.full {
	}
}

// sourceReader remembers whether it was the source that failed, rather than the gzip stream.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame gives the source's error where it is the cause of err, and otherwise err marked as a fault
// of the content.
func (s *sourceReader) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case s.err != nil: // even at the end: the library may have swallowed it
		return s.err
	case err == io.EOF:
		return io.EOF
	}
	return contentError{err}
}

// contentError marks an error that the object's content causes.
type contentError struct{ error }

// describe gives the error that Read returns for an error of the stream.
func describe(object string, err error) error {
	var content contentError
	if !errors.As(err, &content) {
		return fmt.Errorf("read %s: %w", object, err)
	}
	e := &Error{Object: object, Err: content.error}
	switch {
	case errors.Is(content.error, errNotGzip), errors.Is(content.error, errEmpty):
		e.Reason = "want a gzip stream"
	case errors.Is(content.error, io.ErrUnexpectedEOF):
		e.Reason = "gzip stream is cut off"
	case errors.Is(content.error, gzip.ErrChecksum):
		e.Reason = "gzip stream is damaged: checksum or length differs from the content"
	default:
		e.Reason = "gzip stream is damaged"
	}
	return e
}
