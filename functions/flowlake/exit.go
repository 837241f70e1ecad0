package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// exitCode is what the process ends with.
type exitCode int

const (
	exitOK          exitCode = 0
	exitFailed      exitCode = 1
	exitUsage       exitCode = 2
	exitRejects     exitCode = 3
	exitObjects     exitCode = 4
	exitInterrupted exitCode = 5
	exitDiffers     exitCode = 6
	exitPipe        exitCode = 128 + 13 // what shells say of a program that SIGPIPE ends
)

// exitCodes is the table of all exit codes, which the help prints.
var exitCodes = []struct {
	code    exitCode
	meaning string
}{
	{exitOK, "done"},
	{exitFailed, "not done; the message says why"},
	{exitUsage, "the command line is wrong"},
	{exitRejects, "done, but some lines are no records; they are in the rejects table"},
	{exitObjects, "some objects were not converted; all others were"},
	{exitInterrupted, "interrupted; the message says how to go on"},
	{exitDiffers, "verify: the lake is not what its sources say"},
	{exitPipe, "the program that took the output has ended, as head does"},
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %-3d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// exitError is an error that has its own exit code.
type exitError struct {
	code exitCode
	err  error // nil where everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error of the command line.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// report prints the error of a command, if it is one that nobody has printed, and gives its exit
// code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return int(exitOK)
	}
	code := exitFailed
	if errors.Is(err, context.Canceled) {
		code, err = exitInterrupted, errors.New("interrupted")
	}
	var e *exitError
	if errors.As(err, &e) {
		code = e.code
		if e.err == nil {
			return int(code)
		}
	}
	fmt.Fprintf(stderr, "flowlake: %v\n", err)
	if code == exitUsage {
		fmt.Fprintln(stderr, "Run the command with --help to see how it is used.")
	}
	return int(code)
}
