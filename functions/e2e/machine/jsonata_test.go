package machine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// jsonata evaluates expressions of JSONata by the language's reference implementation, in a process of
// Node.js that ends with the test. It may be shared by goroutines.
type jsonata struct {
	mu      sync.Mutex
	in      io.Writer
	answers *json.Decoder
}

// startJSONata starts it, with the package jsonata out of deploy/lint/node_modules, where npm puts it.
// Where FLOWLAKE_CI is set the test must run. The test must not have started a gateway yet, which
// changes the working directory.
func startJSONata(t *testing.T) *jsonata {
	t.Helper()
	missing := t.Skip
	if os.Getenv("FLOWLAKE_CI") != "" {
		missing = t.Fatal
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(err)
	}
	module, err := filepath.Abs(filepath.Join("..", "..", "..", "deploy", "lint", "node_modules", "jsonata"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		missing(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "jsonata.js"), module)
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait() // after t.Context, which kills it
		if stderr.Len() > 0 {
			t.Errorf("jsonata: %s", &stderr)
		}
	})
	return &jsonata{in: in, answers: json.NewDecoder(bufio.NewReader(out))}
}

// evaluate gives the value of an expression. As in Step Functions, to have none is an error.
func (j *jsonata) evaluate(expression string, bindings map[string]any) (any, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := json.NewEncoder(j.in).Encode(map[string]any{"expression": expression, "bindings": bindings}); err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", expression, err)
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := j.answers.Decode(&answer); err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", expression, err)
	}
	if answer.Value == nil {
		return nil, &stateError{"States.QueryEvaluationError", fmt.Sprintf("%s in %s", answer.Error, expression)}
	}
	var value any
	err := json.Unmarshal(answer.Value, &value)
	return value, err
}
