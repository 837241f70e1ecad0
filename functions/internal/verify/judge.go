package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/flowlake/flowlake/schema"
)

// judge compares one source with its outputs.
type judge struct {
	*verifier
	source Object
	url    string
	day    schema.Day // that the key names
	listed []string   // locations of the objects that have the name of its outputs

	// What judging found; text is nil if the source cannot be read.
	text                              *text
	findings                          []Finding
	outputs, bytesOut, rows, rejected int64
	lakeSums                          []*big.Int
	places                            []place         // of the outputs
	registered                        map[string]bool // whether they are, by their locations
	expected                          map[string]bool // keys that outputs may have

	converted, failed bool // again, and not
}

// judge reads the source and its outputs, and leaves the catalog to verifier.register. The error is that of
// ctx.
func (j *judge) judge(ctx context.Context) error {
	j.text, j.findings, j.places = nil, nil, nil
	j.outputs, j.bytesOut, j.rows, j.rejected = 0, 0, 0, 0
	j.expected = make(map[string]bool)
	j.lakeSums = nil
	for range j.sums {
		j.lakeSums = append(j.lakeSums, new(big.Int))
	}
	t, err := j.readSource(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		j.find(Unreadable, "", "a log that can be read", err.Error())
		if errors.As(err, new(contentError)) {
			return j.leftovers(ctx, Unreadable, "no output of a log that cannot be read")
		}
		return nil
	}
	j.text = t
	for _, day := range slices.Sorted(maps.Keys(t.days)) {
		j.compare(ctx, j.Table, []schema.Day{day}, t.days[day].rows, t.days[day].sums)
	}
	if t.Rejected > 0 {
		j.compare(ctx, j.verifier.rejects, j.rejectDays(), t.Rejected, nil)
	}
	if err := ctx.Err(); err != nil {
		return err // which may have passed for an output that cannot be read
	}
	return j.leftovers(ctx, Extra, "no output: the source has nothing that belongs here")
}

// readSource reads the source's text.
func (j *judge) readSource(ctx context.Context) (*text, error) {
	body, _, err := j.source.Source.Open(ctx, j.source.Key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	r := j.getReader()
	defer j.putReader(r)
	return r.read(body, j.day)
}

// rejectDays gives the days that the source's rejects may lie at: that which its key names, or else that
// of its first record and, for those in front of it, no day.
func (j *judge) rejectDays() []schema.Day {
	switch {
	case j.day != schema.NoDay:
		return []schema.Day{j.day}
	case j.text.first != schema.NoDay:
		return []schema.Day{j.text.first, schema.NoDay}
	}
	return []schema.Day{schema.NoDay}
}

// compare compares the outputs of a table at those days, together, with the rows and the sums that the
// source holds.
func (j *judge) compare(ctx context.Context, t *schema.Table, days []schema.Day, rows int64, sums []*big.Int) {
	first := t.ObjectKey(days[0], j.url)
	var names []string
	if sums != nil {
		names = j.Sums
	}
	found, judged := 0, true
	var have int64
	haveSums := make([]*big.Int, len(names))
	for i := range haveSums {
		haveSums[i] = new(big.Int)
	}
	for _, day := range days {
		key := t.ObjectKey(day, j.url)
		j.expected[key] = true
		o, err := j.read(ctx, key, names)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found++
		j.places = append(j.places, place{t, day, key})
		if err != nil {
			judged = false
			j.find(Different, key, count(rows, "row"), err.Error())
			continue
		}
		j.outputs++
		j.bytesOut += o.size
		have += o.Rows
		for i := range haveSums {
			haveSums[i].Add(haveSums[i], o.Sums[i])
		}
		if !j.checkMetadata(t, key, o) {
			judged = false
		}
	}
	if t == j.Table {
		j.rows += have
	} else {
		j.rejected += have
	}
	for i := range haveSums {
		j.lakeSums[i].Add(j.lakeSums[i], haveSums[i])
	}
	switch {
	case found == 0:
		j.find(Missing, first, count(rows, "row"), "no such output")
	case !judged:
	case have < rows:
		j.find(Missing, first, count(rows, "row"), count(have, "row"))
	case have > rows:
		j.find(Different, first, count(rows, "row"), count(have, "row"))
	default:
		for i, name := range names {
			if haveSums[i].Cmp(sums[i]) != 0 {
				j.find(Different, first, fmt.Sprintf("sum of %s %v", name, sums[i]), haveSums[i].String())
			}
		}
	}
}

// checkMetadata holds what an output says of its source against the source. It gives false if the output
// is not one of this version of the source, so that its rows need not be compared.
func (j *judge) checkMetadata(t *schema.Table, key string, o output) bool {
	if have := metadata(o.Metadata, "schema.table"); have != t.Name {
		j.find(Different, key, "an output of table "+t.Name, "one of "+orNone(have))
		return false
	}
	if have := metadata(o.Metadata, "source.url"); have != j.url {
		j.find(Different, key, "an output of "+j.url, "one of "+orNone(have))
		return false
	}
	if have := metadata(o.Metadata, "source.sha256"); have != j.text.sha256 {
		j.find(Different, key, "an output of the source with SHA-256 "+j.text.sha256, "one of another version, "+orNone(have))
		return false
	}
	j.checkSchema(t, key, o)
	var want, have []string
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"bytes", j.text.bytes}, {"lines", j.text.Lines}, {"rows", j.text.Rows}, {"rejected", j.text.Rejected},
		{"headers", j.text.Headers}, {"blank", j.text.Blank},
	} {
		said := metadata(o.Metadata, "source."+n.name)
		if value := strconv.FormatInt(n.value, 10); said != value {
			want, have = append(want, n.name+" "+value), append(have, n.name+" "+orNone(said))
		}
	}
	if want != nil {
		j.find(Different, key, "the counts "+strings.Join(want, ", "), strings.Join(have, ", "))
	}
	return true
}

// checkSchema holds an output's version and columns against the table of today.
func (j *judge) checkSchema(t *schema.Table, key string, o output) {
	if have := metadata(o.Metadata, "schema.version"); have != strconv.Itoa(t.Version) {
		j.find(Different, key, fmt.Sprintf("version %d of table %s", t.Version, t.Name), orNone(have))
	}
	for i := range max(len(t.Columns), len(o.Columns)) {
		want, have := "no more columns", "no more columns"
		if i < len(t.Columns) {
			want = "column " + t.Columns[i].Name + " " + parquetType(t.Columns[i].Type)
		}
		if i < len(o.Columns) {
			have = "column " + o.Columns[i].Name + " " + o.Columns[i].Type
		}
		if want != have { // one tells enough: those behind a missing column are all in the wrong place
			j.find(Different, key, want, have)
			return
		}
	}
}

// parquetType gives what a column of that type is in Parquet, in the words of columnar.Column.
func parquetType(t schema.Type) string {
	switch t {
	case schema.String:
		return "BYTE_ARRAY STRING"
	case schema.Int32:
		return "INT32"
	case schema.Timestamp:
		return "INT64 TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)"
	}
	return "INT64"
}

// leftovers reports the listed outputs of the source that it should not have.
func (j *judge) leftovers(ctx context.Context, kind Kind, want string) error {
	name := j.outputName(j.url)
	for _, location := range j.listed {
		key := location + name
		if j.expected[key] {
			continue
		}
		url, rows, err := j.footer(ctx, key)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // gone since it was listed
		case err != nil:
			j.find(kind, key, want, err.Error())
		case url == j.url:
			j.find(kind, key, want, count(rows, "row"))
		}
	}
	return nil
}

func (j *judge) find(kind Kind, output, want, have string) {
	j.findings = append(j.findings, Finding{Kind: kind, Source: j.url, Output: output, Want: want, Have: have})
}

// mendable says whether converting the source again may help.
func (j *judge) mendable() bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Kind.mendable() })
}

// mended takes over what was found before the source was converted again, which failed with that error,
// if any.
func (j *judge) mended(before []Finding, failure error) {
	j.converted, j.failed = true, failure != nil
	if failure != nil {
		for i := range j.findings {
			if j.findings[i].Kind.mendable() {
				j.findings[i].Fix = failure.Error()
			}
		}
	}
	now := j.findings
	for _, f := range before {
		stands := slices.ContainsFunc(now, func(g Finding) bool { return f.Kind == g.Kind && f.Output == g.Output })
		if !stands {
			f.Mended = true
			j.findings = append(j.findings, f)
		}
	}
}

// getReader gives a reader that nobody else uses.
func (v *verifier) getReader() *reader {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.readers); n > 0 {
		r := v.readers[n-1]
		v.readers = v.readers[:n-1]
		return r
	}
	return newReader(v.Table, v.sums, v.MaxLine, v.MaxPartitions)
}

func (v *verifier) putReader(r *reader) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readers = append(v.readers, r)
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
