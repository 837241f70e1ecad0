// Command bench measures the conversion of large files against others that do the same job: DuckDB's
// COPY and a converter as most people would write it in Go. It also measures what inflating the file
// alone takes, below which no converter on one core can come, and what queries read of the outputs.
// Last it measures the page of a large lake, against what that may take.
//
// Machines are noisy, so it compares and does not time: in each round every contender takes the same
// file once, in a process of its own, and what counts is the median over the rounds of the ratio
// within a round. Wall time, processor time and peak memory are the operating system's accounting of
// the finished process. Afterwards every output is read back and compared, column by column, with
// what DuckDB's own CSV reader finds in the text.
//
// It prints Markdown, for a README. It is no test of speed that fails: a slow machine is no error,
// but an output that holds other rows is one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// helpers are what a process of this program does when the first argument names it: a contender, or
// what uses memory that would count as a contender's later (see measure). An answer other
// than nil is written to standard output as JSON.
var helpers = map[string]func(ctx context.Context, args []string) (any, error){
	"duckdb":      duckdbMain,
	"plain":       plainMain,
	"gunzip":      gunzipMain,
	"fingerprint": fingerprintMain,
	"addresses":   addressesMain,
	"read":        readMain,
}

type options struct {
	flowlake string // path of the flowlake command
	dir      string // for inputs and outputs
	self     string // path of this program
	input    string // gzip flow log to use instead of synthetic ones
	records  int    // of the large synthetic file
	rounds   int
	large    bool // the large file only
	small    bool // the small file only
	page     bool // the report's page only
}

// smallRecords is the size of the small synthetic file.
const smallRecords = 1_000_000

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		if helper, ok := helpers[args[0]]; ok {
			answer, err := helper(ctx, args[1:])
			if err == nil && answer != nil {
				err = json.NewEncoder(stdout).Encode(answer)
			}
			return fail(stderr, err)
		}
	}
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.flowlake, "flowlake", "build/flowlake", "path of the flowlake command")
	f.StringVar(&o.dir, "dir", "build/bench", "directory for inputs and outputs")
	f.StringVar(&o.input, "input", "", "gzip flow log to use instead of synthetic ones")
	f.IntVar(&o.records, "records", 2_270_000, "records of the large file; the default is 75 MB of gzip, about the largest that AWS delivers")
	f.IntVar(&o.rounds, "rounds", 5, "rounds")
	f.BoolVar(&o.large, "large", false, "use the large file only")
	f.BoolVar(&o.small, "small", false, "use the small file only")
	f.BoolVar(&o.page, "page", false, "measure the report's page only")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if err := o.validate(f.Args()); err != nil {
		return fail(stderr, err)
	}
	return fail(stderr, o.run(ctx, stdout, stderr))
}

func (o *options) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("want no arguments, have %q", rest))
	}
	if o.rounds < 1 || o.records < 1 {
		errs = append(errs, errors.New("want at least one round and one record"))
	}
	chosen := 0
	for _, one := range []bool{o.large, o.small, o.page, o.input != ""} {
		if one {
			chosen++
		}
	}
	if chosen > 1 {
		errs = append(errs, errors.New("want at most one of -large, -small, -page and -input"))
	}
	return errors.Join(errs...)
}

func fail(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	return 1
}

// run measures what was chosen. A report is printed as soon as its measurement is done.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	var err error
	if o.self, err = os.Executable(); err != nil {
		return err
	}
	fmt.Fprintln(stdout, machine())
	if !o.page {
		if err := o.measureInputs(ctx, stdout, stderr); err != nil {
			return err
		}
	}
	if o.page || !o.large && !o.small && o.input == "" {
		return o.measurePage(ctx, pageRecords, stdout, stderr)
	}
	return nil
}

// measureInputs measures the conversion of one input after the other.
func (o *options) measureInputs(ctx context.Context, stdout, stderr io.Writer) error {
	sorts, err := o.sorts(ctx)
	if err != nil {
		return err
	}
	if !sorts {
		fmt.Fprintf(stderr, "%s has no --sort-rows: sorting the whole file is not measured\n", o.flowlake)
	}
	var inputs []input
	if o.input != "" {
		inputs = append(inputs, input{path: o.input, all: true})
	}
	if o.input == "" && !o.small {
		inputs = append(inputs, input{records: o.records, all: true, synthetic: true})
	}
	if o.input == "" && !o.large {
		inputs = append(inputs, input{records: smallRecords, synthetic: true})
	}
	for i, in := range inputs {
		if in.synthetic {
			if in.path, err = o.synthesize(ctx, in.records); err != nil {
				return err
			}
		}
		if err := in.count(); err != nil {
			return fmt.Errorf("count %s: %w", in.path, err)
		}
		outputs := filepath.Join(o.dir, fmt.Sprintf("outputs-%d", i+1))
		r, err := o.measure(ctx, in, o.contenders(in, outputs, sorts), stderr)
		if err != nil {
			return err
		}
		r.write(stdout)
	}
	return nil
}
