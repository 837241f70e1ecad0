package verify

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/schema"
)

// extras reports the outputs that no source has accounted for, though their sources were to be verified.
// The lake is listed once more for their keys, and each is opened, as only its footer tells its source.
func (v *verifier) extras(ctx context.Context) error {
	if v.index.left == 0 {
		return nil
	}
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(v.Workers)
	err := v.index.each(working, v.lake, func(location, name string) error {
		if !v.index.untaken(location, name) {
			return nil
		}
		if counter := v.passes(name); counter != nil {
			v.mu.Lock()
			*counter++
			v.mu.Unlock()
			return nil
		}
		g.Go(func() error { return v.extra(working, location, name) })
		return working.Err()
	})
	if workErr := g.Wait(); workErr != nil {
		return workErr
	}
	return err
}

// passes gives the counter of an object whose name alone tells that it is no extra output, or nil.
func (v *verifier) passes(name string) *int64 {
	switch {
	case name == "" || name[0] == '_' || name[0] == '.': // a folder's own object, or hidden from queries
		return &v.report.UnknownOutputs
	case v.isOutside(name):
		return &v.report.OthersOutputs
	}
	return nil
}

// isOutside says whether an output's name alone tells that its source is not one to be verified: the name
// of a log has its account and its time.
func (v *verifier) isOutside(name string) bool {
	const hash = len("-01234567")
	base := strings.TrimSuffix(name, ".parquet")
	about, _ := v.Table.Match(base[:max(0, len(base)-hash)] + schema.SourceSuffix)
	selected, skip := v.Select(about)
	return !selected && skip == "" // else its whole URL may tell
}

// extra judges one object that no source has accounted for.
func (v *verifier) extra(ctx context.Context, location, name string) error {
	f := Finding{Kind: Extra, Output: location + name}
	source, rows, err := v.footer(ctx, f.Output)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.Source, f.Have = source, count(rows, "row")
	var counter *int64 // of those that are no findings
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone since it was listed
		return nil
	case err != nil:
		f.Want, f.Have = "an output that can be read", err.Error()
	case source == "":
		f.Want = "no object but outputs: this one names no source, and queries see its rows"
	case !v.Holds(source) || !v.selects(source):
		counter = &v.report.OthersOutputs
	case v.outputName(source) != name:
		f.Want = "no output but " + v.outputName(source)
	default:
		f.Want = "no output: there is no such source today"
		if v.Exists == nil {
			break
		}
		exists, err := v.Exists(ctx, source)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			f.Kind, f.Want, f.Have = Unreadable, "an answer whether there is such a source", err.Error()
		case exists:
			counter = &v.report.OthersOutputs
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if counter != nil {
		*counter++
	} else {
		v.report.find(f)
	}
	return nil
}

// selects says whether the source of that URL is one to be verified.
func (v *verifier) selects(url string) bool {
	about, _ := v.Table.Match(url)
	selected, _ := v.Select(about)
	return selected
}
