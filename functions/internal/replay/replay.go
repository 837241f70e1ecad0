// Package replay converts many source objects: it finds them (sources.go, glob.go), keeps those that
// are selected (selection.go), and has them converted, a bounded number at a time, in the way that one
// object is converted by an event (package etl). All of it streams: the first conversion starts while
// the listing goes on, and memory does not depend on the number of objects, but for 16 bytes for each
// line of a journal (journal.go).
//
// An object that fails never stops the others. Converting an object again overwrites what the first
// time wrote, so a replay can be repeated at any time; what need not be converted again, a journal
// tells or the lake itself ([Existing]). The package prints nothing. It knows paths of files; what a
// URL means, its caller knows.
package replay

import (
	"context"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/schema"
)

// Object is one source object, as a listing describes it.
type Object struct {
	// Source is the store that holds it, and Key its key there.
	Source etl.Source
	Key    string
	// Size is its size in bytes.
	Size int64
	// ETag changes when the content does; "" where the store has none, as a directory.
	ETag string
	// Modified is when it was written.
	Modified time.Time
	// Missing says that it was named, and that its store does not list it. Its conversion tells why.
	Missing bool
}

// URL gives the object's URL, which is its identity.
func (o *Object) URL() string { return o.Source.URL(o.Key) }

// Lister lists objects: [Finder], or one that leaves some of its objects out.
type Lister interface {
	// Each calls fn for each object. An error of fn ends it and is returned as it is; so does the
	// end of ctx.
	Each(ctx context.Context, fn func(Object) error) error
}

// Converter converts one object. It is called by several goroutines at the same time.
type Converter interface {
	Convert(ctx context.Context, source etl.Source, key string) (etl.Result, error)
}

// Existing tells which objects a lake holds already.
type Existing interface {
	// Converted says whether the lake holds all that a conversion of the object, as it is now, would
	// write, visible to queries; about is what its key tells. Then it also gives the counts. It
	// changes nothing, and is called by several goroutines at the same time. What it does not know
	// for certain is not converted; an error means that it could not look, and is taken as one of
	// the conversion.
	Converted(ctx context.Context, o Object, about schema.Source) (t Tally, ok bool, err error)
}

// Config says how to replay. The zero value of each field but Table stands for none of it.
type Config struct {
	// Table is the log type of the sources.
	Table *schema.Table
	// Select says which objects are meant.
	Select Selection
	// Limits bound the work.
	Limits Limits
	// Journal remembers what is done with, beyond the end of the process. What it has as converted or
	// skipped is not done again.
	Journal *Journal
	// Existing is asked about each object that the journal does not know as done.
	Existing Existing
	// Begin is called once, before the first object is converted. Its error ends the run.
	Begin func(ctx context.Context) error
	// Done is called for each object that is done with, and Progress after it and now and then while
	// objects are found. No two of these calls run at the same time.
	Done     func(Outcome)
	Progress func(Snapshot)
}

// Outcome is what became of one object.
type Outcome struct {
	Object Object
	URL    string
	// About is what the object's key tells.
	About schema.Source
	// Before says that it was done with before this run.
	Before bool
	// Skipped says why the object was not converted though nothing is wrong, in words that are the
	// same for all such objects; "" where it was converted.
	Skipped string
	// Err is why the object was not converted, or nil.
	Err error
	// Retries is how often it was tried again.
	Retries int
	// Took is how long its conversion took, all tries together without the time between them.
	Took time.Duration
	// Tally counts what a converted object gave.
	Tally
}

// Run converts the objects that are selected, and gives the sum of what became of them. Done is called
// in no certain order.
//
// When ctx ends, the listing and the waiting for another try stop, the conversions in progress are
// brought to their end, and no others begin. That is no error: [Summary.Listed] and [Summary.Done]
// tell what is left. In the same way a listing that fails, a journal that cannot be written and an
// error of Begin end the run, which gives that error; but after a failed listing the objects already
// found are converted.
func Run(ctx context.Context, objects Lister, c Converter, cfg Config) (Summary, error) {
	r := newRun(cfg, c, realClock)
	err := r.run(ctx, objects)
	return r.summary, err
}
