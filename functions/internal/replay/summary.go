package replay

import (
	"cmp"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/flowlog"
)

// Summary adds up outcomes.
type Summary struct {
	// Objects counts the objects that were found. Converted, the skipped and the failed ones add up
	// to it, unless the run was interrupted.
	Objects, Converted int
	// Failed are the outcomes with an error, by URL.
	Failed []Outcome
	// Skipped counts the skipped objects by reason.
	Skipped map[string]int
	// Counts are the lines of the converted objects.
	flowlog.Counts
	// BytesIn and BytesOut are the sizes of the converted objects and of their outputs.
	BytesIn, BytesOut int64
	// Outputs is the number of objects written.
	Outputs int
	// Partitions is the number of partitions that were registered.
	Partitions int
}

// Add adds one outcome.
func (s *Summary) Add(o Outcome) {
	switch {
	case o.Err != nil:
		i, _ := slices.BinarySearchFunc(s.Failed, o, func(a, b Outcome) int { return cmp.Compare(a.Result.URL, b.Result.URL) })
		s.Failed = slices.Insert(s.Failed, i, o)
		return
	case o.Result.Skipped != "":
		if s.Skipped == nil {
			s.Skipped = make(map[string]int)
		}
		s.Skipped[o.Result.Skipped]++
		return
	}
	r := o.Result
	s.Converted++
	s.Lines += r.Lines
	s.Rows += r.Rows
	s.Rejected += r.Rejected
	s.Headers += r.Headers
	s.Blank += r.Blank
	s.Text += r.Text
	s.UnknownFields += r.UnknownFields
	s.BytesIn += r.BytesIn
	s.BytesOut += r.BytesOut()
	s.Outputs += len(r.Outputs)
	s.Partitions += r.Partitions
}

// Done counts the objects that are done with, one way or the other.
func (s *Summary) Done() int {
	n := s.Converted + len(s.Failed)
	for _, skipped := range s.Skipped {
		n += skipped
	}
	return n
}
