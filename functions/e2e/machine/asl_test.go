package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
)

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
