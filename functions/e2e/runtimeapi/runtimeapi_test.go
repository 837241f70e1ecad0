package runtimeapi_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
)

func TestWarmInvocations(t *testing.T) {
	e := start(t, function(t))
	if e.InitDuration <= 0 {
		t.Errorf("initialization took %v", e.InitDuration)
	}
	first := works(t, e)
	second := works(t, e)
	if first.Process != second.Process || first.Request == second.Request {
		t.Errorf("two invocations: processes %d and %d, requests %s and %s", first.Process, second.Process, first.Request, second.Request)
	}
	if first.ARN != "arn:aws:lambda:eu-west-1:123456789012:function:convert" {
		t.Errorf("the function is told that it is %s", first.ARN)
	}
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(first.Trace) {
		t.Errorf("trace id %q", first.Trace)
	}
	if first.Remaining <= 0 || first.Remaining > time.Minute {
		t.Errorf("the function has %v left of a minute", first.Remaining)
	}
}

// TestEnvironmentVariables has a variable of the test that the process must not see.
func TestEnvironmentVariables(t *testing.T) {
	t.Setenv("AWS_PROFILE", "of-the-developer")
	f := function(t)
	f.Env["AWS_ACCESS_KEY_ID"] = "of-the-gateway"
	r := works(t, start(t, f))
	dir := filepath.Dir(f.Bootstrap)
	if r.Dir != dir {
		t.Errorf("the working directory is %s, want %s", r.Dir, dir)
	}
	for _, want := range []string{
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_FUNCTION_NAME=convert", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=of-the-gateway", "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=" + dir, "LAKE=s3://lake/", "TZ=:UTC", "HOME=" + dir,
	} {
		if !slices.Contains(r.Env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	known := regexp.MustCompile(`^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|LAMBDA_\w+)|LAMBDA_\w+|_HANDLER|_X_AMZN_TRACE_ID|HOME|LANG|LD_LIBRARY_PATH|PATH|TZ|LAKE|` + initVariable + `)=`)
	for _, v := range r.Env {
		if !known.MatchString(v) {
			t.Errorf("the process sees %s", v)
		}
	}
}

func TestFunctionError(t *testing.T) {
	e := start(t, function(t))
	pid := works(t, e).Process
	result, err := do(t, e, order{Do: "error"})
	if err != nil || result.FunctionError == nil || *result.FunctionError != (runtimeapi.FunctionError{Type: "errorString", Message: "the object is corrupt"}) {
		t.Errorf("an error gives %v, %v", result.FunctionError, err)
	}
	if !bytes.Contains(result.Payload, []byte(`"errorMessage":"the object is corrupt"`)) {
		t.Errorf("the error's payload is %s", result.Payload)
	}
	if again := works(t, e).Process; again != pid {
		t.Errorf("after an error the process is %d, was %d", again, pid)
	}
}

func TestPanic(t *testing.T) {
	e := start(t, function(t))
	result, err := do(t, e, order{Do: "panic"})
	if err != nil || result.FunctionError == nil || result.FunctionError.Message != "out of luck" {
		t.Errorf("a panic gives %v, %v", result.FunctionError, err)
	}
	if e.Alive() {
		t.Error("the process lives on after a panic")
	}
	_, err = do(t, e, order{})
	var exit *runtimeapi.ExitError
	if !errors.As(err, &exit) || exit.Delivered {
		t.Errorf("a dead environment gives %v, want an ExitError of what was not delivered", err)
	}
}

func TestExit(t *testing.T) {
	e := start(t, function(t))
	_, err := do(t, e, order{Do: "exit"})
	var exit *runtimeapi.ExitError
	if !errors.As(err, &exit) || !exit.Delivered || exit.State != "exit status 4" || exit.Output != "a last word" {
		t.Errorf("an exit gives %v", err)
	}
}

func TestTimeout(t *testing.T) {
	f := function(t)
	f.Timeout = 300 * time.Millisecond
	e := start(t, f)
	_, err := do(t, e, order{Do: "sleep"})
	var timeout *runtimeapi.TimeoutError
	if !errors.As(err, &timeout) || timeout.Timeout != f.Timeout || e.Alive() {
		t.Errorf("a timeout gives %v, and the process lives: %t", err, e.Alive())
	}
}

func TestCanceledInvocation(t *testing.T) {
	e := start(t, function(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := e.Invoke(ctx, []byte(`{"Do":"sleep"}`)); !errors.Is(err, context.Canceled) || e.Alive() {
		t.Errorf("a canceled invocation gives %v, and the process lives: %t", err, e.Alive())
	}
}

func TestPayloadLimits(t *testing.T) {
	e := start(t, function(t))
	if _, err := e.Invoke(t.Context(), make([]byte, 6<<20+101)); err == nil || !e.Alive() {
		t.Errorf("a request that is too large gives %v", err)
	}
	result, err := do(t, e, order{Do: "large", Size: 6 << 20})
	if err != nil || result.FunctionError != nil || len(result.Payload) != 6<<20+2 {
		t.Errorf("a large response gives %d bytes, %v, %v", len(result.Payload), result.FunctionError, err)
	}
	result, err = do(t, e, order{Do: "large", Size: 7 << 20})
	if err != nil || result.FunctionError == nil || result.FunctionError.Type != "Function.ResponseSizeTooLarge" {
		t.Errorf("a response that is too large gives %v, %v", result.FunctionError, err)
	}
}

func TestInitErrors(t *testing.T) {
	for how, want := range map[string]runtimeapi.InitError{
		"exit":  {Type: "Runtime.ExitError", State: "exit status 3", Output: "configuration: LAKE is missing"},
		"error": {Type: "Config", Message: "LAKE is missing", State: "exit status 1", Output: "reported <nil>"},
	} {
		f := function(t)
		f.Env[initVariable] = how
		_, err := f.Start(t.Context())
		want.Function = "convert"
		var got *runtimeapi.InitError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: %v", how, err)
		}
	}

	f := function(t)
	f.Env[initVariable] = "hang"
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := f.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled start gives %v", err)
	}

	f.Bootstrap = filepath.Join(t.TempDir(), "bootstrap")
	if _, err := f.Start(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing bootstrap gives %v", err)
	}
	if err := os.WriteFile(f.Bootstrap, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Start(t.Context()); !errors.Is(err, syscall.ENOEXEC) {
		t.Errorf("what is no program gives %v", err)
	}
	f.Bootstrap = ""
	if _, err := f.Start(t.Context()); err == nil {
		t.Error("no bootstrap gives no error")
	}
}

// TestKillAtResponse kills the process before and after its response is taken.
func TestKillAtResponse(t *testing.T) {
	for _, at := range []runtimeapi.When{runtimeapi.Before, runtimeapi.After} {
		f := function(t)
		f.OnResponse = func(e *runtimeapi.Environment, when runtimeapi.When) {
			if when == at {
				e.Kill()
			}
		}
		e := start(t, f)
		result, err := do(t, e, order{})
		var exit *runtimeapi.ExitError
		if failed := errors.As(err, &exit) && exit.Delivered && exit.State == "signal: killed"; failed != (at == runtimeapi.Before) {
			t.Errorf("killed at %d, the invocation gives %v", at, err)
		}
		if (len(result.Payload) > 0) != (at == runtimeapi.After) || e.Alive() {
			t.Errorf("killed at %d, the response is %q, the process lives: %t", at, result.Payload, e.Alive())
		}
		if e.PeakRSS() == 0 {
			t.Errorf("killed at %d, the peak memory is not known", at)
		}
	}
}

// TestKillAtLogLine kills the process from where its output is taken.
func TestKillAtLogLine(t *testing.T) {
	f := function(t)
	started := make(chan *runtimeapi.Environment, 1)
	f.Logs = writerFunc(func(p []byte) (int, error) {
		(<-started).Kill()
		return len(p), nil
	})
	e := start(t, f)
	started <- e
	_, err := do(t, e, order{Do: "sleep"})
	var exit *runtimeapi.ExitError
	if !errors.As(err, &exit) || !exit.Delivered || exit.State != "signal: killed" || exit.Output != "asleep" || e.Alive() {
		t.Errorf("killed at a log line, the invocation gives %v, and the process lives: %t", err, e.Alive())
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestLogsAreWholeLines(t *testing.T) {
	f := function(t)
	var pieces []string
	f.Logs = writerFunc(func(p []byte) (int, error) {
		pieces = append(pieces, string(p))
		return len(p), nil
	})
	e := start(t, f)
	if _, err := do(t, e, order{Do: "log"}); err != nil {
		t.Fatal(err)
	}
	e.Stop()
	do(t, e, order{}) // gives the end of the output, so that it was all taken
	if got, want := strings.Join(pieces, ""), strings.Repeat("half a line and its end\n", 100)+"no end"; got != want {
		t.Errorf("the output is %q", got)
	}
	for _, p := range pieces[:len(pieces)-1] {
		if !strings.HasSuffix(p, "\n") {
			t.Errorf("%q was passed on", p)
		}
	}
}

func TestPeakRSS(t *testing.T) {
	e := start(t, function(t))
	works(t, e)
	before := e.PeakRSS()
	if _, err := do(t, e, order{Do: "use", Size: 100 << 20}); err != nil {
		t.Fatal(err)
	}
	e.Stop()
	// The race detector needs three times as much.
	if used := e.PeakRSS() - before; before < 1<<20 || used < 90<<20 || used > 600<<20 {
		t.Errorf("the use of 100 MB raised the peak from %d by %d", before, used)
	}
}

func TestStop(t *testing.T) {
	e := start(t, function(t))
	pid := works(t, e).Process
	e.Stop()
	e.Stop()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after Stop, the process is there: %v", err)
	}
}
