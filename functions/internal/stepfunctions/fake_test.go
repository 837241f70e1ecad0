package stepfunctions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

const (
	testMachine   = "arn:aws:states:us-east-1:123456789012:stateMachine:flowlake-replay"
	testExecution = "arn:aws:states:us-east-1:123456789012:execution:flowlake-replay:january"
)

// began is when everything in the fake began.
var began = time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC)

// fake serves Step Functions in its JSON protocol, for the real client, with the rules of the API
// reference: StartExecution gives a running execution of the same name and input again, and of any other
// of that name an ExecutionAlreadyExists.
type fake struct {
	mu         sync.Mutex
	input      string // of the execution january; "" if it was not started
	status     string
	error      string
	cause      string
	runs       []run
	pageSize   int
	calls      map[string]int
	fail       func(operation string, call int) (status int, code string)
	afterCalls func() // after each call
}

type run struct {
	id     string
	status string
	counts map[string]int
}

func serve(t *testing.T) (*fake, *Machine) {
	t.Helper()
	f := &fake{status: "RUNNING", pageSize: 2, calls: map[string]int{}, fail: func(string, int) (int, string) { return 0, "" }, afterCalls: func() {}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	m, err := Open(NewClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
	}), testMachine)
	if err != nil {
		t.Fatal(err)
	}
	return f, m
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")
	var in struct{ StateMachineArn, Name, Input, ExecutionArn, MapRunArn, NextToken string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !ok {
		http.Error(w, "want JSON of Step Functions", http.StatusTeapot)
		return
	}
	f.calls[operation]++
	status, code := f.fail(operation, f.calls[operation])
	var answer any
	if code == "" {
		answer, code = f.do(operation, in.StateMachineArn, in.Name, in.Input, in.ExecutionArn, in.MapRunArn, in.NextToken)
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if code != "" {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.swf.service.v2.model#%s","message":"it is so"}`, code)
	} else {
		_ = json.NewEncoder(w).Encode(answer)
	}
	f.afterCalls()
}

func (f *fake) do(operation, machine, name, input, execution, mapRun, token string) (answer any, code string) {
	switch operation {
	case "StartExecution":
		if machine != testMachine || name != "january" {
			return nil, "StateMachineDoesNotExist"
		}
		if f.input != "" && (f.input != input || f.status != "RUNNING") {
			return nil, "ExecutionAlreadyExists"
		}
		f.input = input
		return map[string]any{"executionArn": testExecution, "startDate": began.Unix()}, ""
	case "DescribeExecution":
		if execution != testExecution || f.input == "" {
			return nil, "ExecutionDoesNotExist"
		}
		answer := map[string]any{"executionArn": execution, "stateMachineArn": testMachine, "name": "january", "status": f.status, "startDate": began.Unix(), "input": f.input}
		if f.error != "" {
			answer["error"] = f.error
		}
		if f.cause != "" {
			answer["cause"] = f.cause
		}
		return answer, ""
	case "ListMapRuns":
		from, _ := strconv.Atoi(token)
		to := min(from+f.pageSize, len(f.runs))
		list := []any{}
		for i := from; i < to; i++ { // the newest first
			n := len(f.runs) - 1 - i
			list = append(list, map[string]any{"executionArn": testExecution, "stateMachineArn": testMachine, "mapRunArn": f.arn(n), "startDate": began.Add(time.Duration(n) * time.Minute).Unix()})
		}
		answer := map[string]any{"mapRuns": list}
		if to < len(f.runs) {
			answer["nextToken"] = strconv.Itoa(to)
		}
		return answer, ""
	case "DescribeMapRun":
		for n, run := range f.runs {
			if f.arn(n) == mapRun {
				return map[string]any{"mapRunArn": mapRun, "executionArn": testExecution, "status": run.status, "itemCounts": run.counts}, ""
			}
		}
		return nil, "ResourceNotFound"
	}
	return nil, "UnknownOperationException"
}

func (f *fake) arn(n int) string {
	return "arn:aws:states:us-east-1:123456789012:mapRun:flowlake-replay/ReplayPrefix:" + f.runs[n].id
}

// onceConfig is the configuration of a machine's client, with one attempt for each request.
func onceConfig(m *Machine) aws.Config {
	o := m.client.(*sfn.Client).Options()
	return aws.Config{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials, RetryMaxAttempts: 1}
}
