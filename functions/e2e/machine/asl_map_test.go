package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
)

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
