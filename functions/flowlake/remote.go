package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/flowlake/flowlake/functions/internal/failed"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/stepfunctions"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

// machine replays. It is [*stepfunctions.Machine].
type machine interface {
	Start(ctx context.Context, name string, in stepfunctions.Input) (*stepfunctions.Execution, error)
	Follow(ctx context.Context, e *stepfunctions.Execution, every time.Duration, fn func(stepfunctions.Progress)) (*stepfunctions.Outcome, error)
}

// polling is the time between two looks at an execution. Step Functions takes some requests a second
// from all of an account.
const polling = 10 * time.Second

// remoteReplay is a replay by a state machine.
type remoteReplay struct {
	machine machine
	input   stepfunctions.Input
	name    string // of the execution, or ""
	lake    lakeOptions
	open    failed.Opener // of results
	now     func() time.Time
	json    bool
}

// remoteSummary is what a replay by a state machine came to.
type remoteSummary struct {
	*stepfunctions.Outcome
	// Manifests are those of the results of what was not converted, as far as they could be read.
	Manifests []string `json:"manifests"`
	// FailedObjects are the objects that failed or were not begun, and Failures the first of them.
	FailedObjects int              `json:"failed"`
	Failures      []replay.Failure `json:"failures"`
}

// run starts an execution, or takes one up, follows it to its end, and tells what was not converted and
// how to convert it.
func (r *remoteReplay) run(ctx context.Context, stdout, stderr io.Writer, p *progress) error {
	bucket, _, err := s3store.ParseURL(r.lake.url)
	if err != nil {
		return usage("--engine step-functions: want the stack's lake, s3://bucket/lake, as --lake: the results are in its bucket, have %s", r.lake.url)
	}
	name := r.name
	if name == "" {
		name = "flowlake-" + r.now().UTC().Format("20060102T150405Z")
	}
	e, err := r.machine.Start(ctx, name, r.input)
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted while execution %s was being started, which may go on by itself; the same command with --execution-name %s follows it, or starts it", name, name)}
	case err != nil:
		return err
	case r.json:
		p.line(struct {
			Started startedExecution `json:"started"`
		}{startedExecution{e.Name, e.ARN, e.Started}})
	default:
		fmt.Fprintf(stderr, "execution %s, started %s\n", e.ARN, e.Started.UTC().Format(time.RFC3339))
	}
	o, err := r.machine.Follow(ctx, e, polling, p.showExecution)
	p.close()
	goesOn := fmt.Sprintf("execution %s goes on by itself; the same command with --execution-name %s follows it again, and aws stepfunctions stop-execution --execution-arn %s stops it", e.Name, e.Name, e.ARN)
	switch {
	case ctx.Err() != nil && o == nil:
		return &exitError{exitInterrupted, errors.New("interrupted; " + goesOn)}
	case err != nil:
		return fmt.Errorf("%w; %s", err, goesOn)
	}
	s := remoteSummary{Outcome: o, Manifests: []string{}, Failures: []replay.Failure{}}
	reading := s.read(ctx, r.open, o.Manifests(bucket))
	if err := s.write(stdout, r); err != nil {
		return err
	}
	switch err := join(o.Err(), reading); {
	case ctx.Err() != nil:
		interrupted := fmt.Errorf("interrupted; the same command with --execution-name %s reads again what was not converted", e.Name)
		return &exitError{exitInterrupted, join(o.Err(), interrupted)}
	case err != nil:
		return err
	case s.Objects.Failed > 0, s.Running > 0, s.Pending > 0, s.FailedObjects > 0:
		return &exitError{code: exitObjects}
	}
	return nil
}

// startedExecution is an execution that is followed from now on, as a line of JSON.
type startedExecution struct {
	Name    string    `json:"execution"`
	ARN     string    `json:"arn"`
	Started time.Time `json:"started"`
}

// join is [errors.Join] in one line.
func join(errs ...error) error {
	var all error
	for _, err := range errs {
		switch {
		case all == nil:
			all = err
		case err != nil:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}

// read reads the results of what was not converted.
func (s *remoteSummary) read(ctx context.Context, open failed.Opener, manifests []string) error {
	var errs []error
	for _, manifest := range manifests {
		err := failed.Read(ctx, open, manifest, func(o failed.Object) error {
			if s.FailedObjects++; len(s.Failures) < replay.MaxFailures {
				s.Failures = append(s.Failures, replay.Failure{URL: o.URL, Error: o.Error})
			}
			return nil
		})
		if err == nil {
			s.Manifests = append(s.Manifests, manifest)
		}
		errs = append(errs, err)
	}
	return join(errs...)
}

// write prints the summary.
func (s *remoteSummary) write(w io.Writer, r *remoteReplay) error {
	if r.json {
		return json.NewEncoder(w).Encode(s)
	}
	fmt.Fprintf(w, "execution   %s %s\n", s.Name, strings.ToLower(strings.ReplaceAll(s.Status, "_", " ")))
	fmt.Fprintf(w, "objects     %s found: %s in batches that were converted, %s in batches that failed, %s not begun\n",
		comma(s.Total), comma(s.Succeeded), comma(s.Objects.Failed), comma(s.Running+s.Pending))
	for i, f := range s.Failures {
		if i == maxFailures {
			break
		}
		fmt.Fprintf(w, "  failed    %s: %s\n", f.URL, f.Error)
	}
	if n := s.FailedObjects - maxFailures; n > 0 {
		fmt.Fprintf(w, "  failed    ... and %s more\n", comma(n))
	}
	if len(s.Manifests) > 0 {
		fmt.Fprintf(w, "again       flowlake replay --lake %s --database %s", r.lake.url, r.lake.database)
		for _, m := range s.Manifests {
			fmt.Fprintf(w, " --failed %s", m)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// showExecution takes how far an execution is.
func (p *progress) showExecution(s stepfunctions.Progress) {
	now := p.now()
	text := fmt.Sprintf("%s of at least %s objects", comma(s.Succeeded+s.Objects.Failed), comma(s.Total))
	if s.Objects.Failed > 0 {
		text += fmt.Sprintf(", %s in batches that failed", comma(s.Objects.Failed))
	}
	if s.Number > 0 {
		text += fmt.Sprintf(", prefix %d of %d: %s", s.Number, s.Prefixes, s.Prefix)
	}
	switch {
	case p.bar != nil:
		p.bar.Describe(text)
		p.bar.Set64(s.Succeeded + s.Objects.Failed)
	case now.Sub(p.last) < every:
	case p.json:
		p.last = now
		p.line(struct {
			Progress stepfunctions.Progress `json:"progress"`
		}{s})
	default:
		p.last = now
		fmt.Fprintf(p.w, "%s\n", text)
	}
}
