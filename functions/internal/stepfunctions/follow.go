package stepfunctions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Objects counts objects by what became of their batches. One object that fails makes its whole batch,
// 20 objects, count as failed, although the others of it were converted.
type Objects struct {
	// Total = Succeeded + Failed + Running + Pending. It grows while a prefix is being listed, and does
	// not hold those of prefixes that come later.
	Total int64 `json:"objects"`
	// Succeeded are in batches of which all was converted or skipped, and Failed in those that failed,
	// were stopped or took too long.
	Succeeded int64 `json:"in_batches_converted"`
	Failed    int64 `json:"in_batches_failed"`
	// Running are in batches that are being converted, and Pending in those that are not begun.
	Running int64 `json:"in_batches_running"`
	Pending int64 `json:"in_batches_not_begun"`
}

func (o *Objects) add(more *Objects) {
	o.Total += more.Total
	o.Succeeded += more.Succeeded
	o.Failed += more.Failed
	o.Running += more.Running
	o.Pending += more.Pending
}

// Progress is how far an execution is.
type Progress struct {
	// Name is the execution's, and Status one of RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED and
	// PENDING_REDRIVE.
	Name   string `json:"execution"`
	Status string `json:"status"`
	// Started is when it was started.
	Started time.Time `json:"started"`
	// Prefix is the one that is being replayed, or was last, the Number'th of Prefixes; Number is 0
	// before the first. Prefix is "" where the input leaves it to the stack.
	Prefix   string `json:"prefix"`
	Number   int    `json:"prefix_number"`
	Prefixes int    `json:"prefixes"`
	// Objects are those of all prefixes so far.
	Objects
}

// Outcome is what an execution came to.
type Outcome struct {
	Progress
	// Error and Cause are those that it failed with.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Results are the manifests of the results of those prefixes that have objects in batches which
	// failed or were not begun, as keys in the bucket of the results: see [Outcome.Manifests].
	Results []string `json:"results,omitempty"`
}

// Manifests gives the URLs of the manifests of what was not converted, in the bucket of the results,
// which is the lake's. The results are kept for 90 days.
func (o *Outcome) Manifests(bucket string) []string {
	urls := make([]string, len(o.Results))
	for i, key := range o.Results {
		urls[i] = "s3://" + bucket + "/" + key
	}
	return urls
}

// resultPrefix begins the keys of results, as deploy/template.yaml has it.
const resultPrefix = "replay/"

// The state machine's own errors, and the one of a Map Run with too many failures.
const (
	wrongInput  = "WrongInput"
	noObjects   = "NoObjects"
	tooMany     = "States.ExceedToleratedFailureThreshold"
	itemsFailed = "States.ItemReaderFailed"
)

// Err says why the execution failed, in words that tell what to do, or gives nil if it succeeded. Batches
// that failed while it succeeded are in Objects.
func (o *Outcome) Err() error {
	if o.Status == string(types.ExecutionStatusSucceeded) {
		return nil
	}
	reason := o.Error
	if o.Cause != "" {
		reason = strings.TrimPrefix(reason+": "+o.Cause, ": ")
	}
	switch o.Error {
	case wrongInput, noObjects:
		reason = o.Cause
	case tooMany:
		reason = fmt.Sprintf("more objects of %s than are tolerated lie in batches that failed, and those not begun were given up: %s", cmp.Or(o.Prefix, "the prefix"), reason)
	case itemsFailed:
		reason = fmt.Sprintf("%s cannot be listed: %s", cmp.Or(o.Prefix, "the prefix"), reason)
	case "":
		reason = cmp.Or(reason, "no reason is given")
	}
	return fmt.Errorf("execution %s %s: %s", o.Name, strings.ToLower(strings.ReplaceAll(o.Status, "_", " ")), reason)
}

// Follow polls an execution until it ends, and calls fn after each poll. every is the time between two
// polls; while Step Functions is asked too often, or cannot be reached, it is doubled with each failure,
// up to 5 minutes, and after 10 failures in a row Follow gives the error. That the execution itself
// failed is no error here, see [Outcome.Err].
//
// When ctx ends, its error is returned. The execution goes on, then as after any error; Follow takes it up
// again, and so does [Machine.Start] with the same name and input.
func (m *Machine) Follow(ctx context.Context, e *Execution, every time.Duration, fn func(Progress)) (*Outcome, error) {
	f := follower{machine: m, execution: e, prefixes: e.Input.Prefixes(), ended: map[string]Objects{}}
	wait, failures := every, 0
	for {
		o, err := f.poll(ctx)
		var r interface{ Retryable() bool }
		switch {
		case err == nil:
			wait, failures = every, 0
			fn(o.Progress)
			if o.Status != string(types.ExecutionStatusRunning) && o.Status != string(types.ExecutionStatusPendingRedrive) {
				return o, nil
			}
		case errors.As(err, &r) && r.Retryable() && failures < maxFailures:
			failures++
			wait = min(2*wait, maxWait)
		default:
			return nil, err
		}
		if err := m.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

const (
	maxFailures = 9
	maxWait     = 5 * time.Minute
)

// follower is one call of Follow.
type follower struct {
	machine   *Machine
	execution *Execution
	prefixes  []string
	ended     map[string]Objects // of the Map Runs that ended, by ARN: they are not asked again
}

// poll asks once. The execution is asked before its Map Runs, so that their counts are final if its end
// is.
func (f *follower) poll(ctx context.Context) (*Outcome, error) {
	name := f.execution.Name
	out, err := f.machine.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &f.execution.ARN})
	if err != nil {
		return nil, fail(ctx, "read execution "+name, err)
	}
	o := &Outcome{Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)}
	o.Name, o.Status, o.Started, o.Prefixes = name, string(out.Status), aws.ToTime(out.StartDate), len(f.prefixes)
	runs, err := f.runs(ctx)
	if err != nil {
		return nil, err
	}
	for i, run := range runs {
		counts, err := f.counts(ctx, run)
		if err != nil {
			return nil, err
		}
		o.Objects.add(&counts)
		if counts.Total > counts.Succeeded {
			// The id of the Map Run is that of its results.
			o.Results = append(o.Results, resultPrefix+name+"/"+run[strings.LastIndexByte(run, ':')+1:]+"/manifest.json")
		}
		o.Number = i + 1
		if i < len(f.prefixes) {
			o.Prefix = f.prefixes[i]
		}
	}
	return o, nil
}

// runs gives the ARNs of the Map Runs, in the order of their start: one for each prefix.
func (f *follower) runs(ctx context.Context) ([]string, error) {
	var all []types.MapRunListItem
	for pages := sfn.NewListMapRunsPaginator(f.machine.client, &sfn.ListMapRunsInput{ExecutionArn: &f.execution.ARN}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fail(ctx, "list the Map Runs of execution "+f.execution.Name, err)
		}
		all = append(all, page.MapRuns...)
	}
	slices.SortStableFunc(all, func(a, b types.MapRunListItem) int {
		return aws.ToTime(a.StartDate).Compare(aws.ToTime(b.StartDate))
	})
	arns := make([]string, len(all))
	for i, run := range all {
		arns[i] = aws.ToString(run.MapRunArn)
	}
	return arns, nil
}

// counts gives the objects of a Map Run.
func (f *follower) counts(ctx context.Context, run string) (Objects, error) {
	if counts, ended := f.ended[run]; ended {
		return counts, nil
	}
	out, err := f.machine.client.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: &run})
	if err != nil {
		return Objects{}, fail(ctx, "read Map Run "+run, err)
	}
	c := out.ItemCounts
	if c == nil {
		return Objects{}, fmt.Errorf("read Map Run %s: want itemCounts, found none", run)
	}
	counts := Objects{Total: c.Total, Succeeded: c.Succeeded, Failed: c.Failed + c.TimedOut + c.Aborted, Running: c.Running, Pending: c.Pending}
	// One that succeeded is not begun again; a redrive of the execution takes up the others.
	if out.Status == types.MapRunStatusSucceeded {
		f.ended[run] = counts
	}
	return counts, nil
}
