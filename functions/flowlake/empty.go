package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/schema"
)

// seenDays is a catalog that remembers which days of each table it gave.
type seenDays struct {
	query.Catalog
	tables map[string]dayRange
}

// dayRange is the first and the last day of a table.
type dayRange struct{ first, last schema.Day }

// Partitions gives the partitions of a table.
func (s *seenDays) Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error) {
	all, err := s.Catalog.Partitions(ctx, t)
	for _, p := range all {
		d := dayOf(p.Values)
		if d == schema.NoDay {
			continue
		}
		if s.tables == nil {
			s.tables = map[string]dayRange{}
		}
		r, ok := s.tables[t.Name]
		if !ok {
			r = dayRange{d, d}
		}
		s.tables[t.Name] = dayRange{min(r.first, d), max(r.last, d)}
	}
	return all, err
}

// has says which days a table has.
func (s *seenDays) has(table string) string {
	r, ok := s.tables[table]
	if !ok {
		return "the lake has no day of it"
	}
	if r.first == r.last {
		return fmt.Sprintf("the lake has one day, %s", r.first)
	}
	return fmt.Sprintf("the lake has days from %s to %s", r.first, r.last)
}

// explain says why an answer of n rows may be empty: nothing is there to look at, or a named query looks
// at another day. A table of rejects is empty where all is well, and not spoken of.
func (s *seenDays) explain(w io.Writer, db *query.DB, a *asked, n int64) {
	for _, t := range schema.Tables() {
		if !regexp.MustCompile(`(?i)\b` + t.Name + `\b`).MatchString(a.sql) {
			continue
		}
		if db.Empty(t.Name) {
			fmt.Fprintf(w, "%s is empty: no file to look at; %s\n", t.Name, s.has(t.Name))
			return
		}
		if n == 0 && a.named != nil && len(a.named.Parameters) > 0 {
			var values []string
			for _, p := range a.named.Parameters {
				values = append(values, p.Name+"="+a.values[p.Name])
			}
			fmt.Fprintf(w, "no rows for %s; %s, and --param asks for others\n", strings.Join(values, ", "), s.has(t.Name))
			return
		}
	}
}
