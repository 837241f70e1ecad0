package runtimeapi

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	tailBytes = 8 << 10
	lineBytes = 1 << 20 // a longer line is passed on in pieces
)

// output takes what a process writes, passes it on in whole lines and keeps its end.
type output struct {
	logs io.Writer
	line []byte // the beginning of a line

	mu   sync.Mutex
	tail []byte
}

// Write never fails: a process must not stop because nobody reads its logs.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.tail = append(o.tail, p...)
	if len(o.tail) > 2*tailBytes {
		o.tail = append([]byte(nil), o.tail[len(o.tail)-tailBytes:]...)
	}
	o.mu.Unlock()
	o.line = append(o.line, p...)
	if end := bytes.LastIndexByte(o.line, '\n') + 1; end > 0 {
		_, _ = o.logs.Write(o.line[:end])
		o.line = append(o.line[:0], o.line[end:]...)
	}
	if len(o.line) > lineBytes {
		o.flush()
	}
	return len(p), nil
}

// flush passes on a line that has no end.
func (o *output) flush() {
	if len(o.line) > 0 {
		_, _ = o.logs.Write(o.line)
		o.line = o.line[:0]
	}
}

// tailString gives the last 8 KB, from the beginning of a line on if there is one in them.
func (o *output) tailString() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := o.tail
	if len(tail) > tailBytes {
		tail = tail[len(tail)-tailBytes:]
		if _, rest, found := bytes.Cut(tail, []byte("\n")); found {
			tail = rest
		}
	}
	return strings.TrimSpace(string(tail))
}

// lockedWriter lets several environments write to one writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
