package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// pageRecords is the size of the lake that the page is made of.
const pageRecords = 5_000_000

// What the page of such a lake may take and weigh.
const (
	pageSeconds = 10
	pagePeak    = 1e9 // bytes of memory
	pageBytes   = 3e6
)

// The two commands of the page.
var (
	converting = who{"flowlake replay", 2}
	reporting  = who{"flowlake report", 2}
)

// measurePage measures, in each round, the conversion of one log to a new lake and the making of the
// lake's page, and prints what the page takes to what it may and to what the conversion takes.
func (o *options) measurePage(ctx context.Context, records int, stdout, progress io.Writer) error {
	log, err := o.synthesize(ctx, records)
	if err != nil {
		return err
	}
	lake, page := filepath.Join(o.dir, "page-lake"), filepath.Join(o.dir, "page.html")
	m := &measured{contenders: []contender{
		{converting, lake, []string{o.flowlake, "replay", log, "--lake", lake, "--workers", "1"}},
		{reporting, "", []string{o.flowlake, "report", "--lake", lake, "--out", page}},
	}}
	var weight int64
	for i := range o.rounds {
		fmt.Fprintf(progress, "page of %d records: round %d of %d\n", records, i+1, o.rounds)
		round := make(map[who]figures)
		for _, c := range m.contenders {
			if round[c.who], err = measure(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.who, err)
			}
		}
		m.rounds = append(m.rounds, round)
		info, err := os.Stat(page)
		if err != nil {
			return err
		}
		weight = info.Size()
	}
	writePage(stdout, m, records, weight)
	return nil
}

// writePage prints the report on the page.
func writePage(w io.Writer, m *measured, records int, weight int64) {
	took := m.over(func(round map[who]figures) float64 { return wall(round[reporting]) })
	held := m.over(func(round map[who]figures) float64 { return peak(round[reporting]) })
	conversion := m.over(func(round map[who]figures) float64 { return wall(round[reporting]) / wall(round[converting]) })
	fmt.Fprintf(w, "\nThe page of %d synthetic records in one log; medians of %d rounds (least to most).\n\n", records, len(m.rounds))
	fmt.Fprintln(w, "| flowlake report | | of the limit |")
	fmt.Fprintln(w, "|---|---|---|")
	fmt.Fprintf(w, "| wall s, limit %d | %s | %.2f |\n", pageSeconds, took.text(2), took.median/pageSeconds)
	fmt.Fprintf(w, "| peak MB, limit %.0f | %s | %.2f |\n", pagePeak/1e6, held.scaled(1e-6).text(0), held.median/pagePeak)
	fmt.Fprintf(w, "| page MB, limit %.0f | %.2f | %.2f |\n", pageBytes/1e6, mega(weight), float64(weight)/pageBytes)
	fmt.Fprintf(w, "| wall to that of converting the log | %s | |\n", conversion.text(2))
}
