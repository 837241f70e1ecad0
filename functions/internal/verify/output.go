package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/flowlake/flowlake/functions/internal/columnar"
)

// open gives an object of the lake to fn, in place or as a copy in a temporary file. An error that is
// fs.ErrNotExist says that there is none.
func (v *verifier) open(ctx context.Context, key string, fn func(r io.ReaderAt, size int64) error) (err error) {
	body, o, err := v.lake.Open(ctx, key)
	if err != nil {
		return err
	}
	defer body.Close()
	if r, ok := body.(io.ReaderAt); ok {
		return fn(r, o.Size)
	}
	f, err := os.CreateTemp(v.TempDirectory, "flowlake-output-")
	if err != nil {
		return fmt.Errorf("copy output: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	n, err := io.Copy(f, body)
	if err != nil {
		return fmt.Errorf("copy output: %w", err)
	}
	return fn(f, n)
}

// output is what an object of the lake holds and says.
type output struct {
	*columnar.Contents
	size int64
}

// read reads an object of the lake to the last page.
func (v *verifier) read(ctx context.Context, key string, sums []string) (o output, err error) {
	err = v.open(ctx, key, func(r io.ReaderAt, size int64) error {
		o.size = size
		o.Contents, err = columnar.Reread(r, size, sums)
		return err
	})
	return o, err
}

// footer reads the footer of an object of the lake, and gives the URL of its source and its rows.
func (v *verifier) footer(ctx context.Context, key string) (url string, rows int64, err error) {
	err = v.open(ctx, key, func(r io.ReaderAt, size int64) error {
		f, err := columnar.Inspect(r, size)
		if err != nil {
			return err
		}
		url, rows = metadata(f.Metadata, "source.url"), f.Rows
		return nil
	})
	return url, rows, err
}

// metadata gives what the conversion noted in an output by that name, or "".
func metadata(all []columnar.Metadata, name string) string {
	i := slices.IndexFunc(all, func(m columnar.Metadata) bool { return m.Key == "flowlake."+name })
	if i < 0 {
		return ""
	}
	return all[i].Value
}
