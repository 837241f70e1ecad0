package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
)

// initVariable makes this test binary a bootstrap, and says what it does before it asks for work.
const initVariable = "TEST_INIT"

func TestMain(m *testing.M) {
	switch os.Getenv(initVariable) {
	case "":
		os.Exit(m.Run())
	case "exit":
		fmt.Fprintln(os.Stderr, "configuration: LAKE is missing")
		os.Exit(3)
	case "error":
		body := `{"errorType":"Config","errorMessage":"LAKE is missing"}`
		_, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", strings.NewReader(body))
		fmt.Fprintln(os.Stderr, "reported", err)
		os.Exit(1)
	case "hang":
		time.Sleep(time.Hour)
	case "parent": // a test that will be killed while its function runs
		f, err := self()
		if err != nil {
			log.Fatal(err)
		}
		f.Logs = os.Stdout
		f.Env[initVariable] = "child"
		_, err = f.Start(context.Background())
		log.Fatal(err)
	case "child":
		fmt.Println(os.Getpid())
		time.Sleep(time.Hour)
	}
	lambda.Start(handle)
}

// order is what a test asks the bootstrap for.
type order struct {
	Do   string
	Size int
}

// report is what the bootstrap tells of itself.
type report struct {
	Process   int
	Request   string
	ARN       string
	Trace     string
	Remaining time.Duration
	Dir       string
	Env       []string
}

func handle(ctx context.Context, o order) (any, error) {
	switch o.Do {
	case "error":
		return nil, errors.New("the object is corrupt")
	case "panic":
		panic("out of luck")
	case "exit":
		fmt.Println("a last word")
		os.Exit(4)
	case "sleep":
		fmt.Println("asleep")
		time.Sleep(time.Hour)
	case "large":
		return strings.Repeat("x", o.Size), nil
	case "use": // touches that much memory
		page := bytes.Repeat([]byte{1}, o.Size)
		return len(page), nil
	case "log":
		for range 100 {
			fmt.Print("half a line ")
			fmt.Fprintln(os.Stderr, "and its end")
		}
		fmt.Print("no end")
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	dir, _ := os.Getwd()
	return report{os.Getpid(), lc.AwsRequestID, lc.InvokedFunctionArn, os.Getenv("_X_AMZN_TRACE_ID"), time.Until(deadline), dir, os.Environ()}, nil
}

// self gives this test binary as a function.
func self() (runtimeapi.Function, error) {
	path, err := os.Executable()
	return runtimeapi.Function{
		Name: "convert", Bootstrap: path, Region: "eu-west-1", MemoryMB: 256, Timeout: time.Minute,
		Env: map[string]string{initVariable: "go", "LAKE": "s3://lake/"},
	}, err
}

func function(t *testing.T) runtimeapi.Function {
	t.Helper()
	f, err := self()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func start(t *testing.T, f runtimeapi.Function) *runtimeapi.Environment {
	t.Helper()
	e, err := f.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

type invoker interface {
	Invoke(ctx context.Context, payload []byte) (runtimeapi.Result, error)
}

func do(t *testing.T, i invoker, o order) (runtimeapi.Result, error) {
	t.Helper()
	payload, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return i.Invoke(t.Context(), payload)
}

// works checks that a function answers, and gives what it tells.
func works(t *testing.T, i invoker) report {
	t.Helper()
	result, err := do(t, i, order{})
	if err != nil || result.FunctionError != nil {
		t.Fatalf("an ordinary invocation gives %v, %v", err, result.FunctionError)
	}
	var r report
	if err := json.Unmarshal(result.Payload, &r); err != nil {
		t.Fatal(err)
	}
	if r.Request != result.RequestID || len(r.Request) != 36 {
		t.Errorf("the function was told of request %q, the result of %q", r.Request, result.RequestID)
	}
	return r
}
