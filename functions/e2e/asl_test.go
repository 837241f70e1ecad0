package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	module, err := filepath.Abs(filepath.Join("..", "..", "deploy", "lint", "node_modules", "jsonata"))
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

// stateError is the error that an execution ends with.
type stateError struct{ name, cause string }

func (e *stateError) Error() string { return e.name + ": " + e.cause }

// definition is a state machine, or what a Map runs for each batch. It has what
// deploy/replay/statemachine.asl.json makes use of; a field that is not here is refused.
type definition struct {
	Comment, QueryLanguage, StartAt string
	ProcessorConfig                 struct{ Mode, ExecutionType string }
	States                          map[string]state
}

// state is one state. The values of any are templates, which may hold expressions.
type state struct {
	Type, Comment, Resource, Label, Next, Default string
	Assign                                        map[string]any
	Arguments, Output, Seconds, Error, Cause      any
	TimeoutSeconds                                int
	Retry                                         []struct {
		ErrorEquals                                                []string
		IntervalSeconds, BackoffRate, MaxDelaySeconds, MaxAttempts int
		JitterStrategy                                             string
	}
	Choices []struct {
		Condition any
		Assign    map[string]any
		Next      string
	}
	ItemReader, ResultWriter struct {
		Resource  string
		Arguments any
	}
	ItemSelector any
	ItemBatcher  struct {
		MaxItemsPerBatch, MaxInputBytesPerBatch int
		BatchInput                              any
	}
	MaxConcurrency, ToleratedFailurePercentage any
	ItemProcessor                              *definition
}

// machine walks through a definition: it follows Next, and has every expression evaluated by jsonata.
// It is not Step Functions: an error of a task is final at once, as after the last retry, a Wait takes
// no time, and nothing is measured against quotas. The rest is what the developer guide says under
// "Transforming data with JSONata", "ItemReader (Map)", "ItemBatcher (Map)" and "ResultWriter (Map)".
type machine struct {
	*jsonata
	definition *definition
	// tasks are what tasks do, by their Resource.
	tasks map[string]func(ctx context.Context, arguments any) (any, error)
	// list lists a bucket as ListObjectsV2 does, with its fields' names, all pages.
	list func(ctx context.Context, bucket, prefix string) ([]any, error)

	mu    sync.Mutex
	waits []float64 // seconds of every Wait
	runs  []*mapRun
}

// mapRun is one run of the Map.
type mapRun struct {
	prefix                              string
	concurrency, toleratedPercent       int
	objects, succeeded                  int
	children                            []child
	resultsBucket, resultsPrefix, label string
}

// child is one batch: what it was given, and what came of it.
type child struct {
	input  any
	output any
	err    *stateError
}

// readDefinition reads a definition whose placeholders are replaced.
func readDefinition(path string, substitutions map[string]string) (*definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for name, value := range substitutions {
		text = bytes.ReplaceAll(text, []byte("${"+name+"}"), []byte(value))
	}
	if i := bytes.Index(text, []byte("${")); i >= 0 {
		return nil, fmt.Errorf("read %s: a placeholder is left: %.40s", path, text[i:])
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m definition
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &m, nil
}

// run runs an execution of that name and gives its output. The error is a [*stateError] if the
// execution failed.
func (m *machine) run(ctx context.Context, name string, input any) (any, error) {
	return m.walk(ctx, m.definition, name, input)
}

// walk follows a definition from its start to one of its ends.
func (m *machine) walk(ctx context.Context, d *definition, execution string, input any) (any, error) {
	variables := map[string]any{}
	for name := d.StartAt; ; {
		s, ok := d.States[name]
		if !ok {
			return nil, fmt.Errorf("no state %q", name)
		}
		states := map[string]any{"input": input, "context": map[string]any{"Execution": map[string]any{"Name": execution}}}
		bindings := maps.Clone(variables)
		bindings["states"] = states
		output, assign, next := input, s.Assign, s.Next
		var err error
		switch s.Type {
		case "Pass":
		case "Succeed":
			return m.output(s, bindings, input)
		case "Fail":
			return nil, m.fail(s, bindings)
		case "Choice":
			assign, next, err = m.choose(s, bindings)
		case "Wait":
			err = m.wait(s, bindings)
		case "Task":
			output, err = m.task(ctx, s, bindings)
			states["result"] = output
		case "Map":
			output, err = m.distribute(ctx, s, bindings, execution)
			states["result"] = output
		default:
			err = fmt.Errorf("a state of type %q is not known here", s.Type)
		}
		if err == nil {
			output, err = m.output(s, bindings, output)
		}
		var assigned any
		if err == nil {
			assigned, err = m.render(map[string]any(assign), bindings)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		maps.Copy(variables, assigned.(map[string]any))
		input, name = output, next
	}
}

// render gives a template with its expressions replaced by their values. Strings of JSON are templates
// at any depth.
func (m *machine) render(template any, bindings map[string]any) (any, error) {
	switch t := template.(type) {
	case string:
		expression, is := strings.CutPrefix(t, "{%")
		expression, ends := strings.CutSuffix(expression, "%}")
		if is != ends {
			return nil, fmt.Errorf("%q is half an expression", t)
		}
		if is {
			return m.evaluate(expression, bindings)
		}
	case map[string]any:
		rendered := map[string]any{}
		for name, value := range t {
			var err error
			if rendered[name], err = m.render(value, bindings); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return rendered, nil
	case []any:
		rendered := make([]any, len(t))
		for i, value := range t {
			var err error
			if rendered[i], err = m.render(value, bindings); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
		return rendered, nil
	}
	return template, nil
}

// whole gives a template's value, which must be a whole number within bounds.
func (m *machine) whole(template any, bindings map[string]any, least, most int) (int, error) {
	v, err := m.render(template, bindings)
	if err != nil {
		return 0, err
	}
	n, ok := v.(float64)
	if !ok || n != float64(int(n)) || int(n) < least || int(n) > most {
		return 0, fmt.Errorf("%v is no whole number from %d to %d", v, least, most)
	}
	return int(n), nil
}

// output gives what a state hands on: its Output, or else that value.
func (m *machine) output(s state, bindings map[string]any, value any) (any, error) {
	if s.Output == nil {
		return value, nil
	}
	return m.render(s.Output, bindings)
}

func (m *machine) fail(s state, bindings map[string]any) error {
	rendered, err := m.render([]any{s.Error, s.Cause}, bindings)
	if err != nil {
		return err
	}
	texts := rendered.([]any)
	name, ok := texts[0].(string)
	cause, ok2 := texts[1].(string)
	if !ok || !ok2 {
		return fmt.Errorf("error and cause are %v, want texts", texts)
	}
	return &stateError{name, cause}
}

func (m *machine) choose(s state, bindings map[string]any) (assign map[string]any, next string, err error) {
	for _, c := range s.Choices {
		v, err := m.render(c.Condition, bindings)
		if err != nil {
			return nil, "", err
		}
		yes, ok := v.(bool)
		if !ok {
			return nil, "", fmt.Errorf("the condition %v is %v", c.Condition, v)
		}
		if yes {
			return c.Assign, c.Next, nil
		}
	}
	return s.Assign, s.Default, nil
}

func (m *machine) wait(s state, bindings map[string]any) error {
	n, err := m.whole(s.Seconds, bindings, 0, 99999999)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = append(m.waits, float64(n))
	return err
}

func (m *machine) task(ctx context.Context, s state, bindings map[string]any) (any, error) {
	do := m.tasks[s.Resource]
	if do == nil {
		return nil, fmt.Errorf("a task of %s is not known here", s.Resource)
	}
	arguments, err := m.render(s.Arguments, bindings)
	if err != nil {
		return nil, err
	}
	return do(ctx, arguments)
}

// distribute lists the objects, cuts them into batches and has each batch walked through.
func (m *machine) distribute(ctx context.Context, s state, bindings map[string]any, execution string) (any, error) {
	const reader, writer = "arn:aws:states:::s3:listObjectsV2", "arn:aws:states:::s3:putObject"
	if s.ItemReader.Resource != reader || s.ResultWriter.Resource != writer || s.ItemProcessor.ProcessorConfig.Mode != "DISTRIBUTED" {
		return nil, errors.New("such a Map is not known here")
	}
	rendered, err := m.render([]any{s.ItemReader.Arguments, s.ResultWriter.Arguments, s.ItemBatcher.BatchInput}, bindings)
	if err != nil {
		return nil, err
	}
	from, to := rendered.([]any)[0].(map[string]any), rendered.([]any)[1].(map[string]any)
	run := &mapRun{prefix: from["Prefix"].(string), resultsBucket: to["Bucket"].(string), resultsPrefix: to["Prefix"].(string), label: s.Label}
	if run.concurrency, err = m.whole(s.MaxConcurrency, bindings, 1, 10000); err != nil {
		return nil, err
	}
	if run.toleratedPercent, err = m.whole(s.ToleratedFailurePercentage, bindings, 0, 100); err != nil {
		return nil, err
	}
	items, err := m.list(ctx, from["Bucket"].(string), run.prefix)
	if err != nil {
		return nil, err
	}
	for i, item := range items {
		b := maps.Clone(bindings)
		b["states"] = map[string]any{"input": bindings["states"].(map[string]any)["input"], "context": map[string]any{
			"Map": map[string]any{"Item": map[string]any{"Index": i, "Value": item}}}}
		if items[i], err = m.render(s.ItemSelector, b); err != nil {
			return nil, err
		}
	}
	run.objects = len(items)
	for _, batch := range batches(items, rendered.([]any)[2], s.ItemBatcher.MaxItemsPerBatch, s.ItemBatcher.MaxInputBytesPerBatch) {
		run.children = append(run.children, child{input: batch})
	}
	if err := m.walkAll(ctx, s.ItemProcessor, execution, run); err != nil {
		return nil, err
	}
	for _, c := range run.children {
		if c.err == nil {
			run.succeeded += len(c.input.(map[string]any)["Items"].([]any))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(m.runs, run)
	if (run.objects-run.succeeded)*100 > run.toleratedPercent*run.objects {
		return nil, &stateError{"States.ExceedToleratedFailureThreshold", "the specified tolerated failure threshold was exceeded"}
	}
	id := fmt.Sprint(len(m.runs))
	return map[string]any{
		"MapRunArn":           "arn:aws:states:eu-west-1:123456789012:mapRun:replay/" + run.label + ":" + id,
		"ResultWriterDetails": map[string]any{"Bucket": run.resultsBucket, "Key": run.resultsPrefix + "/" + id + "/manifest.json"},
	}, nil
}

// walkAll has each child of a run walked through, as many at a time as its concurrency says.
func (m *machine) walkAll(ctx context.Context, d *definition, execution string, run *mapRun) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, run.concurrency)
	wrong := make([]error, len(run.children)) // with the definition, or here
	for i := range run.children {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c := &run.children[i]
			var err error
			if c.output, err = m.walk(ctx, d, fmt.Sprint(execution, "-", i), c.input); !errors.As(err, &c.err) {
				wrong[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(wrong...)
}

// batches cuts items into the inputs of children, each of so many items and bytes at most.
func batches(items []any, batchInput any, most, size int) (all []any) {
	for len(items) > 0 {
		n := min(most, len(items))
		batch := map[string]any{"BatchInput": batchInput, "Items": items[:n]}
		for text, _ := json.Marshal(batch); len(text) > size && n > 1; text, _ = json.Marshal(batch) {
			n--
			batch["Items"] = items[:n]
		}
		all, items = append(all, batch), items[n:]
	}
	return all
}

// describe is what the task sfn:describeMapRun does.
func (m *machine) describe(_ context.Context, arguments any) (any, error) {
	arn := arguments.(map[string]any)["MapRunArn"].(string)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, run := range m.runs {
		if strings.HasSuffix(arn, fmt.Sprintf(":mapRun:replay/%s:%d", run.label, i+1)) {
			return map[string]any{"MapRunArn": arn, "ItemCounts": map[string]any{"Total": run.objects, "Succeeded": run.succeeded, "Failed": run.objects - run.succeeded}}, nil
		}
	}
	return nil, &stateError{"Sfn.ResourceNotFoundException", arn}
}
