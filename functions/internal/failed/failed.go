// Package failed reads lists of objects that were not converted, so that they can be converted again.
//
// [Read] tells by a list's content what it is:
//   - A result file of AWS Step Functions Distributed Map, FAILED_n.json or PENDING_n.json, of a replay
//     by the stack's state machine; or the manifest.json beside them, which names them.
//   - A journal or a log: lines of JSON, of which those with a url and an error, or with a url and the
//     outcome "failed", name what failed. The journal of flowlake replay is of this kind, and so are its
//     progress in JSON and the log of the Lambda.
//   - A text file of one path or URL in a line.
//
// A list is read as a stream: result files may have 5 GB. The package converts nothing, opens no object,
// and does not judge whether something is a flow log.
//
// Formats: Step Functions developer guide, "ResultWriter (Map)" and "ItemBatcher (Map)"; what the
// executions' causes hold is from deploy/replay/statemachine.asl.json.
package failed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Object is one object that was not converted.
type Object struct {
	// URL is its URL, or its path as the list has it.
	URL string
	// Error says why it was not converted; "" where the list does not tell.
	Error string
}

// Opener opens a list by its path or URL. The caller closes it.
type Opener func(ctx context.Context, name string) (io.ReadCloser, error)

// maxLine bounds a line of a list, in bytes.
const maxLine = 1 << 20

// Read calls fn for each object that the list of that path or URL names, in the list's order. An object
// that is named twice in a list of lines of JSON is given once, if what is said of it last is that it
// failed; in lists of other kinds it may be given more than once. An error of fn, or the end of ctx,
// ends it, and is returned as it is. A list that cannot be understood is an error that names the place
// in it, and what was expected there; what stands before it was given by then.
//
// Memory does not depend on the size of the list, but for lines of JSON: there it grows with the number
// of objects that failed.
func Read(ctx context.Context, open Opener, name string, fn func(Object) error) error {
	return read(ctx, open, name, true, fn)
}

// callerError is an error of the caller's own, that nothing is to be put around.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

func read(ctx context.Context, open Opener, name string, manifests bool, fn func(Object) error) error {
	file, err := open(ctx, name)
	if err != nil {
		return fmt.Errorf("read list %s: %w", name, err)
	}
	defer file.Close()
	l := list{name: name, manifests: manifests, r: bufio.NewReaderSize(file, maxLine)}
	l.fn = func(o Object) error {
		err := ctx.Err()
		if err == nil {
			err = fn(o)
		}
		if err != nil {
			return &callerError{err}
		}
		return nil
	}
	err = l.read(ctx, open)
	var caller *callerError
	switch {
	case errors.As(err, &caller):
		return caller.err
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("read list %s: %w", name, err)
	}
	return nil
}

// list is one list that is being read.
type list struct {
	name      string
	manifests bool // whether it may be one: a manifest names none
	r         *bufio.Reader
	fn        func(Object) error
}

// read tells by the first byte, and by the fields of the first object, what the list is.
func (l *list) read(ctx context.Context, open Opener) error {
	if mark, _ := l.r.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) { // some editors begin UTF-8 with it
		if _, err := l.r.Discard(3); err != nil {
			return err
		}
	}
	// Blanks before the beginning count as part of the first line, of which errors tell.
	before := 0
	for {
		b, err := l.r.Peek(before + 1)
		if len(b) == before {
			if err == io.EOF || err == bufio.ErrBufferFull {
				err = nil // nothing but blanks
			}
			return err
		}
		switch b[before] {
		case ' ', '\t', '\r', '\n':
			before++
			continue
		case '[':
			return l.executions()
		case '{':
			return l.objects(ctx, open)
		}
		return l.text()
	}
}

// objects reads a list that begins with an object.
func (l *list) objects(ctx context.Context, open Opener) error {
	var first struct {
		ResultFiles json.RawMessage
		Input       json.RawMessage
		URL         json.RawMessage `json:"url"`
	}
	// What can be seen of it without taking it away: a manifest is larger only with hundreds of files.
	seen, err := l.r.Peek(maxLine)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return err
	}
	// If it is broken, it is taken for a line, of which the error tells.
	_ = json.NewDecoder(bytes.NewReader(seen)).Decode(&first)
	switch {
	case first.ResultFiles != nil && l.manifests:
		return l.manifest(ctx, open)
	case first.ResultFiles != nil:
		return errors.New("want a file of executions, as a manifest has named it, found another manifest")
	case first.Input != nil && first.URL == nil:
		return l.executions()
	}
	return l.lines()
}

// wantList says what a list may be.
const wantList = "want a result file of Step Functions, lines of JSON with url and error, or one path or URL in a line"

// maxQuoted bounds how much of a list an error quotes, in bytes.
const maxQuoted = 100

func quote(text []byte) string {
	if len(text) > maxQuoted {
		return fmt.Sprintf("%q... (%d bytes)", text[:maxQuoted], len(text))
	}
	return fmt.Sprintf("%q", text)
}
