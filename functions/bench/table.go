package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// textSize inflates a file and counts.
func textSize(name string) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, z)
}

// describe prints what is measured, and where.
func describe(w io.Writer, in string, text int64, records, rounds int) error {
	info, err := os.Stat(in)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d synthetic records, %.1f MB gzip, %.1f MB text; %d rounds; %s, %d cores (%s), %s\n\n",
		records, mega(info.Size()), mega(text), rounds, runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), processor(), runtime.Version())
	return nil
}

// processor gives the processor's name where Linux tells it.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// writeTable prints the medians, and the ratios to flowlake with as many threads.
func writeTable(w io.Writer, contenders []contender, rounds [][]figures, text int64, records int) {
	fmt.Fprintln(w, "| converter | threads | wall s | CPU s | peak MB | out MB | MB/s of text | records/s | wall to ours | CPU to ours | out to ours |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for i, c := range contenders {
		ours := slices.IndexFunc(contenders, func(o contender) bool { return o.name == "flowlake" && o.threads == c.threads })
		figure := func(f func(figures) float64) spread {
			return over(rounds, func(r []figures) float64 { return f(r[i]) })
		}
		ratio := func(f func(figures) float64) spread {
			return over(rounds, func(r []figures) float64 { return f(r[i]) / f(r[ours]) })
		}
		wall := func(f figures) float64 { return f.wall.Seconds() }
		cpu := func(f figures) float64 { return f.cpu.Seconds() }
		out := func(f figures) float64 { return mega(f.out) }
		seconds := figure(wall).median
		fmt.Fprintf(w, "| %s | %d | %.2f | %.2f | %.0f | %.1f | %.0f | %.0f | %s | %s | %s |\n", c.name, c.threads,
			seconds, figure(cpu).median, figure(func(f figures) float64 { return mega(f.peak) }).median, figure(out).median,
			mega(text)/seconds, float64(records)/seconds, ratio(wall), ratio(cpu), ratio(out))
	}
	fmt.Fprintln(w)
}

func mega(n int64) float64 { return float64(n) / 1e6 }

// spread is a figure over the rounds.
type spread struct{ least, median, most float64 }

// String gives the median and, where they differ, the extremes.
func (s spread) String() string {
	if s.most-s.least < 0.005 {
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.median, s.least, s.most)
}

func over(rounds [][]figures, f func([]figures) float64) spread {
	var all []float64
	for _, r := range rounds {
		all = append(all, f(r))
	}
	slices.Sort(all)
	return spread{all[0], all[len(all)/2], all[len(all)-1]}
}
