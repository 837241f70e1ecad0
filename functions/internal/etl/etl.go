// Package etl converts one source object, end to end: from the gzip log in a store to Parquet
// objects in a lake and their partitions in a catalog.
//
// It is the single path that the Lambda, the replay and the tests share, and it has three stages
// that overlap: flowlog inflates, flowlog parses into batches, columnar encodes. What belongs to one
// object only lives in a journey (journey.go). The package does not decide which objects to convert,
// and it neither retries nor logs.
//
// Its promises, design.md's invariants:
//   - Identity. Keys and bytes of the outputs depend on the source's URL and content and on [Config]
//     only: not on the time, the machine or the number of goroutines. Converting again overwrites.
//   - Order. Outputs are durable before their partitions are registered, and both before Convert
//     returns nil.
//   - Accounting. Lines = rows + rejected + headers + blank, or Convert fails.
//   - All or nothing. An object that cannot be read to its end leaves nothing visible. Where a store
//     fails while several outputs are being published, those that already are stay: each is whole,
//     and the next conversion overwrites it.
//   - Bounds. Memory depends on Config, not on the object.
package etl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// Source is where source objects are read from.
type Source interface {
	// Open gives an object's bytes, which the caller closes, and what the store knows of it.
	Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error)
	// URL gives the URL of an object, which is its identity: two keys have different URLs, and a key
	// always the same.
	URL(key string) string
}

// Lake is where outputs are written to.
type Lake interface {
	// Create begins an object. Nothing is visible before Commit of the writer returns nil; then the
	// object is whole and durable, in place of an older one of that key.
	Create(ctx context.Context, key string) (store.Writer, error)
}

// Catalog is where partitions are registered.
type Catalog interface {
	// AddPartitions registers what is not registered yet and gives how many were new. When it
	// returns nil, all are durable and visible to queries.
	AddPartitions(ctx context.Context, t *schema.Table, partitions []schema.Partition) (added int, err error)
}

// Config says how to convert. Everything but Table has a default, which the zero value stands for.
type Config struct {
	// Table is the log type of the sources.
	Table *schema.Table
	// Codec compresses the outputs; default ZSTD. It changes the outputs' bytes.
	Codec columnar.Codec
	// Threads is the number of processors that one object may use at the same time; default 1. It does
	// not change the outputs' bytes.
	Threads int
	// RowGroupRows is the number of rows of a row group, of which the last of a sorted stretch has up
	// to a quarter more; default 128,000. It changes the outputs' bytes. A file has 4,096 row groups
	// at most.
	RowGroupRows int
	// SortRows is the number of rows that are sorted together and held in memory for it, those of all
	// days of an object together; default 128,000. An object of no more rows is sorted whole, unless
	// its rows hold more than 128 bytes of distinct text each. It changes the outputs' bytes. One object
	// in conversion needs about 50 bytes for each row, twice over, besides the text.
	SortRows int
	// MaxLine is the longest permitted line in bytes; default 64 KiB, at most 1 MiB. A longer one is
	// a reject.
	MaxLine int
	// StandardGunzip inflates the sources by Go's standard library, which takes three times as long,
	// instead of the project's own decoder. It does not change the outputs' bytes.
	StandardGunzip bool
	// MaxPartitions is the number of days that one object may hold; default 64. One more is an error
	// of the object.
	MaxPartitions int
}

// Validate reports everything that is wrong with the configuration, at once.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Table != nil, "table: want one, have none")
	check(c.Codec == "" || slices.Contains(columnar.Codecs(), c.Codec), "codec: want one of %q, have %q", columnar.Codecs(), c.Codec)
	check(c.Threads >= 0, "threads: want at least 1, have %d", c.Threads)
	check(c.RowGroupRows >= 0 && c.RowGroupRows <= 8<<20, "row group rows: want 1 to %d, have %d", 8<<20, c.RowGroupRows)
	check(c.SortRows >= 0 && c.SortRows <= 64<<20, "rows to sort: want 1 to %d, have %d", 64<<20, c.SortRows)
	check(c.MaxLine >= 0 && c.MaxLine <= 1<<20, "longest line: want 1 to %d bytes, have %d", 1<<20, c.MaxLine)
	check(c.MaxPartitions >= 0, "partitions: want at least 1, have %d", c.MaxPartitions)
	return errors.Join(errs...)
}

// Converter converts objects. It may be used by goroutines at the same time, and keeps the memory
// of one conversion for the next.
type Converter struct {
	config  Config
	rejects *schema.Table
	lake    Lake
	catalog Catalog
	batches map[*schema.Table]*batch.Pool
	files   *columnar.Pool
}

// idleBatches bounds the batches that a converter keeps for later: those of one large object.
const idleBatches = 4

// New gives a converter from the sources that c describes into a lake and its catalog.
func New(c Config, lake Lake, catalog Catalog) (*Converter, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("conversion settings: %w", err)
	}
	c.Threads = cmp.Or(c.Threads, 1)
	c.SortRows = cmp.Or(c.SortRows, flowlog.DefaultBatchRows)
	rejects := c.Table.Rejects()
	files, err := columnar.NewPool(columnar.Options{Codec: c.Codec, RowGroupRows: c.RowGroupRows, Idle: c.Threads})
	if err != nil {
		return nil, fmt.Errorf("conversion settings: %w", err)
	}
	return &Converter{
		config:  c,
		rejects: rejects,
		lake:    lake,
		catalog: catalog,
		files:   files,
		batches: map[*schema.Table]*batch.Pool{
			c.Table: batch.NewPool(c.Table, idleBatches),
			rejects: batch.NewPool(rejects, idleBatches),
		},
	}, nil
}

// Result accounts for one object.
type Result struct {
	// URL is the source's URL.
	URL string
	// Skipped says why the object was not converted though nothing is wrong, in words that are the
	// same for all such objects; "" where it was converted. Then the rest is zero.
	Skipped string
	// Counts are the source's lines.
	flowlog.Counts
	// BytesIn is the size of the source object, gzip, in bytes.
	BytesIn int64
	// Outputs are the objects that were written, those of the table before those of its rejects, by
	// day.
	Outputs []Output
	// Partitions is the number of partitions that were not registered before.
	Partitions int
}

// Output is one object of the lake.
type Output struct {
	// Table is the name of its table.
	Table string
	// Key is its key in the lake.
	Key string
	// Day is the day of its records.
	Day schema.Day
	// Rows is the number of its rows, and Size its size in bytes.
	Rows, Size int64
}

// BytesOut gives the size of all outputs together.
func (r *Result) BytesOut() int64 {
	var n int64
	for _, o := range r.Outputs {
		n += o.Size
	}
	return n
}

// Convert converts the object of that key. An object that is no log of the table, going by its URL
// or its size, is skipped, which the result says. On an error nothing of the object is acknowledged:
// it is to be converted again, unless [Retryable] says that this cannot help.
func (c *Converter) Convert(ctx context.Context, source Source, key string) (Result, error) {
	res := Result{URL: source.URL(key)}
	about, skip := c.config.Table.Match(res.URL)
	if skip != "" {
		res.Skipped = skip
		return res, nil
	}
	body, object, err := source.Open(ctx, key)
	if err != nil {
		return res, err
	}
	defer body.Close()
	if object.Size == 0 {
		res.Skipped = "empty object (0 bytes)"
		return res, nil
	}
	j := newJourney(c, res.URL, object, about.Day)
	defer j.abort()
	if err := j.convert(ctx, body); err != nil {
		return res, err
	}
	return j.publish(ctx)
}

// Retryable says whether trying again can help against an error. Errors say so themselves, where
// they arise; one that says nothing is taken for the network's.
func Retryable(err error) bool {
	var r interface{ Retryable() bool }
	if errors.As(err, &r) {
		return r.Retryable()
	}
	return true
}
