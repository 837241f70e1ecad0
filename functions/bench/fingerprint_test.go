package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/functions/internal/synth"
)

// syntheticLog gives the lines of a synthetic log across midnight, the header first.
func syntheticLog(t *testing.T, records int) []string {
	t.Helper()
	var b bytes.Buffer
	midnight := time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	if err := synth.One(&b, synth.Config{Records: records, Seed: 1}, midnight.Add(-time.Minute), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// write writes a gzip file of those lines.
func write(t *testing.T, lines []string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flows.log.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func printOf(t *testing.T, format, path string) *fingerprint {
	t.Helper()
	f, err := fingerprintMain(t.Context(), []string{format, path})
	if err != nil {
		t.Fatal(err)
	}
	return f.(*fingerprint)
}

func TestFingerprintNoticesWhatDiffers(t *testing.T) {
	lines := syntheticLog(t, 300)
	want := printOf(t, "text", write(t, lines))
	if want.Rows != 300 {
		t.Fatalf("%d rows", want.Rows)
	}
	set := func(line, field int, value string) func([]string) []string {
		return func(lines []string) []string {
			fields := strings.Split(lines[line], " ")
			if fields[field] == value {
				t.Fatalf("line %d has %q there", line, value)
			}
			fields[field] = value
			lines[line] = strings.Join(fields, " ")
			return lines
		}
	}
	for _, c := range []struct {
		name   string
		change func([]string) []string
		want   string // "" for no difference
	}{
		{"order", func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, ""},
		{"a number", set(7, 11, "123456789"), "column packets has other values"},
		{"a text", set(7, 3, "203.0.113.1"), "column clientip has other values"},
		{"a NULL", set(7, 4, "-"), "column clientport has 2"},
		{"another day", set(7, 13, "1700000000"), "column year has other values"},
		{"a line less", func(l []string) []string { return l[:300] }, "299 rows, want 300"},
		{"values that change places", func(l []string) []string {
			a, b := strings.Split(l[5], " "), strings.Split(l[6], " ")
			if a[4] == b[4] {
				t.Fatal("the same port")
			}
			a[4], b[4] = b[4], a[4]
			l[5], l[6] = strings.Join(a, " "), strings.Join(b, " ")
			return l
		}, "the same values, but in other rows"},
	} {
		changed := c.change(append([]string(nil), lines...))
		err := printOf(t, "text", write(t, changed)).differs(want)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFingerprintNoticesColumns(t *testing.T) {
	want := printOf(t, "text", write(t, syntheticLog(t, 300)))
	other := *want
	other.Columns = append([]columnPrint(nil), want.Columns...)
	other.Columns[0].Type = ""
	other.Columns[4].Type = "BIGINT"
	err := other.differs(want)
	if err == nil || err.Error() != "no column version\ncolumn clientport is BIGINT, want INTEGER" {
		t.Error(err)
	}
}
