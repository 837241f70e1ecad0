package etl

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// journey is the conversion of one object.
type journey struct {
	*Converter
	url    string
	object store.Object
	day    schema.Day // that the key names

	counts  flowlog.Counts
	source  sourceReader
	outputs map[outputID]*output
}

type outputID struct {
	table *schema.Table
	day   schema.Day
}

// output is one Parquet object that is being written.
type output struct {
	Output
	table  *schema.Table
	object store.Writer
	file   *columnar.Writer
}

func newJourney(c *Converter, url string, object store.Object, day schema.Day) *journey {
	return &journey{Converter: c, url: url, object: object, day: day, outputs: make(map[outputID]*output)}
}

// textPerRow is more distinct text than a row of a usual log adds, in bytes: three IPv6 addresses that no
// other row has.
const textPerRow = 128

// convert reads the whole source and writes all rows. Nothing is visible yet.
func (j *journey) convert(ctx context.Context, body io.Reader) error {
	// The reading stage ends with the group. The outputs outlive it, so they get the caller's ctx.
	g, stage := errgroup.WithContext(ctx)
	// One batch is being filled while another is being encoded. The sender closes the channel.
	batches := make(chan *batch.Batch)
	j.source.ctx, j.source.r, j.source.hash = stage, body, sha256.New()
	g.Go(func() error {
		defer close(batches)
		s := &sink{journey: j, ctx: stage, batches: batches, firstDay: schema.NoDay}
		var err error
		j.counts, err = flowlog.Read(&j.source, j.config.Table, flowlog.Options{
			Object:         j.url,
			Day:            j.day,
			MaxLine:        j.config.MaxLine,
			BatchRows:      j.config.SortRows,
			BatchText:      max(flowlog.DefaultBatchText, j.config.SortRows*textPerRow),
			MaxPartitions:  j.config.MaxPartitions,
			StandardGunzip: j.config.StandardGunzip,
		}, s)
		if err != nil {
			return err
		}
		return s.handOverRejects()
	})
	g.Go(func() error {
		for b := range batches {
			threads := j.config.Threads
			if !j.source.ended.Load() {
				threads-- // for the reading stage, which takes longer than this one: else it waits
			}
			if err := j.write(ctx, b, threads); err != nil {
				return fmt.Errorf("convert %s: %w", j.url, err)
			}
			j.batches[b.Table].Put(b)
		}
		return nil
	})
	return g.Wait()
}

// write writes a batch to the output of its table and day, with so many goroutines.
func (j *journey) write(ctx context.Context, b *batch.Batch, threads int) error {
	id := outputID{b.Table, b.Day}
	o := j.outputs[id]
	if o == nil {
		key := b.Table.ObjectKey(b.Day, j.url)
		object, err := j.lake.Create(ctx, key)
		if err != nil {
			return err
		}
		o = &output{Output: Output{Table: b.Table.Name, Key: key, Day: b.Day}, table: b.Table, object: object, file: j.files.NewWriter(object, b.Table)}
		j.outputs[id] = o // from here on, abort takes care of it
	}
	if err := o.file.Write(b, threads); err != nil {
		return fmt.Errorf("write %s: %w", o.Key, err)
	}
	o.Rows += int64(b.Rows)
	return nil
}

// publish ends the outputs, makes them visible, and then registers their partitions.
func (j *journey) publish(ctx context.Context) (Result, error) {
	res := Result{URL: j.url, Counts: j.counts, BytesIn: j.source.size}
	outputs := j.sorted()
	if err := j.account(outputs); err != nil {
		return res, err
	}
	for _, o := range outputs {
		var err error
		if o.Size, err = o.file.Close(j.metadata(o)); err != nil {
			return res, fmt.Errorf("convert %s: write %s: %w", j.url, o.Key, err)
		}
	}
	for _, o := range outputs {
		if err := o.object.Commit(ctx); err != nil {
			return res, fmt.Errorf("convert %s: publish %s: %w", j.url, o.Key, err)
		}
		res.Outputs = append(res.Outputs, o.Output)
	}
	for _, t := range []*schema.Table{j.config.Table, j.rejects} {
		var partitions []schema.Partition
		for _, o := range outputs {
			if o.table == t {
				partitions = append(partitions, t.Partition(o.Day))
			}
		}
		if len(partitions) == 0 {
			continue
		}
		added, err := j.catalog.AddPartitions(ctx, t, partitions)
		if err != nil {
			return res, fmt.Errorf("convert %s: register partitions of %s: %w", j.url, t.Name, err)
		}
		res.Partitions += added
	}
	return res, nil
}

// account holds every line of the source against the rows that were written.
func (j *journey) account(outputs []*output) error {
	var rows, rejected int64
	for _, o := range outputs {
		if o.table == j.rejects {
			rejected += o.Rows
		} else {
			rows += o.Rows
		}
	}
	c := j.counts
	if c.Lines != c.Rows+c.Rejected+c.Headers+c.Blank || rows != c.Rows || rejected != c.Rejected {
		return fmt.Errorf("convert %s: lines do not add up: read %+v, wrote %d rows and %d rejects", j.url, c, rows, rejected)
	}
	return nil
}

// metadata gives what an output says of its source.
func (j *journey) metadata(o *output) []columnar.Metadata {
	m := []columnar.Metadata{
		{Key: "flowlake.schema.table", Value: o.table.Name},
		{Key: "flowlake.schema.version", Value: strconv.Itoa(o.table.Version)},
		{Key: "flowlake.source.url", Value: j.url},
		{Key: "flowlake.source.sha256", Value: hex.EncodeToString(j.source.hash.Sum(nil))},
		{Key: "flowlake.source.bytes", Value: strconv.FormatInt(j.source.size, 10)},
		{Key: "flowlake.source.lines", Value: strconv.FormatInt(j.counts.Lines, 10)},
		{Key: "flowlake.source.rows", Value: strconv.FormatInt(j.counts.Rows, 10)},
		{Key: "flowlake.source.rejected", Value: strconv.FormatInt(j.counts.Rejected, 10)},
		{Key: "flowlake.source.headers", Value: strconv.FormatInt(j.counts.Headers, 10)},
		{Key: "flowlake.source.blank", Value: strconv.FormatInt(j.counts.Blank, 10)},
	}
	if j.object.ETag != "" {
		m = append(m, columnar.Metadata{Key: "flowlake.source.etag", Value: j.object.ETag})
	}
	return m
}

// sorted gives the outputs, the table's before the rejects', by day.
func (j *journey) sorted() []*output {
	outputs := make([]*output, 0, len(j.outputs))
	for _, o := range j.outputs {
		outputs = append(outputs, o)
	}
	slices.SortFunc(outputs, func(a, b *output) int {
		return cmp.Or(cmp.Compare(len(a.Table), len(b.Table)), cmp.Compare(a.Day, b.Day))
	})
	return outputs
}

// abort gives up whatever is not published.
func (j *journey) abort() {
	for _, o := range j.outputs {
		o.object.Abort()
	}
}

// sourceReader hashes and counts what is read, and ends with the context.
type sourceReader struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	size int64
	// ended says that all was read, or as much as could be.
	ended atomic.Bool
}

func (s *sourceReader) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	if err != nil {
		s.ended.Store(true)
	}
	return n, err
}
