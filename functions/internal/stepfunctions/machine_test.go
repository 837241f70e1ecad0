package stepfunctions

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

const region = "AWSLogs/123456789012/globalaccelerator/us-west-2/"

var january = Input{Bucket: "logs", Prefix: region, From: "2026-01-30", To: "2026-03-01", Concurrency: 10, ToleratedFailurePercentage: 0}

func TestStart(t *testing.T) {
	f, m := serve(t)
	e, err := m.Start(t.Context(), "january", january)
	if err != nil || e.ARN != testExecution || e.Name != "january" || e.Input != january || !e.Started.Equal(began) {
		t.Errorf("%+v, error %v", e, err)
	}
	const want = `{"bucket":"logs","prefix":"AWSLogs/123456789012/globalaccelerator/us-west-2/","from":"2026-01-30","to":"2026-03-01","concurrency":10,"toleratedFailurePercentage":0}`
	if f.input != want {
		t.Errorf("input %s, want %s", f.input, want)
	}
}

// An execution of the same name and input is taken up again, running or not; one with another input is an
// error that tells both.
func TestStartAgain(t *testing.T) {
	f, m := serve(t)
	for _, status := range []string{"RUNNING", "RUNNING", "SUCCEEDED", "FAILED"} {
		f.status = status
		e, err := m.Start(t.Context(), "january", january)
		if err != nil || e.ARN != testExecution || !e.Started.Equal(began) {
			t.Errorf("%s: %+v, error %v", status, e, err)
		}
	}
	other := january
	other.To = "2026-02-28"
	for _, status := range []string{"RUNNING", "SUCCEEDED"} {
		f.status = status
		_, err := m.Start(t.Context(), "january", other)
		if err == nil || !strings.Contains(err.Error(), "start execution january: one of that name exists with another input, which is {") || !strings.Contains(err.Error(), "2026-02-28") || !strings.Contains(err.Error(), "2026-03-01") {
			t.Errorf("%s: error %v", status, err)
		}
	}
	// Somebody else's may have fields of which nothing is known here.
	f.input = strings.Replace(f.input, "{", `{"also":1,`, 1)
	if _, err := m.Start(t.Context(), "january", january); err == nil || !strings.Contains(err.Error(), "another input") {
		t.Errorf("error %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	f, m := serve(t)
	if _, err := m.Start(t.Context(), "of january", january); err == nil || !strings.Contains(err.Error(), "want a name of 1 to 80") {
		t.Errorf("error %v", err)
	}
	if _, err := m.Start(t.Context(), "january", Input{}); err == nil || !strings.Contains(err.Error(), "concurrency: want 1 to 1000, have 0") {
		t.Errorf("error %v", err)
	}
	if len(f.calls) != 0 {
		t.Errorf("calls %v before the input was checked", f.calls)
	}
	f.fail = func(string, int) (int, string) { return 400, "AccessDeniedException" }
	_, err := m.Start(t.Context(), "january", january)
	if want := "start execution january of " + testMachine + ": AccessDeniedException: it is so"; err == nil || err.Error() != want || !errors.Is(err, fs.ErrPermission) || f.calls["StartExecution"] != 1 {
		t.Errorf("error %v after %v, want %s", err, f.calls, want)
	}
	f.fail = func(_ string, call int) (int, string) {
		if call <= 3 {
			return 400, "ThrottlingException"
		}
		return 0, ""
	}
	if _, err := m.Start(t.Context(), "january", january); err != nil {
		t.Errorf("throttled twice: error %v", err)
	}
	for _, arn := range []string{"", "flowlake-replay", testExecution, "arn:aws:states:us-east-1:1:stateMachine:x"} {
		if _, err := Open(nil, arn); err == nil || !strings.Contains(err.Error(), "want an ARN such as") {
			t.Errorf("open %q: error %v", arn, err)
		}
	}
}

func TestInputIsChecked(t *testing.T) {
	for _, test := range []struct {
		change func(*Input)
		wrong  []string
	}{
		{func(in *Input) {}, nil},
		{func(in *Input) { *in = Input{Concurrency: 1000, ToleratedFailurePercentage: 100} }, nil},
		{func(in *Input) { in.From, in.To, in.Prefix = "", "", "AWSLogs/" }, nil},
		{func(in *Input) { in.From = "2016-04-01" }, nil},
		{func(in *Input) { in.Prefix = "AWSLogs/" }, []string{"prefix: want one that ends with the Region"}},
		{func(in *Input) { in.Prefix = strings.TrimSuffix(region, "/") }, []string{"prefix: want one that ends with a slash"}},
		{func(in *Input) { in.From = "" }, []string{`from: want a day such as 2026-01-09, and to with it, have ""`}},
		{func(in *Input) { in.To = "2026-02-29" }, []string{`to: want a day`, `have "2026-02-29"`}},
		{func(in *Input) { in.To = "2026-01-29" }, []string{"to: want no day before 2026-01-30"}},
		{func(in *Input) { in.From = "2016-03-31" }, []string{"no more than 120 months"}},
		{func(in *Input) { in.Concurrency, in.ToleratedFailurePercentage = 1001, -1 }, []string{"concurrency: want 1 to 1000, have 1001", "percentage: want 0 to 100, have -1"}},
	} {
		in := january
		test.change(&in)
		err := in.Validate()
		if (err == nil) != (test.wrong == nil) {
			t.Errorf("%+v: error %v", in, err)
		}
		for _, part := range test.wrong {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %v, want %s in it", in, err, part)
			}
		}
	}
}

// Every day of a range lies below one prefix; the end-to-end tests compare them with the state machine's.
func TestPrefixes(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     []string
	}{
		{"2026-01-30", "2026-03-01", []string{"2026/01/30/", "2026/01/31/", "2026/02/", "2026/03/01/"}},
		{"2026-01-01", "2026-01-31", []string{"2026/01/"}},
		{"2024-02-01", "2024-02-29", []string{"2024/02/"}},
		{"2026-12-31", "2027-01-01", []string{"2026/12/31/", "2027/01/01/"}},
		{"2026-01-09", "2026-01-09", []string{"2026/01/09/"}},
	} {
		in := Input{Prefix: region, From: test.from, To: test.to}
		got := in.Prefixes()
		for i := range test.want {
			test.want[i] = region + test.want[i]
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s to %s: %q, want %q", test.from, test.to, got, test.want)
		}
	}
	if got := (&Input{Prefix: "AWSLogs/"}).Prefixes(); !slices.Equal(got, []string{"AWSLogs/"}) {
		t.Errorf("without days: %q", got)
	}
}

func counts(total, succeeded, failed, running, pending int) map[string]int {
	return map[string]int{"total": total, "succeeded": succeeded, "failed": failed, "running": running, "pending": pending, "aborted": 0, "timedOut": 0, "resultsWritten": 0}
}

// following gives a machine that passes its waits to a function, and the execution january.
func following(t *testing.T, waits func(d time.Duration)) (*fake, *Machine, *Execution) {
	t.Helper()
	f, m := serve(t)
	m.sleep = func(ctx context.Context, d time.Duration) error {
		waits(d)
		return ctx.Err()
	}
	e, err := m.Start(t.Context(), "january", january)
	if err != nil {
		t.Fatal(err)
	}
	return f, m, e
}

// An execution is followed over its prefixes, with several pages of Map Runs, to its end.
func TestFollow(t *testing.T) {
	var f *fake
	var m *Machine
	var e *Execution
	polls := 0
	f, m, e = following(t, func(d time.Duration) {
		if d != time.Minute {
			t.Errorf("waits %v", d)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		switch polls++; polls {
		case 1:
			f.runs = []run{{"a", "RUNNING", counts(60, 20, 0, 20, 20)}}
		case 2:
			f.runs = []run{{"a", "SUCCEEDED", counts(60, 60, 0, 0, 0)}, {"b", "SUCCEEDED", counts(0, 0, 0, 0, 0)}, {"c", "RUNNING", counts(1000, 0, 20, 100, 880)}}
		case 3:
			f.runs[2] = run{"c", "SUCCEEDED", counts(1000, 980, 20, 0, 0)}
			f.runs = append(f.runs, run{"d", "SUCCEEDED", counts(5, 5, 0, 0, 0)})
			f.status = "SUCCEEDED"
		}
	})
	var got []Progress
	o, err := m.Follow(t.Context(), e, time.Minute, func(p Progress) { got = append(got, p) })
	if err != nil {
		t.Fatal(err)
	}
	base := Progress{Name: "january", Status: "RUNNING", Prefixes: 4}
	want := []Progress{base, base, base, base}
	want[1].Prefix, want[1].Number, want[1].Objects = region+"2026/01/30/", 1, Objects{60, 20, 0, 20, 20}
	want[2].Prefix, want[2].Number, want[2].Objects = region+"2026/02/", 3, Objects{1060, 60, 20, 100, 880}
	want[3].Prefix, want[3].Number, want[3].Objects = region+"2026/03/01/", 4, Objects{1065, 1045, 20, 0, 0}
	want[3].Status = "SUCCEEDED"
	for i := range got {
		if !got[i].Started.Equal(began) {
			t.Errorf("started %v", got[i].Started)
		}
		got[i].Started = time.Time{}
	}
	if !slices.Equal(got, want) {
		t.Errorf("progress\n%+v, want\n%+v", got, want)
	}
	if o.Err() != nil || !slices.Equal(o.Manifests("lake"), []string{"s3://lake/replay/january/c/manifest.json"}) {
		t.Errorf("%+v, error %v, manifests %q", o, o.Err(), o.Manifests("lake"))
	}
	// What has ended well is not asked again: a twice, b once, c twice, d once.
	if f.calls["DescribeMapRun"] != 6 || f.calls["ListMapRuns"] != 1+1+2+2 {
		t.Errorf("calls %v", f.calls)
	}
}

// Each way to fail says what to do, with the machine's own words.
func TestFailedExecutions(t *testing.T) {
	for _, test := range []struct {
		status, error, cause string
		want                 string
	}{
		{"FAILED", "WrongInput", "bucket: want other, the only one that the function may read, have logs", "execution january failed: bucket: want other, the only one that the function may read, have logs"},
		{"FAILED", "NoObjects", "no object below s3://logs/", "execution january failed: no object below s3://logs/"},
		{"FAILED", "States.ExceedToleratedFailureThreshold", "too many", "execution january failed: more objects of " + region + "2026/01/30/ than are tolerated lie in batches that failed, and those not begun were given up: States.ExceedToleratedFailureThreshold: too many"},
		{"FAILED", "States.ItemReaderFailed", "denied", "execution january failed: " + region + "2026/01/30/ cannot be listed: States.ItemReaderFailed: denied"},
		{"TIMED_OUT", "", "", "execution january timed out: no reason is given"},
		{"ABORTED", "", "by me", "execution january aborted: by me"},
		{"FAILED", "States.Runtime", "x", "execution january failed: States.Runtime: x"},
	} {
		f, m, e := following(t, func(time.Duration) { t.Error("waits") })
		f.status, f.error, f.cause = test.status, test.error, test.cause
		f.runs = []run{{"a", "FAILED", counts(100, 40, 20, 0, 40)}}
		o, err := m.Follow(t.Context(), e, time.Second, func(Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Err(); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		if o.Status != test.status || o.Error != test.error || o.Cause != test.cause || !slices.Equal(o.Results, []string{"replay/january/a/manifest.json"}) {
			t.Errorf("%+v", o)
		}
	}
}

// While Step Functions is asked too often, the polls are further apart, and then as before.
func TestFollowBacksOff(t *testing.T) {
	var f *fake
	var waits []time.Duration
	f, m, e := following(t, func(d time.Duration) {
		waits = append(waits, d)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(waits) == 3 {
			f.fail = func(string, int) (int, string) { return 0, "" }
		}
		if len(waits) == 5 {
			f.status = "SUCCEEDED"
		}
	})
	// Straight to what a client gives after all its attempts, whose waits are the SDK's.
	f.fail = func(string, int) (int, string) { return 400, "ThrottlingException" }
	m.client = NewClient(onceConfig(m))
	if _, err := m.Follow(t.Context(), e, 10*time.Second, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{20 * time.Second, 40 * time.Second, 80 * time.Second, 10 * time.Second, 10 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

// What does not pass ends it: at once if it is for good, else after ten failures; so does the context.
func TestFollowGivesUp(t *testing.T) {
	for code, polls := range map[string]int{"ThrottlingException": 10, "ExecutionDoesNotExist": 10, "AccessDeniedException": 1} {
		waits := 0
		var longest time.Duration
		f, m, e := following(t, func(d time.Duration) { waits++; longest = max(longest, d) })
		m.client = NewClient(onceConfig(m))
		f.fail = func(string, int) (int, string) { return 400, code }
		_, err := m.Follow(t.Context(), e, 10*time.Second, func(Progress) {})
		if want := "read execution january: " + code + ": it is so"; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", code, err, want)
		}
		if f.calls["DescribeExecution"] != polls || waits != polls-1 || longest > 5*time.Minute {
			t.Errorf("%s: %v, %d waits of up to %v", code, f.calls, waits, longest)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, m, e := following(t, func(time.Duration) { cancel() })
	if _, err := m.Follow(ctx, e, time.Second, func(Progress) {}); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	f, m, e := following(t, func(time.Duration) {})
	ctx, cancel = context.WithCancel(t.Context())
	f.afterCalls = cancel
	if _, err := m.Follow(ctx, e, time.Second, func(Progress) {}); err != context.Canceled {
		t.Errorf("in a call: error %v", err)
	}
}
