package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Error says why a payload, or a message of it, cannot be understood. What was sent is at fault, so
// that trying again cannot help.
type Error struct {
	// Field is the path of the field from the payload's root, such as
	// "Records[2].body.Records[0].s3.object.key"; it goes on inside of JSON that is a text. Numbers
	// count from 0. "" is the payload itself.
	Field string
	// Reason says what was expected and what was found, in one line of valid UTF-8.
	Reason string
	// Err is the cause, or nil.
	Err error
}

// Error gives field, reason and cause.
func (e *Error) Error() string {
	s := "decode event: "
	if e.Field != "" {
		s += e.Field + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says that trying again cannot help.
func (e *Error) Retryable() bool { return false }

// maxQuoted bounds how much of a payload an error quotes, in bytes.
const maxQuoted = 200

// quote gives the beginning of a text in quotes, in one line of valid UTF-8.
func quote(s string) string {
	short := s
	if len(short) > maxQuoted {
		short = short[:maxQuoted]
	}
	// Also mends a character that the cut went through.
	short = strings.ToValidUTF8(short, "")
	if short != "" && !strings.ContainsFunc(short, func(r rune) bool { return r == '`' || !unicode.IsPrint(r) }) {
		short = "`" + short + "`" // JSON is hard to read with all its quotes escaped
	} else {
		short = strconv.Quote(short)
	}
	if len(s) > maxQuoted {
		short += fmt.Sprintf("... (%d bytes)", len(s))
	}
	return short
}

// quoteJSON is quote for a value in JSON, without the space between its parts.
func quoteJSON(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return quote(string(raw))
	}
	return quote(b.String())
}

// label gives a name for use in a reason to skip: as it stands if it looks like a name.
func label(name string) string {
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return quote(name)
	}
	return name
}
