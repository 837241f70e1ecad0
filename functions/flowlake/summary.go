package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
)

// maxFailures bounds the failures that a summary names: each was named when it happened.
const maxFailures = 20

// writeSummary prints what a replay did, with so many workers.
func writeSummary(w io.Writer, s *replay.Summary, workers int, took time.Duration) {
	skipped := 0
	for _, n := range s.Skipped {
		skipped += n
	}
	before := ""
	if s.Before > 0 {
		before = comma(s.Before) + " done before, "
	}
	fmt.Fprintf(w, "objects     %s found: %s converted, %s%s skipped, %s failed\n",
		comma(s.Objects), comma(s.Converted), before, comma(skipped), comma(s.Failed))
	if s.Outside > 0 {
		fmt.Fprintf(w, "  outside   %s are not selected\n", comma(s.Outside))
	}
	for _, reason := range slices.SortedFunc(maps.Keys(s.Skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Skipped[b], s.Skipped[a]), strings.Compare(a, b))
	}) {
		fmt.Fprintf(w, "  skipped   %s: %s\n", comma(s.Skipped[reason]), reason)
	}
	writeFailures(w, s.Failed, s.Failures)
	if s.Retries > 0 {
		fmt.Fprintf(w, "  retries   %s\n", comma(s.Retries))
	}
	fmt.Fprintf(w, "lines       %s = %s rows + %s rejects + %s headers + %s blank\n",
		comma(s.Lines), comma(s.Rows), comma(s.Rejected), comma(s.Headers), comma(s.Blank))
	if s.UnknownFields > 0 {
		fmt.Fprintf(w, "            %s unknown header names, whose fields were left out\n", comma(s.UnknownFields))
	}
	// What follows is of this run alone.
	b := &s.BeforeTally
	fmt.Fprintf(w, "read        %s gzip, %s text\n", size(s.BytesIn-b.BytesIn), size(s.Text-b.Text))
	fmt.Fprintf(w, "wrote       %s in %s objects\n", size(s.BytesOut-b.BytesOut), comma(s.Outputs-b.Outputs))
	fmt.Fprintf(w, "partitions  %s registered\n", comma(s.Partitions-b.Partitions))
	fmt.Fprintf(w, "took        %.2f s: %s of text/s, %s records/s\n", took.Seconds(),
		size(int64(float64(s.Text-b.Text)/took.Seconds())), comma(int64(float64(s.Rows-b.Rows)/took.Seconds())))
	if s.Converted > 0 {
		fmt.Fprintf(w, "workers     %d, converting %.0f %% of the time\n", workers, 100*s.ConversionSeconds/took.Seconds()/float64(workers))
	}
}

func writeFailures(w io.Writer, n int, failures []replay.Failure) {
	for i, f := range failures {
		if i == maxFailures {
			break
		}
		fmt.Fprintf(w, "  failed    %v\n", f.Error)
	}
	if n > maxFailures {
		fmt.Fprintf(w, "  failed    ... and %s more, named above\n", comma(n-maxFailures))
	}
}

// printSummary prints what a replay did, in the format that is wanted. letters are those that it was
// about, or nil.
func (o *replayOptions) printSummary(w io.Writer, s *replay.Summary, letters *deadLetters, took time.Duration) error {
	if o.format == formatJSON {
		all := struct {
			*replay.Summary
			Messages     *deadletter.Summary `json:"messages,omitempty"`
			MessagesLeft []leftMessage       `json:"messages_left,omitempty"` // the first whose reasons are not in Failures
			Seconds      float64             `json:"seconds"`
		}{Summary: s, Seconds: took.Seconds()}
		if letters != nil {
			all.Messages, all.MessagesLeft = &letters.summary, letters.stay
		}
		return json.NewEncoder(w).Encode(all)
	}
	writeSummary(w, s, o.workers, took)
	if letters != nil {
		letters.report(w)
	}
	return nil
}

// What a plan assumes of the time: of gzip, what one processor converts in a second, half of what it
// does with the largest logs (see the README), as most are small; and of objects of a few records each,
// those that it converts in a second, and those that one worker does with S3, where it waits.
const (
	gzipPerProcessor    = 15e6
	objectsPerProcessor = 50
	objectsFromS3       = 10
)

// estimate gives the rates that a plan assumes.
func (o *replayOptions) estimate(sources []string) replay.Rates {
	processors := min(runtime.GOMAXPROCS(0), o.workers)
	objects := float64(objectsPerProcessor * processors)
	if isS3(o.lake.url) || slices.ContainsFunc(sources, isS3) {
		objects = min(objects, float64(objectsFromS3*o.workers))
	}
	r := replay.Rates{BytesPerSecond: gzipPerProcessor * float64(processors), ObjectsPerSecond: objects}
	if rate := o.limits.ObjectsPerSecond; rate > 0 {
		r.ObjectsPerSecond = min(r.ObjectsPerSecond, rate)
	}
	return r
}

// printPlan prints what a replay would do, in the format that is wanted, and what it would cost, if that
// is not nil.
func (o *replayOptions) printPlan(w io.Writer, p *replay.Plan, cost *stepfunctions.Estimate) error {
	if o.format == formatJSON {
		return json.NewEncoder(w).Encode(struct {
			*replay.Plan
			Cost *stepfunctions.Estimate `json:"cost,omitempty"`
		}{p, cost})
	}
	fmt.Fprintf(w, "found       %s\n", amount(p.Found))
	if p.Outside > 0 {
		fmt.Fprintf(w, "  outside   %s objects are not selected\n", comma(p.Outside))
	}
	if p.Before.Objects > 0 {
		fmt.Fprintf(w, "  before    %s, converted already\n", amount(p.Before))
	}
	for _, r := range p.Skipped {
		fmt.Fprintf(w, "  skipped   %s: %s\n", comma(r.Objects), r.Reason)
	}
	writeFailures(w, p.Failed, p.Failures)
	fmt.Fprintf(w, "to convert  %s\n", amount(p.Convert))
	for _, by := range []struct {
		what   string
		groups []replay.Group
	}{{"account", p.Accounts}, {"region", p.Regions}, {"resource", p.Resources}} {
		if by.groups == nil {
			fmt.Fprintf(w, "  %-9s too many to name\n", by.what)
		}
		for _, g := range by.groups {
			fmt.Fprintf(w, "  %-9s %s: %s\n", by.what, g.Name, amount(g.Amount))
		}
	}
	if p.Days > 0 {
		fmt.Fprintf(w, "days        %s from %s to %s, in %s partitions\n", comma(p.Days), p.FirstDay, p.LastDay, comma(p.Partitions))
	}
	if p.Undated > 0 {
		fmt.Fprintf(w, "            %s objects whose keys tell no day\n", comma(p.Undated))
	}
	fmt.Fprintf(w, "estimate    %s of Parquet: %.2f of the gzip, and %s for each object\n", size(p.OutputBytes), p.Rates.Ratio, size(p.Rates.ObjectBytes))
	fmt.Fprintf(w, "            %.1f minutes, at %s of gzip/s and %v objects/s at most\n", p.Seconds/60, size(int64(p.Rates.BytesPerSecond)), p.Rates.ObjectsPerSecond)
	if cost != nil {
		for line := range strings.Lines(cost.String()) {
			fmt.Fprintf(w, "cost        %s", line)
		}
	}
	return nil
}

func amount(a replay.Amount) string {
	return fmt.Sprintf("%s objects, %s gzip", comma(a.Objects), size(a.Bytes))
}

func comma[T int | int64](n T) string { return humanize.Comma(int64(n)) }

func size(n int64) string { return humanize.Bytes(uint64(n)) }
