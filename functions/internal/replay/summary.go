package replay

import (
	"cmp"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/schema"
)

// Tally counts what conversions gave.
type Tally struct {
	// Lines = Rows + Rejected + Headers + Blank.
	Lines    int64 `json:"lines"`
	Rows     int64 `json:"rows"`
	Rejected int64 `json:"rejected"`
	Headers  int64 `json:"headers"`
	Blank    int64 `json:"blank"`
	// Text is the size of the text in bytes.
	Text int64 `json:"text_bytes"`
	// UnknownFields counts the header names that no column takes.
	UnknownFields int64 `json:"unknown_fields"`
	// BytesIn and BytesOut are the sizes of the objects and of their outputs, in bytes.
	BytesIn  int64 `json:"gzip_bytes"`
	BytesOut int64 `json:"output_bytes"`
	// Outputs is the number of objects written.
	Outputs int `json:"outputs"`
	// Partitions is the number of partitions that were registered.
	Partitions int `json:"partitions"`
}

func tally(r *etl.Result) Tally {
	return Tally{
		Lines: r.Lines, Rows: r.Rows, Rejected: r.Rejected, Headers: r.Headers, Blank: r.Blank,
		Text: r.Text, UnknownFields: r.UnknownFields,
		BytesIn: r.BytesIn, BytesOut: r.BytesOut(), Outputs: len(r.Outputs), Partitions: r.Partitions,
	}
}

func (t *Tally) add(o *Tally) {
	t.Lines += o.Lines
	t.Rows += o.Rows
	t.Rejected += o.Rejected
	t.Headers += o.Headers
	t.Blank += o.Blank
	t.Text += o.Text
	t.UnknownFields += o.UnknownFields
	t.BytesIn += o.BytesIn
	t.BytesOut += o.BytesOut
	t.Outputs += o.Outputs
	t.Partitions += o.Partitions
}

// Summary adds up outcomes. Its memory is bounded, whatever their number.
type Summary struct {
	// Listed says that all objects were found: that the listing has ended.
	Listed bool `json:"listed"`
	// Objects counts the selected objects that were found, and Bytes is their size. Converted, Before,
	// the skipped and the failed ones add up to Objects, unless the run was interrupted.
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	// Outside counts the objects that were found and are not selected.
	Outside   int `json:"outside_selection"`
	Converted int `json:"converted"`
	// Before counts the objects that were done with before this run, and BeforeTally is their part of
	// Tally.
	Before      int   `json:"done_before"`
	BeforeTally Tally `json:"done_before_tally"`
	// Failed counts the objects that were not converted, and Failures are the first of them by URL, at
	// most [MaxFailures].
	Failed   int       `json:"failed"`
	Failures []Failure `json:"failures,omitempty"`
	// Skipped counts the skipped objects by reason.
	Skipped map[string]int `json:"skipped,omitempty"`
	// Retries counts the tries after the first ones.
	Retries int `json:"retries"`
	// ConversionSeconds is how long all conversions took, in seconds: with n workers that were never
	// kept waiting, n times as long as the run.
	ConversionSeconds float64 `json:"conversion_seconds"`
	// BytesDone is the size of the objects that are done with, and BytesBefore of those that were
	// before this run.
	BytesDone   int64 `json:"bytes_done"`
	BytesBefore int64 `json:"bytes_before"`
	// Day is the day of the object that was done with last, of those whose key tells it, or "".
	Day string `json:"day,omitempty"`
	// Tally is that of the converted objects, including those of before.
	Tally

	day schema.Day
}

// Failure is an object that was not converted, and why.
type Failure struct {
	URL   string `json:"url"`
	Error string `json:"error"`
}

const (
	// MaxFailures bounds the failures that a summary names.
	MaxFailures = 100
	// maxReasons bounds the reasons that a summary tells apart.
	maxReasons   = 100
	otherReasons = "other reasons"
)

// Add adds one outcome.
func (s *Summary) Add(o Outcome) {
	s.BytesDone += o.Object.Size
	s.Retries += o.Retries
	s.ConversionSeconds += o.Took.Seconds()
	if d := o.About.Day; d != schema.NoDay && (s.Day == "" || d != s.day) {
		s.day, s.Day = d, d.String()
	}
	switch {
	case o.Err != nil:
		s.Failed++
		f := Failure{o.URL, o.Err.Error()}
		i, _ := slices.BinarySearchFunc(s.Failures, f, func(a, b Failure) int { return cmp.Compare(a.URL, b.URL) })
		if i < MaxFailures {
			s.Failures = slices.Insert(s.Failures[:min(len(s.Failures), MaxFailures-1)], i, f)
		}
		return
	case o.Before:
		s.Before++
		s.BytesBefore += o.Object.Size
		s.BeforeTally.add(&o.Tally)
	case o.Skipped != "":
		if s.Skipped == nil {
			s.Skipped = make(map[string]int)
		}
		count(s.Skipped, o.Skipped)
		return
	default:
		s.Converted++
	}
	s.add(&o.Tally)
}

// count counts a reason, under a common name once there are too many of them.
func count(reasons map[string]int, reason string) {
	if _, known := reasons[reason]; !known && len(reasons) >= maxReasons {
		reason = otherReasons
	}
	reasons[reason]++
}

// Done counts the objects that are done with, one way or the other.
func (s *Summary) Done() int { return s.Converted + s.Before + s.Failed + s.skipped() }

func (s *Summary) skipped() (n int) {
	for _, skipped := range s.Skipped {
		n += skipped
	}
	return n
}

// Snapshot is how far a run is. Its numbers are those of [Summary].
type Snapshot struct {
	Listed      bool   `json:"listed"`
	Objects     int    `json:"objects"`
	Done        int    `json:"done"`
	Bytes       int64  `json:"bytes"`
	BytesDone   int64  `json:"bytes_done"`
	BytesBefore int64  `json:"bytes_before"`
	Converted   int    `json:"converted"`
	Before      int    `json:"done_before"`
	Skipped     int    `json:"skipped"`
	Failed      int    `json:"failed"`
	Retries     int    `json:"retries"`
	Rows        int64  `json:"rows"`
	Rejected    int64  `json:"rejected"`
	Day         string `json:"day,omitempty"`
	// Workers is the number of objects that may be converted at the same time now.
	Workers int `json:"workers"`
}

func (s *Summary) snapshot() Snapshot {
	return Snapshot{
		Listed: s.Listed, Objects: s.Objects, Done: s.Done(), Bytes: s.Bytes, BytesDone: s.BytesDone,
		Converted: s.Converted, Before: s.Before, Skipped: s.skipped(), Failed: s.Failed, Retries: s.Retries,
		Rows: s.Rows, Rejected: s.Rejected, Day: s.Day, BytesBefore: s.BytesBefore,
	}
}
