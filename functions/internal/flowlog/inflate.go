package flowlog

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/flowlake/flowlake/functions/internal/inflate"
)

const (
	// blockText is the text of one block in bytes, about: large enough that handing blocks over costs
	// nothing, small enough to stay in a second-level cache while it is parsed.
	blockText = 512 << 10
	// blocks is the number of blocks in flight: one being filled, one being parsed, and some waiting,
	// so that inflating goes on while rows are encoded and waits while they are not: two processors
	// convert a large log in 2 % less time than with three blocks.
	blocks = 8
	// slack is readable space behind a block's text, for loads of whole words.
	slack = 64
)

// headroom is the space in front of a block's text, where the beginning of a line that started in
// the block before is copied to, so that every line is contiguous. There is a byte more, because the
// delimiter in front of a line has a position.
func headroom(maxLine int) int { return max(maxLine+1, inflate.History) }

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

func startInflater(r io.Reader, o Options) *inflater {
	in := &inflater{
		head: headroom(o.MaxLine),
		free: make(chan []byte, blocks),
		full: make(chan block, blocks),
		quit: make(chan struct{}),
	}
	for range blocks {
		in.free <- nil // made when first needed: most files fill one block only
	}
	source := &sourceReader{r: r}
	if o.StandardGunzip {
		go in.run(&standard{source: source}, source)
	} else {
		go in.run(inflate.NewReader(source), source)
	}
	return in
}

// decoder is [inflate.Reader], or works as it does.
type decoder interface {
	Block(dst []byte, start int) (end int, err error)
}

// run is the inflating goroutine.
func (in *inflater) run(z decoder, source *sourceReader) {
	defer close(in.full)
	var history [inflate.History]byte // the end of the text so far, which what follows may repeat
	begun := false                    // whether there is any text
	var err error
	for err == nil {
		var buf []byte
		select {
		case <-in.quit:
			return
		case buf = <-in.free:
		}
		if buf == nil {
			buf = make([]byte, in.head+blockText+inflate.Slack+slack)
		}
		copy(buf[in.head-inflate.History:], history[:])
		b := block{buf: buf}
		b.end, err = z.Block(buf[:len(buf)-slack], in.head)
		copy(history[:], buf[b.end-inflate.History:b.end])
		begun = begun || b.end > in.head
		b.err = source.blame(err, begun)
		in.full <- b // never blocks: there are no more blocks than places
	}
}

// standard is a decoder by the standard library.
type standard struct {
	source io.Reader
	z      *gzip.Reader
}

// readBuffer is the size of one read of the source.
const readBuffer = 256 << 10

func (s *standard) Block(dst []byte, start int) (end int, err error) {
	if s.z == nil {
		r := bufio.NewReaderSize(s.source, readBuffer)
		if _, err := r.Peek(1); err == io.EOF {
			return start, inflate.ErrEmpty
		}
		if s.z, err = gzip.NewReader(r); err != nil {
			return start, err
		}
	}
	end = start
	for end < len(dst)-inflate.Slack && err == nil {
		var n int
		n, err = s.z.Read(dst[end : len(dst)-inflate.Slack])
		end += n
	}
	return end, err
}

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
// of the content, in a stream that gave text before or not.
func (s *sourceReader) blame(err error, begun bool) error {
	switch {
	case err == nil:
		return nil
	case s.err != nil: // even at the end: the library may have swallowed it
		return s.err
	case err == io.EOF:
		return io.EOF
	}
	return contentError{err, begun}
}

// contentError marks an error that the object's content causes.
type contentError struct {
	error
	begun bool // some text had come
}

// describe gives the error that Read returns for an error of the stream.
func describe(object string, err error) error {
	var content contentError
	if !errors.As(err, &content) {
		return fmt.Errorf("read %s: %w", object, err)
	}
	e := &Error{Object: object, Err: content.error}
	switch {
	case errors.Is(content.error, inflate.ErrEmpty):
		e.Reason = "want a gzip stream"
	case errors.Is(content.error, inflate.ErrHeader), errors.Is(content.error, gzip.ErrHeader):
		e.Reason = "want a gzip stream"
		if content.begun {
			e.Reason = "gzip stream is damaged: something else follows its end"
		}
	case errors.Is(content.error, io.ErrUnexpectedEOF):
		e.Reason = "gzip stream is cut off"
	default:
		e.Reason = "gzip stream is damaged"
	}
	return e
}
