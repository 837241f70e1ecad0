package main

import (
	"fmt"
	"io"
	"strings"
)

// write prints the report on one input.
func (m *measured) write(w io.Writer) {
	kind, rounds := "records", "one round"
	if m.in.synthetic {
		kind = "synthetic records"
	}
	if n := len(m.rounds); n > 1 {
		rounds = fmt.Sprintf("medians of %d rounds (least to most)", n)
	}
	fmt.Fprintf(w, "\n%s: %d %s of %d client addresses, %.1f MB gzip, %.1f MB text; %s.\n\n",
		m.in.name(), m.in.records, kind, m.addresses.Clients, mega(m.in.size), mega(m.in.text), rounds)
	m.writeFigures(w)
	m.writeRatios(w)
	m.writeReads(w)
	fmt.Fprintln(w, "All outputs hold, column by column, what DuckDB reads in the text.")
}

// writeFigures prints what each contender took.
func (m *measured) writeFigures(w io.Writer) {
	fmt.Fprintln(w, "| contender | threads | wall s | CPU s | peak MiB | out MB | MB/s of text | records/s |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, c := range m.contenders {
		figure := func(f func(figures) float64) spread {
			return m.over(func(round map[who]figures) float64 { return f(round[c.who]) })
		}
		seconds := figure(wall)
		out, records := "", ""
		if c.out != "" {
			out = fmt.Sprintf("%.1f", figure(output).median/1e6)
			records = fmt.Sprintf("%.0f", float64(m.in.records)/seconds.median)
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %.0f | %s | %.0f | %s |\n", c.name, c.threads,
			seconds.text(2), figure(cpu).text(2), figure(peak).median/(1<<20), out, mega(m.in.text)/seconds.median, records)
	}
	fmt.Fprintln(w)
}

func wall(f figures) float64   { return f.wall.Seconds() }
func cpu(f figures) float64    { return f.cpu.Seconds() }
func peak(f figures) float64   { return float64(f.peak) }
func output(f figures) float64 { return float64(f.out) }

// writeRatios prints our figures over those of others: the smaller, the better. Ratios of contenders
// that did not take part are left out.
func (m *measured) writeRatios(w io.Writer) {
	fmt.Fprintln(w, "| ours to the peer's | |")
	fmt.Fprintln(w, "|---|---|")
	row := func(label string, value func(figures) float64, our, their who) {
		if m.took(our) && m.took(their) {
			ratio := m.over(func(round map[who]figures) float64 { return value(round[our]) / value(round[their]) })
			fmt.Fprintf(w, "| %s | %s |\n", label, ratio.text(2))
		}
	}
	row("wall to DuckDB, 2 threads", wall, ours, duckDB)
	row("CPU to DuckDB, 2 threads", cpu, ours, duckDB)
	row("wall to DuckDB, 1 thread each", wall, oursAlone, duckDBAlone)
	row("wall to the plain Go converter", wall, ours, plainGo)
	row("CPU to the plain Go converter", cpu, ours, plainGo)
	row("wall to bare gunzip by compress/gzip", wall, ours, stdGunzip)
	row("wall to bare gunzip by klauspost/compress", wall, ours, kpGunzip)
	row("wall to bare gunzip by flowlake's own decoder", wall, ours, oursGunzip)
	row("wall with the whole file sorted to our default", wall, oursSorted, ours)
	size := m.over(func(round map[who]figures) float64 { return output(round[ours]) / float64(m.in.size) })
	fmt.Fprintf(w, "| output to gzip input | %s |\n", size.text(2))
	row("output to DuckDB's", output, ours, duckDB)
	row("output with the whole file sorted to DuckDB's", output, oursSorted, duckDB)
	mebibytes := func(label string, c who) {
		if m.took(c) {
			fmt.Fprintf(w, "| %s | %s |\n", label, m.over(func(round map[who]figures) float64 { return peak(round[c]) / (1 << 20) }).text(0))
		}
	}
	mebibytes("peak memory, default settings, MiB", ours)
	mebibytes("peak memory, whole file sorted, MiB", oursSorted)
	for _, name := range []string{topTalkers, hotAddress} {
		for _, r := range m.reads {
			if their := m.reads[0].bytes[name]; r.who != duckDB && their > 0 {
				fmt.Fprintf(w, "| bytes read for %s to DuckDB's file, %s | %.2f |\n", readLabels[name], r.name, float64(r.bytes[name])/float64(their))
			}
		}
	}
	fmt.Fprintln(w)
}

// readLabels say what is read in the rows of the ratios.
var readLabels = map[string]string{topTalkers: "top talkers", hotAddress: "one hot address"}

// writeReads prints what queries read.
func (m *measured) writeReads(w io.Writer) {
	if len(m.reads) == 0 {
		return
	}
	var names []string
	for _, q := range questions(m.addresses) {
		if q.asked() {
			names = append(names, q.name)
		}
	}
	fmt.Fprintf(w, "| KB that a query reads of the output of | %s |\n", strings.Join(names, " | "))
	fmt.Fprintf(w, "|---|%s\n", strings.Repeat("---|", len(names)))
	for _, r := range m.reads {
		fmt.Fprintf(w, "| %s |", r.name)
		for _, name := range names {
			fmt.Fprintf(w, " %.0f", float64(r.bytes[name])/1e3)
			if r.who != m.reads[0].who {
				fmt.Fprintf(w, " (%.2f)", float64(r.bytes[name])/float64(m.reads[0].bytes[name]))
			}
			fmt.Fprint(w, " |")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nDuckDB's reads on one thread, and the ratio to %s's file. The hot address has the most records, the\nmiddling one about %d.\n\n", m.reads[0].name, middling)
}

func mega(n int64) float64 { return float64(n) / 1e6 }
