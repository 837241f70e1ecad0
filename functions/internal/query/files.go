package query

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

// listing is what a query may read of one table: the files of its registered partitions.
type listing struct {
	// hive are the files whose paths spell their partition's values, as the lake's layout has it:
	// prefix, then /year=2026/month=01/day=09/ with values of those widths.
	hive   []string
	prefix string
	widths []int
	// other are the partitions for whose files that is not so.
	other []partition
}

// partition is a partition's values and files.
type partition struct {
	values []string
	files  []string
}

// all gives every file.
func (l *listing) all() []string {
	files := slices.Clone(l.hive)
	for _, p := range l.other {
		files = append(files, p.files...)
	}
	return files
}

// listers is how many locations are listed at the same time. A listing of a bucket takes some 50 ms
// and three years have a thousand days.
const listers = 16

// list asks the catalog for the partitions of a table, and for the files of each.
func list(ctx context.Context, t *schema.Table, c Catalog, f Files) (*listing, error) {
	registered, err := c.Partitions(ctx, t)
	if err != nil && !errors.Is(err, catalog.ErrNoTable) {
		return nil, fmt.Errorf("read partitions of %s: %w", t.Name, err)
	}
	keys := len(schema.PartitionKeys())
	for _, p := range registered {
		if len(p.Values) != keys {
			return nil, fmt.Errorf("read partitions of %s: partition %q has %d values, want %d", t.Name, p.Values, len(p.Values), keys)
		}
	}
	registered = slices.SortedStableFunc(slices.Values(registered), func(a, b schema.Partition) int {
		return slices.Compare(a.Values, b.Values)
	})
	found := make([][]string, len(registered))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listers)
	for i, p := range registered {
		g.Go(func() error {
			files, err := f.Files(ctx, p.Location)
			if err != nil {
				return fmt.Errorf("list files of %s: %w", p.Location, err)
			}
			for _, file := range files {
				if err := checkPath(file.Path); err != nil {
					return fmt.Errorf("list files of %s: %w", p.Location, err)
				}
				found[i] = append(found[i], file.Path)
			}
			slices.Sort(found[i])
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	l := &listing{}
	for i, p := range registered {
		l.add(p.Values, found[i])
	}
	return l, nil
}

// add sorts the files of a partition into those that spell its values and others.
func (l *listing) add(values, files []string) {
	other := partition{values: values}
	for _, file := range files {
		if l.spells(file, values) {
			l.hive = append(l.hive, file)
		} else {
			other.files = append(other.files, file)
		}
	}
	if len(other.files) > 0 {
		l.other = append(l.other, other)
	}
}

// spells says whether a path spells the values of the partition keys where the others in l.hive do.
// The first path decides where that is.
func (l *listing) spells(file string, values []string) bool {
	if slices.Contains(values, hiveNull) {
		return false
	}
	var spelled strings.Builder
	var widths []int
	for i, k := range schema.PartitionKeys() {
		spelled.WriteString("/" + k.Name + "=" + values[i])
		widths = append(widths, utf8.RuneCountInString(values[i]))
	}
	spelled.WriteByte('/')
	if l.hive == nil {
		l.prefix, _, _ = strings.Cut(file, spelled.String())
		l.widths = widths
	}
	return slices.Equal(widths, l.widths) && strings.HasPrefix(file, l.prefix+spelled.String())
}

// keys gives the SQL that cuts the values of the partition keys from a path in l.hive.
func (l *listing) keys() []string {
	var keys []string
	at := utf8.RuneCountInString(l.prefix)
	for i, k := range schema.PartitionKeys() {
		at += utf8.RuneCountInString("/" + k.Name + "=")
		keys = append(keys, fmt.Sprintf("substr(%s, %d, %d)", pathColumn, at+1, l.widths[i]))
		at += l.widths[i]
	}
	return keys
}

// checkPath gives an error for a path that cannot be asked of DuckDB. Wildcards can be quoted, but
// not beside a backslash, which quotes in some places of a pattern only.
func checkPath(file string) error {
	switch {
	case !filepath.IsAbs(file):
		return fmt.Errorf("path %q is not absolute", file)
	case strings.Contains(file, "\x00") || !utf8.ValidString(file):
		return fmt.Errorf("path %q is not text", file)
	case strings.Contains(file, `\`) && pattern(file) != file:
		return fmt.Errorf("path %q holds a backslash and one of * ? [", file)
	}
	return nil
}

// hiveNull is the value of a partition key that is NULL, for Hive and Athena.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"
