// Package verify proves that a lake holds what its sources say, or finds where it does not.
//
// It is the other entry of a double-entry book. The conversion writes down what it read; this package
// reads the source again and the outputs, both by other means, and holds the three against each other:
//
//   - The text (text.go) is inflated by the standard library and split the simplest way. What is a
//     record, a header, a blank line or a reject, and of which day, is decided here a second time, from
//     the schema alone: neither flowlog nor inflate is imported. A test holds both to the same answers,
//     for any text.
//   - The outputs (output.go) are decoded to the last page by columnar.Reread, which is parquet-go's
//     reader. Rows are counted in every column, and columns of numbers can be added up.
//   - What the outputs say of their source (metadata), and what the catalog registers (partitions.go), is
//     held against both (judge.go).
//
// Which outputs a source has follows from its URL and its text, so each is opened by its key. What else
// lies in the lake is found by listing it (index.go): outputs of a day that a source no longer has, and of
// sources that are gone (extra.go).
//
// The package prints nothing and deletes nothing. It converts nothing itself: its caller says how a source
// is converted again. Memory is bounded by [Options] but for 24 bytes for each object that is listed in
// the lake, up to 60 while it is listed.
//
// Decisions, with what lost: outputs of S3 are read by one request each into a temporary file, not by
// ranges, of which parquet-go asks for several per column. A partition that one source lacks counts as
// lacking for all, also where converting that source again registered it meanwhile, so that findings do not
// depend on the order of the work. An output is not judged anew for a partition that comes late, but its
// partition is: that is cheap, and where a lake is being filled it is what comes last.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// Source is where source objects are read from.
type Source interface {
	// Open gives an object's bytes, which the caller closes, and what the store knows of it.
	Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error)
	// URL gives the URL of an object, which is its identity.
	URL(key string) string
}

// Object is one source object.
type Object struct {
	// Source is the store that holds it, and Key its key there.
	Source Source
	Key    string
	// Size is its size in bytes.
	Size int64
}

// Find calls fn for every source object, each once. An error of fn ends it and is returned as it is.
type Find func(ctx context.Context, fn func(Object) error) error

// Lake is where outputs lie. It is used by several goroutines at the same time.
type Lake interface {
	// Open gives an object's bytes, which the caller closes. Bytes that are an [io.ReaderAt], too, are
	// read in place. The error is fs.ErrNotExist if there is no such object.
	Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error)
	// List calls fn for every object whose key begins with prefix. An error of fn ends it and is
	// returned as it is.
	List(ctx context.Context, prefix string, fn func(store.Object) error) error
}

// Catalog says which partitions are registered.
type Catalog interface {
	// Partitions gives the registered partitions of a table, in any order. Where the catalog knows no
	// such table it gives none, or an error that is catalog.ErrNoTable.
	Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error)
}

// Options say what to verify. Those without a default are required.
type Options struct {
	// Table is the log type of the sources.
	Table *schema.Table
	// Select says whether a source is to be verified, going by what its key tells. Where the key does not
	// tell, it is not, and skip says so in words that are the same for all such sources. Default: all are.
	Select func(about schema.Source) (selected bool, skip string)
	// From and Until bound the time of the sources that Select selects: From is the first instant, Until
	// the first one after it that is not selected. If both are given, only the days between them and those
	// that Late reaches are listed in the lake. The zero time is no bound.
	From, Until time.Time
	// Late is how far from its key's time a source's records, and so its outputs, are looked for where the
	// lake is listed by day.
	Late time.Duration
	// Sums are the names of columns that are added up, in the text and in the lake: Int32 or Int64.
	Sums []string
	// Holds says whether a URL is that of an object which would be found if it existed, see [Scope]. It
	// decides, with Select, which outputs that no source accounts for are reported.
	Holds func(url string) bool
	// Exists, if not nil, says whether there is an object of that URL that is not empty. It is asked before
	// a source is said to be gone: one may come, or lie where it was not looked for.
	Exists func(ctx context.Context, url string) (bool, error)
	// MaxLine is the longest permitted line in bytes, as the conversion had it.
	MaxLine int
	// MaxPartitions is the number of days that one source may hold, as the conversion had it.
	MaxPartitions int
	// Workers is the number of sources, and of outputs that nobody accounts for, that are read at the
	// same time; default 1. Each takes memory for MaxLine, and for the largest page and dictionary of an
	// output.
	Workers int
	// TempDirectory is where outputs that cannot be read in place are copied to, one for each worker.
	// Default: that of the system.
	TempDirectory string
	// MaxFindings is the number of findings that are kept, the first by source; the others are counted
	// only. Default 1000.
	MaxFindings int
	// Fix, if not nil, converts a source again. It is called once for each source with a finding that
	// this can mend, by the workers; then the source is verified again. It must leave the outputs and
	// their partitions visible when it returns nil.
	Fix func(ctx context.Context, o Object) error
	// Done, if not nil, is called after each source, one call at a time, with its size in bytes and the
	// number of its findings.
	Done func(size int64, findings int)
}

const defaultFindings = 1000

// Validate reports everything that is wrong with the options, at once.
func (o *Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Table != nil, "table: want one, have none")
	check(o.Holds != nil, "holds: want a function, have none")
	check(o.Until.IsZero() || o.From.Before(o.Until), "until: want a time after %v, have %v", o.From, o.Until)
	check(o.Late >= 0, "late: want a duration of 0 or more, have %v", o.Late)
	check(o.MaxLine > 0, "longest line: want at least 1 byte, have %d", o.MaxLine)
	check(o.MaxPartitions > 0, "partitions: want at least 1, have %d", o.MaxPartitions)
	check(o.Workers >= 0, "workers: want at least 1, have %d", o.Workers)
	check(o.MaxFindings >= 0, "findings: want at least 1, have %d", o.MaxFindings)
	if o.Table != nil {
		for _, name := range o.Sums {
			c := o.Table.Column(name)
			isSum := c >= 0 && (o.Table.Columns[c].Type == schema.Int32 || o.Table.Columns[c].Type == schema.Int64)
			check(isSum, "sum: want a column of integers of %s, have %q", o.Table.Name, name)
		}
	}
	return errors.Join(errs...)
}

// verifier is one run.
type verifier struct {
	Options
	lake     Lake
	catalog  Catalog
	rejects  *schema.Table
	sums     []int // indexes of the columns
	index    *index
	registry registry

	mu      sync.Mutex
	readers []*reader // that no worker uses
	report  Report
	places  map[string]bool // locations of the outputs: whether they are registered
}

// Run verifies the sources that find gives against a lake and its catalog. An error means that not all
// of them were: the sources could not be found, the lake or the catalog could not be listed, or ctx was
// canceled. The report is then nil, or says what was verified until then and is marked as incomplete. A source
// or an output that cannot be read is a finding.
func Run(ctx context.Context, o Options, find Find, lake Lake, c Catalog) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("verification settings: %w", err)
	}
	o.Workers = max(1, o.Workers)
	if o.Select == nil {
		o.Select = func(schema.Source) (bool, string) { return true, "" }
	}
	if o.MaxFindings == 0 {
		o.MaxFindings = defaultFindings
	}
	v := &verifier{Options: o, lake: lake, catalog: c, rejects: o.Table.Rejects(), places: make(map[string]bool)}
	for _, name := range o.Sums {
		v.sums = append(v.sums, o.Table.Column(name))
	}
	v.report.init(o)
	v.registry.lacking = make(map[string]bool)
	err := v.readPartitions(ctx)
	if err != nil {
		return nil, err
	}
	if v.index, err = v.list(ctx); err != nil {
		return nil, err
	}
	if err = v.sources(ctx, find); err == nil {
		err = v.extras(ctx)
	}
	if err = cmp.Or(ctx.Err(), err); err != nil { // interrupted, whatever failed of that
		v.report.Incomplete = err.Error()
	}
	v.misplaced()
	for _, registered := range v.places {
		if registered {
			v.report.Partitions++
		} else {
			v.report.Unregistered++
		}
	}
	return &v.report, err
}

// sources verifies each source.
func (v *verifier) sources(ctx context.Context, find Find) error {
	g, working := errgroup.WithContext(ctx)
	// Each worker holds a source's and an output's buffers: their number is what bounds the memory.
	g.SetLimit(v.Workers)
	err := find(working, func(o Object) error {
		url := o.Source.URL(o.Key)
		about, skip := v.Table.Match(url)
		if skip == "" && o.Size == 0 {
			skip = "empty object (0 bytes)"
		}
		selected := false
		if skip == "" {
			selected, skip = v.Select(about)
		}
		if !v.choose(selected, skip) {
			return nil
		}
		g.Go(func() error { return v.source(working, o, url, about.Day) })
		return working.Err()
	})
	if workErr := g.Wait(); workErr != nil {
		return workErr // it ended the finding, too
	}
	return err
}

// choose counts a source that was found, and says whether it is to be verified.
func (v *verifier) choose(selected bool, skip string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Found++
	switch {
	case skip != "":
		v.report.Skipped[skip]++
	case !selected:
		v.report.Outside++
	}
	return selected
}

// verify judges a source, for the first time or again after it was converted.
func (v *verifier) verify(ctx context.Context, j *judge, again bool) error {
	if err := j.judge(ctx); err != nil {
		return err
	}
	return v.register(ctx, j, again)
}

// source verifies one source, and has it converted again where that can help.
func (v *verifier) source(ctx context.Context, o Object, url string, day schema.Day) error {
	j := &judge{verifier: v, source: o, url: url, day: day, listed: v.index.take(v.outputName(url))}
	if err := v.verify(ctx, j, false); err != nil {
		return err
	}
	found := j.findings
	if v.Fix != nil && j.mendable() {
		fixErr := v.Fix(ctx, o)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.verify(ctx, j, true); err != nil {
			return err
		}
		j.mended(found, fixErr)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.add(j)
	for location, registered := range j.registered {
		v.places[location] = v.places[location] || registered
	}
	if v.Done != nil {
		v.Done(o.Size, len(j.findings))
	}
	return nil
}
