// Package flowlog reads the gzip text of a flow log into typed column batches.
//
// It knows nothing of any particular log: a [schema.Table] says which columns there are, and the
// file's header says in which order they stand. It neither opens objects nor writes Parquet.
//
// Converting has three stages that overlap, of which two are here. One goroutine inflates the text into
// blocks (inflate.go; the decoder is package inflate). The caller's goroutine reads the blocks: it says
// which bytes are delimiters (classify.go) and where they are (scan.go), for some 70 lines at a time,
// cuts the text into lines (parse.go), and adds them to the batches of their days (fill.go), one column
// after the other for all of those lines (columns.go, number.go). Filling a column at a time keeps one
// loop, one dictionary and one output slice in the processor's caches. Full batches go to the third
// stage, which encodes them (package columnar, called by package etl).
//
// A stretch that holds a line which cannot be read is filled again line by line, which finds the line
// and the reason; so there is one way to fill, whatever the input.
//
// Decisions: delimiters are found many bytes at a time rather than by bytes.IndexByte, whose call costs
// more than the few bytes of a field; and text is never split on runs of spaces, because an empty field
// shows as two spaces in a row or as one at a line's end.
//
// What gained nothing is not here: looking neighbouring fields of few combinations up together, looking
// at the text of the line before first, copying the dictionary's table into the loop, writing eight
// positions at a time whether there are as many or not, and shorter or longer chunks.
package flowlog

import (
	"cmp"
	"fmt"
	"io"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// Defaults of [Options].
const (
	DefaultMaxLine       = 64 << 10
	DefaultBatchRows     = 128_000
	DefaultMaxPartitions = 64
	// DefaultBatchText is enough for a batch of the default size in which three addresses of each row
	// are IPv6 ones that no other row has.
	DefaultBatchText = 16 << 20
)

// Options says how to read one object.
type Options struct {
	// Object names the object in errors, such as its URL.
	Object string
	// Day is the day of the records whose start time is NULL, [schema.NoDay] where there is none:
	// then such a record is a reject.
	Day schema.Day
	// MaxLine is the longest permitted line in bytes, without its line end. A longer one is a
	// reject. 0 stands for [DefaultMaxLine].
	MaxLine int
	// BatchRows is the number of rows that open batches hold together at most; a batch is handed
	// over when this is reached. 0 stands for [DefaultBatchRows].
	BatchRows int
	// BatchText is about how many bytes of distinct texts a batch holds before it is handed over
	// early. 0 stands for [DefaultBatchText].
	BatchText int
	// MaxPartitions bounds the days in one object; one more is an error of the whole object. 0
	// stands for [DefaultMaxPartitions].
	MaxPartitions int
	// StandardGunzip inflates by the standard library, which takes three times as long, instead of
	// package inflate.
	StandardGunzip bool
}

// Sink takes what is read.
type Sink interface {
	// NewBatch gives an empty batch for the records of that day, which the reader fills.
	NewBatch(schema.Day) *batch.Batch
	// Batch takes a batch that is full, or the last of its day; the sink owns it from then on.
	// Batches of one day come in the order of their records. An error ends the reading.
	Batch(*batch.Batch) error
	// Reject takes a line that is not a record, in the order of the lines. An error ends the
	// reading.
	Reject(Reject) error
}

// Reject is a line that could not be read as a record.
type Reject struct {
	// Line is the line's number in the text, from 1.
	Line int64
	// Reason names the field, if it is one field's fault, and says what was expected and found.
	Reason string
	// Raw is the line without its line end, cut at the longest permitted line. It is valid until
	// Reject returns.
	Raw []byte
}

// Counts accounts for every line of an object: Lines = Rows + Rejected + Headers + Blank.
type Counts struct {
	Lines, Rows, Rejected, Headers, Blank int64
	// Text is the size of the text in bytes.
	Text int64
	// UnknownFields counts the header names that no column takes, over all headers.
	UnknownFields int64
}

// Read reads one object's gzip stream to its end and gives its records to the sink, its lines being
// records of that table. Several gzip members one after the other are one text.
//
// A line that is not a record goes to the sink as a reject, and reading goes on. An error means that
// the object as a whole could not be read; what the sink was given so far is then to be thrown away.
// It is an [*Error], which retrying cannot mend, where the object's content is at fault; errors of r
// and of the sink come back wrapped.
//
// The memory in use depends on o and not on the size of the object. Read does not return before it
// has stopped using r.
func Read(r io.Reader, t *schema.Table, o Options, sink Sink) (Counts, error) {
	o.MaxLine = cmp.Or(o.MaxLine, DefaultMaxLine)
	o.BatchRows = cmp.Or(o.BatchRows, DefaultBatchRows)
	o.BatchText = cmp.Or(o.BatchText, DefaultBatchText)
	o.MaxPartitions = cmp.Or(o.MaxPartitions, DefaultMaxPartitions)

	in := startInflater(r, o)
	defer in.stop()
	p := newParser(t, o, sink)
	for {
		b, err := in.next()
		if err != nil {
			return p.counts, describe(o.Object, err)
		}
		if b == nil {
			break
		}
		p.counts.Text += int64(b.end - headroom(o.MaxLine))
		rest, err := p.block(b.buf, in.start(b), b.end)
		if err != nil {
			return p.counts, err
		}
		in.keep(b, rest)
	}
	return p.counts, p.close(in.tail())
}

// Error says why an object, or a line of it, cannot be read. The object itself is at fault, so that
// trying again cannot help.
type Error struct {
	// Object is the name that [Options] gave.
	Object string
	// Line is the number of the line, from 1, or 0 where none can be named.
	Line int64
	// Field is the column of the field, or "".
	Field string
	// Reason says what was expected and what was found.
	Reason string
	// Err is the cause, or nil.
	Err error
}

// Error gives all that is known: object, line, field, reason, cause.
func (e *Error) Error() string {
	s := "read " + e.Object
	if e.Line > 0 {
		s += fmt.Sprintf(": line %d", e.Line)
	}
	if e.Field != "" {
		s += ": " + e.Field
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says that trying again cannot help.
func (e *Error) Retryable() bool { return false }
