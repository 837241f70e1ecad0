// Command flowlake turns AWS flow logs into a columnar lake and queries it, on one machine.
//
// One file per command (cmd_*.go), each with its options, their checks and its run. Everything that
// a command does stands in the packages below functions/internal; here are flags and output only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	signal.Ignore(syscall.SIGPIPE) // so that writing gives an error, and temporary files are removed
	context.AfterFunc(ctx, stop)   // the first signal asks to finish, the next one ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs one command line and gives the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &checkedWriter{w: stdout}
	root := newRoot()
	root.SetArgs(operands(args))
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if errors.Is(out.err, syscall.EPIPE) {
		return int(exitPipe)
	}
	if out.err != nil {
		err = fmt.Errorf("write the output: %w", out.err)
	}
	return report(stderr, err)
}

// operands keeps SQL that begins with a comment, as the named queries do, from being taken for a
// flag: a line break in front changes nothing but that.
func operands(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if strings.HasPrefix(a, "-- ") || strings.HasPrefix(a, "--\n") {
			args[i] = "\n" + a
		}
	}
	return args
}

// checkedWriter remembers the first error of its writer, which most who print do not look at.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.err = err
	return n, err
}
