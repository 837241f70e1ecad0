// Command bench measures the conversion of one large file against DuckDB doing the same job.
//
// Machines are noisy, so it compares and does not time: in each round every contender converts the
// same file once, in a process of its own, and what counts is the median over the rounds of the
// ratio within a round. Wall time, processor time and peak memory are the operating system's
// accounting of the finished process. Afterwards both outputs are read back and compared, column by
// column.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	flowlake string // path of the flowlake command
	dir      string // for inputs and outputs
	records  int
	rounds   int
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "duckdb" { // this process is a contender
		return fail(stderr, duckdbMain(ctx, args[1:]))
	}
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.flowlake, "flowlake", "build/flowlake", "path of the flowlake command")
	f.StringVar(&o.dir, "dir", "build/bench", "directory for inputs and outputs")
	f.IntVar(&o.records, "records", 2_400_000, "records in the file; the default is 79 MB of gzip, a little more than the largest that AWS delivers")
	f.IntVar(&o.rounds, "rounds", 5, "rounds")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if o.rounds < 1 || o.records < 1 {
		return fail(stderr, errors.New("want at least one round and one record"))
	}
	return fail(stderr, o.run(ctx, stdout))
}

func fail(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	return 1
}

// contender is one way to convert the file.
type contender struct {
	name    string
	threads int
	out     string   // directory that it writes to
	command []string // program and arguments
}

func (o *options) run(ctx context.Context, w io.Writer) error {
	name := fmt.Sprintf("synthetic-%d.log.gz", o.records)
	in := filepath.Join(o.dir, name)
	if _, err := os.Stat(in); errors.Is(err, os.ErrNotExist) {
		cmd := exec.CommandContext(ctx, o.flowlake, "synth", "--out", o.dir, "--day", "2026-01-09", "--records", strconv.Itoa(o.records), "--single", name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make input: %w: %s", err, out)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var contenders []contender
	for _, threads := range []int{2, 1} {
		lake := filepath.Join(o.dir, fmt.Sprintf("flowlake-%d", threads))
		contenders = append(contenders, contender{"flowlake", threads, lake, []string{o.flowlake, "replay", in, "--lake", lake, "--workers", "1"}})
		peer := filepath.Join(o.dir, fmt.Sprintf("duckdb-%d", threads))
		contenders = append(contenders, contender{"DuckDB COPY", threads, peer, []string{self, "duckdb", in, peer, strconv.Itoa(threads)}})
	}
	var rounds [][]figures
	for range o.rounds {
		var round []figures
		for _, c := range contenders {
			f, err := measure(ctx, c)
			if err != nil {
				return fmt.Errorf("%s with %d threads: %w", c.name, c.threads, err)
			}
			round = append(round, f)
		}
		rounds = append(rounds, round)
	}
	text, err := textSize(in)
	if err != nil {
		return err
	}
	if err := describe(w, in, text, o.records, len(rounds)); err != nil {
		return err
	}
	writeTable(w, contenders, rounds, text, o.records)
	for _, c := range contenders[1:] {
		if err := compare(ctx, contenders[0].out, c.out); err != nil {
			return fmt.Errorf("compare the outputs of %s and %s: %w", contenders[0].name, c.name, err)
		}
	}
	fmt.Fprintln(w, "All outputs hold the same rows, column by column.")
	return nil
}
