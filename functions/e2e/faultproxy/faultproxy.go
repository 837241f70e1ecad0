// Package faultproxy stands between a client and an S3 or Glue server and makes calls fail, for tests.
//
// A [Proxy] hands each call on as it came, so that signatures stay valid: target, Host header,
// headers and body. It first asks a function of the test for the [Fault] of the call. A fault of kind
// Before keeps the call from the server; one of kind After lets it take effect and hides that from the
// caller, as when the answer to a request is lost. All calls are logged.
//
// It is no load generator, speaks no TLS, and knows of S3 and Glue only the names of their operations
// and the form of their errors. Buckets must be addressed by path, as clients do by themselves where
// the endpoint is an IP address.
//
// A call is what arrives at the proxy. Clients make more of them than their callers know: the SDK
// repeats what failed, and Go's HTTP client repeats by itself a request that it can send again, if a
// connection that was used before is closed without an answer.
//
// Decisions: a fault is a value and not a handler, so that a test can make a table of faults, name its
// subtests after them, and find in the log what happened. A connection is dropped by closing it in good
// order and not by a reset: a reset may take away what was already sent, and the byte at which a
// body ends would not be the one that was asked for.
package faultproxy

import (
	"fmt"
	"time"
)

// When says whether a fault keeps a call from the server.
type When int

const (
	// Before is before the call reaches the server.
	Before When = iota
	// After is after the server has answered: the call took effect.
	After
)

// String gives before or after.
func (w When) String() string {
	if w == After {
		return "after"
	}
	return "before"
}

// kind is what a fault does.
type kind int

const (
	none kind = iota
	fail
	drop
	hang
	cutResponse
	cutRequest
	stall
	slow
)

// Fault says what becomes of a call. It is made by the functions of this package; the zero Fault is
// none.
type Fault struct {
	// Do, if not nil, is called at the moment of the fault: before an error is answered or a connection
	// is dropped, after the last byte that passes; without a fault, before the answer is handed back.
	// It is where a test kills the process that makes the call.
	Do func()

	kind   kind
	when   When
	status int
	code   string
	offset int64
	chunk  int
	pause  time.Duration
}

// Fail answers with an error, in the form of the service that was called: an HTTP status and a code
// such as 503 SlowDown, or 400 ThrottlingException.
func Fail(when When, status int, code string) Fault {
	return Fault{kind: fail, when: when, status: status, code: code}
}

// Drop closes the connection without an answer.
func Drop(when When) Fault { return Fault{kind: drop, when: when} }

// Hang does not answer, until the client goes away or the proxy is closed.
func Hang(when When) Fault { return Fault{kind: hang, when: when} }

// CutResponse closes the connection after that many bytes of the response's body, or of all of it if
// there are no more.
func CutResponse(offset int64) Fault { return Fault{kind: cutResponse, when: After, offset: offset} }

// CutRequest closes both connections after that many bytes of the request's body, of which the last few
// kilobytes may not reach the server. It sees a request that breaks off, or a whole one if there are no
// more bytes.
func CutRequest(offset int64) Fault { return Fault{kind: cutRequest, offset: offset} }

// Stall hands on that many bytes of the response's body, and nothing more until the client goes away
// or the proxy is closed.
func Stall(offset int64) Fault { return Fault{kind: stall, when: After, offset: offset} }

// Slow hands on the response's body in pieces of chunk bytes, with a pause before each. The call
// succeeds if the client has the patience.
func Slow(chunk int, pause time.Duration) Fault {
	return Fault{kind: slow, when: After, chunk: max(chunk, 1), pause: pause}
}

// Doing gives the fault with something to do at its moment.
func (f Fault) Doing(do func()) Fault {
	f.Do = do
	return f
}

// String names the fault, as the test of it may be called.
func (f Fault) String() string {
	switch f.kind {
	case fail:
		return fmt.Sprintf("%d %s %s", f.status, f.code, f.when)
	case drop:
		return "drop " + f.when.String()
	case hang:
		return "hang " + f.when.String()
	case cutResponse:
		return fmt.Sprintf("cut response at %d", f.offset)
	case cutRequest:
		return fmt.Sprintf("cut request at %d", f.offset)
	case stall:
		return fmt.Sprintf("stall at %d", f.offset)
	case slow:
		return fmt.Sprintf("slow, %d bytes each %v", f.chunk, f.pause)
	}
	return "no fault"
}

// do calls what there is to do.
func (f Fault) do() {
	if f.Do != nil {
		f.Do()
	}
}
