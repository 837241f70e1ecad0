package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowlake/flowlake/functions/internal/verify"
)

// verifyProgress prints a line now and then.
type verifyProgress struct {
	w        io.Writer
	now      func() time.Time
	last     time.Time // of the last line
	json     bool
	Objects  int64 `json:"objects"`
	Bytes    int64 `json:"gzip_bytes"`
	Findings int64 `json:"findings"`
}

func (p *verifyProgress) done(gzip int64, findings int) {
	p.Objects++
	p.Bytes += gzip
	p.Findings += int64(findings)
	now := p.now()
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	if p.json {
		json.NewEncoder(p.w).Encode(struct {
			Progress *verifyProgress `json:"progress"`
		}{p})
		return
	}
	fmt.Fprintf(p.w, "%s objects verified, %s gzip, %s findings\n", comma(p.Objects), size(p.Bytes), comma(p.Findings))
}

// writeReport prints the findings and what was verified.
func writeReport(w io.Writer, r *verify.Report, l *lake, took time.Duration) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, describeFinding(f))
	}
	if n := r.Omitted(); n > 0 {
		fmt.Fprintf(w, "... and %s more findings, see --findings\n", comma(n))
	}
	if r.Open[verify.Extra] > 0 {
		remove := "aws s3 rm " + l.URL("") + "/OUTPUT"
		if l.dir != nil {
			remove = "rm " + filepath.Join(l.dir.Path(""), "OUTPUT")
		}
		fmt.Fprintf(w, "flowlake deletes no extra output. Where its source is gone for good, do so: %s\n", remove)
	}
	if r.Open[verify.Misplaced] > 0 {
		drop := "ALTER TABLE NAME DROP PARTITION (year='YEAR', month='MONTH', day='DAY') in Athena"
		if l.dir != nil {
			drop = "their entries in " + filepath.Join(l.dir.Path(""), "_catalog", "NAME.json")
		}
		fmt.Fprintf(w, "flowlake changes no registered partition. Remove the misplaced ones, and verify again with --fix: %s\n", drop)
	}
	if len(r.Findings) > 0 {
		fmt.Fprintln(w)
	}
	if r.Incomplete != "" {
		fmt.Fprintf(w, "incomplete  %s\n", oneLine(r.Incomplete))
	}
	skipped := int64(0)
	for _, n := range r.Skipped {
		skipped += n
	}
	fmt.Fprintf(w, "objects     %s found: %s verified, %s unreadable, %s skipped, %s not selected\n",
		comma(r.Found), comma(r.Verified), comma(r.Unreadable), comma(skipped), comma(r.Outside))
	for _, reason := range slices.SortedFunc(maps.Keys(r.Skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Skipped[b], r.Skipped[a]), strings.Compare(a, b))
	}) {
		fmt.Fprintf(w, "  skipped   %s: %s\n", comma(r.Skipped[reason]), reason)
	}
	fmt.Fprintf(w, "lines       %s = %s rows + %s rejects + %s headers + %s blank, counted again in %s of text, %s gzip\n",
		comma(r.Lines), comma(r.Rows), comma(r.Rejected), comma(r.Headers), comma(r.Blank), size(r.Text), size(r.BytesIn))
	fmt.Fprintf(w, "outputs     %s rows + %s rejects in %s objects, %s, read to the last page\n",
		comma(r.OutputRows), comma(r.OutputRejects), comma(r.Outputs), size(r.BytesOut))
	fmt.Fprintf(w, "partitions  %s registered, %s not\n", comma(r.Partitions), comma(r.Unregistered))
	for _, s := range r.Sums {
		fmt.Fprintf(w, "sum         %s: %v in the text, %v in the outputs\n", s.Column, s.Text, s.Lake)
	}
	fmt.Fprintf(w, "lake        %s objects listed, %s of them of other sources, %s hidden from queries\n",
		comma(r.Listed), comma(r.OthersOutputs), comma(r.UnknownOutputs))
	if r.ConvertedAgain > 0 {
		fmt.Fprintf(w, "fixed       %s sources converted again, %s of them without success\n", comma(r.ConvertedAgain), comma(r.ConversionFails))
	}
	fmt.Fprintf(w, "took        %.2f s\n", took.Seconds())
	fmt.Fprintf(w, "findings    %s\n", describeCounts(r))
}

// describeFinding gives a finding in one line.
func describeFinding(f verify.Finding) string {
	about := f.Output
	switch {
	case f.Output == "":
		about = f.Source
	case f.Source != "":
		about += " of " + f.Source
	}
	s := fmt.Sprintf("%s: %s: want %s, have %s", f.Kind, about, f.Want, f.Have)
	if f.Mended {
		s += "; mended"
	}
	if f.Fix != "" {
		s += "; not mended: " + f.Fix
	}
	return oneLine(s)
}

// oneLine gives a text without line breaks.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// describeCounts gives the numbers of findings.
func describeCounts(r *verify.Report) string {
	var open, mended []string
	for _, k := range verify.Kinds() {
		if n := r.Open[k]; n > 0 {
			open = append(open, comma(n)+" "+string(k))
		}
		if n := r.Mended[k]; n > 0 {
			mended = append(mended, comma(n)+" "+string(k))
		}
	}
	s := strings.Join(open, ", ")
	switch {
	case s == "" && r.Incomplete != "":
		s = "none in what was verified, which is not all"
	case s == "":
		s = "none: the lake holds what its sources say"
	}
	if mended != nil {
		s += "; mended " + strings.Join(mended, ", ")
	}
	return s
}

// writeReportJSON prints the findings, an object to a line, and then the summary.
func writeReportJSON(w io.Writer, r *verify.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, f := range r.Findings {
		if err := e.Encode(f); err != nil {
			return err
		}
	}
	return e.Encode(struct {
		Summary *verify.Report `json:"summary"`
		Omitted int64          `json:"omitted"`
	}{r, r.Omitted()})
}
