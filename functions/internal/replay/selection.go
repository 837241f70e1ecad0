package replay

import (
	"errors"
	"fmt"
	"time"

	"github.com/flowlake/flowlake/schema"
)

// Selection says which objects are meant, going by what their keys tell. The zero value means all.
type Selection struct {
	// From and To bound the time of an object, which is that of its name: From is the first instant
	// that is meant, To the first one after it that is not; the zero time is no bound. An object whose
	// key tells no more than a day is meant if any of the day is.
	From, To time.Time
	// Late is how far from its day an object may lie and still be found, where only the folders of some
	// days are listed, see [Finder]. It does not change which objects are meant.
	Late time.Duration
	// Account, Resource and Region must be equal to those of the object, see [schema.Source], if they
	// are not "".
	Account, Resource, Region string
}

// Reasons why an object is skipped whose key does not tell what the selection asks for.
const (
	noTime     = "key tells no time, which is selected by"
	noAccount  = "key tells no account, which is selected by"
	noResource = "key tells no resource, which is selected by"
	noRegion   = "key tells no Region, which is selected by"
)

// All says that everything is meant.
func (s *Selection) All() bool { return *s == Selection{Late: s.Late} }

// Validate reports everything that is wrong, at once.
func (s *Selection) Validate() error {
	var errs []error
	if !s.From.IsZero() && !s.To.IsZero() && !s.From.Before(s.To) {
		errs = append(errs, fmt.Errorf("to: want a time after from, %s, have %s", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339)))
	}
	if s.Late < 0 {
		errs = append(errs, fmt.Errorf("late: want a duration of 0 or more, have %v", s.Late))
	}
	return errors.Join(errs...)
}

// Judge says whether an object is meant. Where its key does not tell, it is not, and skip says so in
// words that are the same for all such objects.
func (s *Selection) Judge(about schema.Source) (selected bool, skip string) {
	for _, by := range []struct{ want, have, missing string }{
		{s.Account, about.Account, noAccount},
		{s.Resource, about.Resource, noResource},
		{s.Region, about.Region, noRegion},
	} {
		switch {
		case by.want == "" || by.want == by.have:
		case by.have != "":
			return false, ""
		case skip == "":
			skip = by.missing
		}
	}
	if s.From.IsZero() && s.To.IsZero() {
		return skip == "", skip
	}
	first, last := about.Time, about.Time
	if first.IsZero() {
		if about.Day == schema.NoDay {
			return false, noTime
		}
		first = about.Day.Start()
		last = first.Add(24*time.Hour - 1)
	}
	if last.Before(s.From) || !s.To.IsZero() && !first.Before(s.To) {
		return false, ""
	}
	return skip == "", skip
}

// maxDays bounds the days whose folders are listed one by one, ten years: each takes a request.
const maxDays = 3660

// days gives the days whose folders hold what is meant; ok is false if that is not worth it, as the
// range is open or long.
func (s *Selection) days() (first, last schema.Day, ok bool) {
	if s.From.IsZero() || s.To.IsZero() {
		return 0, 0, false
	}
	from, to := s.From.Add(-s.Late), s.To.Add(s.Late-1)
	if to.Unix() < 0 || to.Unix() > schema.MaxSeconds {
		return 0, 0, false
	}
	first, last = schema.DayOf(max(0, from.Unix())), schema.DayOf(to.Unix())
	return first, last, last-first < maxDays
}

// ParseFrom reads a time that something begins at: an instant (RFC 3339), or a date, whose first
// instant in UTC it means.
func ParseFrom(text string) (time.Time, error) {
	at, _, err := parseTime(text)
	return at, err
}

// ParseTo reads a time that something ends before: an instant (RFC 3339), or a date, which is meant to
// its end in UTC.
func ParseTo(text string) (time.Time, error) {
	at, date, err := parseTime(text)
	if date {
		at = at.Add(24 * time.Hour)
	}
	return at, err
}

func parseTime(text string) (at time.Time, date bool, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err != nil {
		return time.Time{}, false, fmt.Errorf("want a date such as 2026-01-09 or an instant such as 2026-01-09T13:05:00Z, have %q", text)
	}
	return at.UTC(), false, nil
}
