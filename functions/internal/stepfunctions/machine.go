// Package stepfunctions runs replays on a stack's state machine, deploy/replay/statemachine.asl.json: it
// starts an execution, follows it, and tells where the results are.
//
// It reads no results (package failed does), stops nothing and redrives nothing: an execution goes on by
// itself, whether or not somebody follows it.
//
// API: AWS Step Functions API Reference. Results: Step Functions developer guide, "ResultWriter (Map)".
package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/logging"
)

// Client is what of Step Functions is called; *sfn.Client, as of [NewClient], has it. The names of the
// calls are those of the IAM actions that it takes.
type Client interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	ListMapRuns(context.Context, *sfn.ListMapRunsInput, ...func(*sfn.Options)) (*sfn.ListMapRunsOutput, error)
	DescribeMapRun(context.Context, *sfn.DescribeMapRunInput, ...func(*sfn.Options)) (*sfn.DescribeMapRunOutput, error)
}

// attempts is how often a request is sent at most, with up to 20 s in between.
const attempts = 6

// NewClient gives a client for [Open]. It logs nothing.
func NewClient(cfg aws.Config) *sfn.Client {
	return sfn.NewFromConfig(cfg, func(o *sfn.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = attempts })
		o.Logger = logging.Nop{}
	})
}

// Machine is a stack's state machine.
type Machine struct {
	client Client
	arn    string
	sleep  func(ctx context.Context, d time.Duration) error
}

// arnPattern is an ARN of a state machine: what comes before its kind, its name, and perhaps a version
// or an alias.
var arnPattern = regexp.MustCompile(`^(arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:)stateMachine:([A-Za-z0-9_-]{1,80})(:[A-Za-z0-9_-]+)?$`)

// Open gives the state machine of that ARN, which is the stack's output ReplayStateMachineArn. It sends
// no request.
func Open(client Client, arn string) (*Machine, error) {
	if !arnPattern.MatchString(arn) {
		return nil, fmt.Errorf("open state machine %q: want an ARN such as arn:aws:states:us-east-1:123456789012:stateMachine:flowlake-replay", arn)
	}
	return &Machine{client: client, arn: arn, sleep: sleep}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Input says what an execution is to replay, as the state machine takes it.
type Input struct {
	// Bucket is the flow logs'; the execution fails if the stack's is another one. "" is the stack's.
	Bucket string `json:"bucket,omitempty"`
	// Prefix begins the keys of what is replayed, and ends with a slash. With From and To it ends with
	// the Region: ".../123456789012/globalaccelerator/us-west-2/". "" is the stack's FlowLogPrefix.
	Prefix string `json:"prefix,omitempty"`
	// From and To are the days in the logs' keys, such as 2026-01-09, both replayed; both or none is
	// given.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Concurrency is the number of batches at the same time, 1 to 1,000.
	Concurrency int `json:"concurrency"`
	// ToleratedFailurePercentage is how many of a prefix's objects may lie in batches that failed, 0 to
	// 100.
	ToleratedFailurePercentage int `json:"toleratedFailurePercentage"`
}

// regional is a prefix that ends with a Region, as the state machine wants it where days are given.
var regional = regexp.MustCompile(`/[0-9]{12}/[A-Za-z]+/[a-z0-9-]+/$`)

// Validate reports everything that is wrong, at once, as far as it can be told here: the state machine
// also knows its bucket and root.
func (in *Input) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(in.Prefix == "" || strings.HasSuffix(in.Prefix, "/"), "prefix: want one that ends with a slash, have %q", in.Prefix)
	if in.From != "" || in.To != "" {
		check(regional.MatchString(in.Prefix), "prefix: want one that ends with the Region and a slash, such as AWSLogs/123456789012/globalaccelerator/us-west-2/, where days are given, have %q", in.Prefix)
		from, err := time.Parse(time.DateOnly, in.From)
		check(err == nil, "from: want a day such as 2026-01-09, and to with it, have %q", in.From)
		to, toErr := time.Parse(time.DateOnly, in.To)
		check(toErr == nil, "to: want a day such as 2026-01-09, and from with it, have %q", in.To)
		if err == nil && toErr == nil {
			check(!to.Before(from) && months(to)-months(from) < 120, "to: want no day before %s and no more than 120 months in all, have %s", in.From, in.To)
		}
	}
	check(in.Concurrency >= 1 && in.Concurrency <= 1000, "concurrency: want 1 to 1000, have %d", in.Concurrency)
	check(in.ToleratedFailurePercentage >= 0 && in.ToleratedFailurePercentage <= 100, "tolerated failure percentage: want 0 to 100, have %d", in.ToleratedFailurePercentage)
	return errors.Join(errs...)
}

func months(t time.Time) int { return 12*t.Year() + int(t.Month()) }

// Prefixes gives the prefixes that the state machine replays for a valid input, one after the other: a
// month where all its days are wanted, else single days; without days, the one of the input.
func (in *Input) Prefixes() []string {
	if in.From == "" {
		return []string{in.Prefix}
	}
	from, _ := time.Parse(time.DateOnly, in.From)
	to, _ := time.Parse(time.DateOnly, in.To)
	var all []string
	for day := from; !day.After(to); {
		if next := day.AddDate(0, 1, 0); day.Day() == 1 && !next.AddDate(0, 0, -1).After(to) {
			all = append(all, in.Prefix+day.Format("2006/01/"))
			day = next
			continue
		}
		all = append(all, in.Prefix+day.Format("2006/01/02/"))
		day = day.AddDate(0, 0, 1)
	}
	return all
}

// Execution is one execution of the state machine.
type Execution struct {
	// ARN and Name identify it.
	ARN, Name string
	// Input is what it replays.
	Input Input
	// Started is when it was started, by this call or by one before it.
	Started time.Time
}

// namePattern is a name that every part of AWS takes, also in the keys of the results.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// CheckName finds what is wrong with the name of an execution.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("want a name of 1 to 80 letters, digits, hyphens and underscores, have %q", name)
	}
	return nil
}

// Start starts an execution of that name, as [CheckName] has it. If there is one of that name and with
// that input, running or ended, that one is given; with another input, it is an error. AWS keeps names
// for 90 days.
func (m *Machine) Start(ctx context.Context, name string, in Input) (*Execution, error) {
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("start execution: %w", err)
	}
	if err := in.Validate(); err != nil {
		return nil, fmt.Errorf("start execution %s: %w", name, err)
	}
	input, err := json.Marshal(&in)
	if err != nil {
		return nil, fmt.Errorf("start execution %s: %w", name, err)
	}
	out, err := m.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &m.arn, Name: &name, Input: aws.String(string(input))})
	if errors.As(err, new(*types.ExecutionAlreadyExists)) {
		return m.takeUp(ctx, name, in)
	}
	if err != nil {
		return nil, fail(ctx, "start execution "+name+" of "+m.arn, err)
	}
	return &Execution{ARN: aws.ToString(out.ExecutionArn), Name: name, Input: in, Started: aws.ToTime(out.StartDate)}, nil
}

// takeUp gives the execution of that name, if it has that input.
func (m *Machine) takeUp(ctx context.Context, name string, in Input) (*Execution, error) {
	parts := arnPattern.FindStringSubmatch(m.arn)
	arn := parts[1] + "execution:" + parts[2] + ":" + name
	out, err := m.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return nil, fail(ctx, "read execution "+name+", which exists", err)
	}
	have := Input{}
	d := json.NewDecoder(strings.NewReader(aws.ToString(out.Input)))
	d.DisallowUnknownFields()
	if err := d.Decode(&have); err != nil || have != in {
		want, _ := json.Marshal(&in)
		return nil, fmt.Errorf("start execution %s: one of that name exists with another input, which is %s and not %s; give another name, or those settings",
			name, aws.ToString(out.Input), want)
	}
	return &Execution{ARN: arn, Name: name, Input: in, Started: aws.ToTime(out.StartDate)}, nil
}
