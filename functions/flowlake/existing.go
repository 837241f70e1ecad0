package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/schema"
)

// existing tells which source objects the lake holds already, by the footers of the outputs that they
// would have. It is a [replay.Existing].
//
// It looks on the day that the object's key names, the one after and the one before. So it does not
// know an object whose key names no day, nor one with records of other days; these, and objects
// without any line that is kept, count as not converted. It asks the catalog once, at the beginning:
// an output of a partition that was not registered then, as its day's and where its day's lies, counts as
// missing.
type existing struct {
	lake       *lake
	table      *schema.Table
	registered map[string]bool // locations of the partitions that are registered with their day's values
}

func newExisting(ctx context.Context, l *lake, t *schema.Table) (*existing, error) {
	e := &existing{lake: l, table: t, registered: make(map[string]bool)}
	for _, t := range []*schema.Table{t, t.Rejects()} {
		partitions, err := l.catalog.Partitions(ctx, t)
		if err != nil && !errors.Is(err, catalog.ErrNoTable) {
			return nil, err
		}
		for _, p := range partitions {
			if own := t.Partition(dayOf(p.Values)); own.Location == p.Location && slices.Equal(own.Values, p.Values) {
				e.registered[p.Location] = true
			}
		}
	}
	return e, nil
}

// Converted says whether the lake holds all outputs of the object as it is now.
func (e *existing) Converted(ctx context.Context, o replay.Object, about schema.Source) (replay.Tally, bool, error) {
	if about.Day == schema.NoDay {
		return replay.Tally{}, false, nil
	}
	var t replay.Tally
	var rows, rejected int64 // in the outputs so far
	sum := ""                // of the object's content, if it was needed
	for _, day := range []schema.Day{about.Day, about.Day + 1, about.Day - 1} {
		for _, table := range []*schema.Table{e.table, e.table.Rejects()} {
			f, err := e.output(ctx, table.ObjectKey(day, o.URL()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil || f == nil {
				return replay.Tally{}, false, err
			}
			same, err := f.isOf(ctx, &o, table, &sum)
			if err != nil || !same || !e.registered[table.Partition(day).Location] {
				return replay.Tally{}, false, err
			}
			if table == e.table {
				rows += f.Rows
			} else {
				rejected += f.Rows
			}
			t.BytesOut += f.Size
			t.Outputs++
			if rows != f.number("rows") || rejected != f.number("rejected") {
				continue
			}
			t.Lines, t.Rows, t.Rejected = f.number("lines"), rows, rejected
			t.Headers, t.Blank, t.BytesIn = f.number("headers"), f.number("blank"), f.number("bytes")
			return t, true, nil
		}
	}
	return replay.Tally{}, false, nil
}

// output is what an output says of itself.
type output struct {
	*columnar.File
	source map[string]string // what it says of its source
}

// output reads the footer of an output; nil stands for one that is damaged.
func (e *existing) output(ctx context.Context, key string) (*output, error) {
	r, size, err := e.lake.readerAt(ctx, key)
	if err != nil {
		return nil, err
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	tail := &tailReader{r: r, from: max(0, size-tailSize)}
	tail.data = make([]byte, size-tail.from)
	if _, err := r.ReadAt(tail.data, tail.from); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", e.lake.URL(key), err)
	}
	f, err := columnar.Inspect(tail, size)
	if err != nil {
		return nil, nil
	}
	out := &output{File: f, source: make(map[string]string)}
	for _, m := range f.Metadata {
		out.source[m.Key] = m.Value
	}
	return out, nil
}

// number gives a number that the output says of its source, -1 if it says none.
func (o *output) number(name string) int64 {
	n, err := strconv.ParseInt(o.source["flowlake.source."+name], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// isOf says whether the output was made of the object as it is now, by today's declaration of the table.
// The sum of the object's content is computed where it has no ETag, and kept in sum.
func (o *output) isOf(ctx context.Context, source *replay.Object, t *schema.Table, sum *string) (bool, error) {
	if o.source["flowlake.source.url"] != source.URL() || o.source["flowlake.schema.version"] != strconv.Itoa(t.Version) ||
		o.number("bytes") != source.Size {
		return false, nil
	}
	if source.ETag != "" {
		return o.source["flowlake.source.etag"] == source.ETag, nil
	}
	if *sum == "" {
		r, _, err := source.Source.Open(ctx, source.Key)
		if err != nil {
			return false, err
		}
		defer r.Close()
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return false, err
		}
		*sum = hex.EncodeToString(h.Sum(nil))
	}
	return o.source["flowlake.source.sha256"] == *sum, nil
}

// readerAt opens an object of the lake for reading here and there; the error is fs.ErrNotExist if there
// is none.
func (l *lake) readerAt(ctx context.Context, key string) (io.ReaderAt, int64, error) {
	if l.dir == nil {
		s, ok := l.objects.(*s3store.Store)
		if !ok {
			return nil, 0, fmt.Errorf("read %s: the lake's store cannot", l.URL(key))
		}
		r, o, err := s.ReaderAt(ctx, key)
		return r, o.Size, err
	}
	file, err := os.Open(l.dir.Path(key))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// tailSize is more than the footer and the indexes of most outputs take, so that one request reads them.
const tailSize = 64 << 10

// tailReader has the end of an object in memory.
type tailReader struct {
	r    io.ReaderAt
	from int64
	data []byte
}

func (t *tailReader) ReadAt(p []byte, off int64) (int, error) {
	if off < t.from {
		return t.r.ReadAt(p, off)
	}
	if off-t.from >= int64(len(t.data)) {
		return 0, io.EOF
	}
	n := copy(p, t.data[off-t.from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
