// Package runtimeapi runs a compiled Lambda bootstrap as AWS Lambda does, for tests.
//
// A [Function] is what is deployed; [Function.Start] makes an execution environment of it: a process
// that is given Lambda's environment variables and nothing of the test's, and that asks a server on
// the loopback interface for its invocations, by the Lambda Runtime API (version 2018-06-01, see
// "Using the Lambda runtime API" in the AWS Lambda Developer Guide). A [Fleet] starts as many
// environments as are needed at once, as Lambda's scaling does.
//
// What holds as in Lambda: one invocation at a time in an environment; the deadline and its header; a
// function that answers with an error lives on; one that exits or is killed fails the invocation and
// gets a new environment; a timeout kills the process; initialization has 10 seconds; payloads of more
// than 6 MB are refused. What does not: memory is not limited ([Environment.PeakRSS] tells what was
// used), processor time is not shared out by memory, there are no extensions, no response streaming,
// and no sandbox around the process.
//
// Decisions: [Environment.Invoke] returns when the process asks for its next invocation or has
// ended, and not at its response already. Lambda too counts an invocation as over only then, and
// so what the environment is afterwards, alive or not, does not depend on who is quicker.
package runtimeapi

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	initLimit  = 10 * time.Second // from the start of the process to its first request
	maxPayload = 6<<20 + 100      // bytes, of a request or a response: what Lambda's own message says
	account    = "123456789012"
)

// Function is a Lambda function as it is deployed.
type Function struct {
	// Name is the function's name; "function" if empty.
	Name string
	// Bootstrap is the path of the executable. Its directory is the process's working directory.
	Bootstrap string
	// Region is the AWS region; eu-west-1 if empty.
	Region string
	// MemoryMB is the configured memory in MB, of which the function is told; 128 if 0.
	MemoryMB int
	// Timeout is how long an invocation may take; 3 seconds if 0.
	Timeout time.Duration
	// Env holds environment variables of the function. Unlike Lambda, it may set AWS_REGION and the
	// credentials, because what stands in for AWS has its own.
	Env map[string]string
	// Logs receives what the process writes to its standard output and error, in whole lines. It is
	// used by one goroutine for each environment; a [Fleet] uses it by one at a time. nil discards.
	Logs io.Writer
	// OnResponse, if not nil, is called when the process has sent the response of an invocation, or its
	// error: before that is taken, and after it was taken but before the process is told so. If it
	// kills the environment, the invocation has failed before, and has succeeded after.
	OnResponse func(e *Environment, when When)
}

// When says when a hook is called.
type When int

const (
	// Before is before the response is taken.
	Before When = iota
	// After is after the response is taken.
	After
)

// withDefaults fills in Lambda's defaults.
func (f Function) withDefaults() (Function, error) {
	path, err := filepath.Abs(f.Bootstrap)
	if err != nil || f.Bootstrap == "" {
		return f, fmt.Errorf("bootstrap %q is not a path", f.Bootstrap)
	}
	f.Bootstrap = path
	if f.Name == "" {
		f.Name = "function"
	}
	if f.Region == "" {
		f.Region = "eu-west-1"
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = 128
	}
	if f.Timeout == 0 {
		f.Timeout = 3 * time.Second
	}
	if f.Logs == nil {
		f.Logs = io.Discard
	}
	return f, nil
}

// arn is the function's Amazon Resource Name.
func (f Function) arn() string {
	return "arn:aws:lambda:" + f.Region + ":" + account + ":function:" + f.Name
}

// environ gives the variables of a process whose API is at that address: those that the Developer Guide
// lists under "Defined runtime environment variables" for an OS-only runtime, then the function's own.
// HOME is not among Lambda's; without it the AWS SDK looks for the user's home directory elsewhere, and
// reads the credentials of whoever runs the test.
func (f Function) environ(api string) []string {
	root := filepath.Dir(f.Bootstrap)
	env := map[string]string{
		"AWS_ACCESS_KEY_ID":               "ASIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY":           "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_SESSION_TOKEN":               "IQoJb3JpZ2luX2VjEXAMPLETOKEN",
		"AWS_REGION":                      f.Region,
		"AWS_DEFAULT_REGION":              f.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + hexadecimal(16),
		"AWS_LAMBDA_RUNTIME_API":          api,
		"HOME":                            root,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"LAMBDA_TASK_ROOT":                root,
		"LANG":                            "en_US.UTF-8",
		"LD_LIBRARY_PATH":                 "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:" + root + ":" + root + "/lib:/opt/lib",
		"PATH":                            "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
	}
	maps.Copy(env, f.Env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// check refuses what Lambda would not deploy.
func (f Function) check() error {
	info, err := os.Stat(f.Bootstrap)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", f.Bootstrap)
	}
	return nil
}
