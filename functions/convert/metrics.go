package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// metricsWriter writes metrics as CloudWatch embedded metric format: a JSON line that CloudWatch Logs
// turns into metrics, at the price of a log line and without a call. The format is that of the
// CloudWatch user guide, "Specification: Embedded metric format".
type metricsWriter struct {
	w io.Writer
	// function is the value of the metrics' one dimension.
	function string
}

// metricsNamespace is the namespace of all metrics, and metricsDimension their dimension. These and
// the names below are a contract with alarms and dashboards.
const (
	metricsNamespace = "flowlake"
	metricsDimension = "FunctionName"
)

// maxValues is how many values a metric may have in one line.
const maxValues = 100

// metric is one metric: its values, if it has any.
type metric struct {
	name, unit string
	values     []float64
}

// metricsOf gives the metrics of an invocation: sums over its objects, and one value for each object
// of what is a distribution. What has no value is left out.
func metricsOf(run *invocation) []metric {
	r, _ := run.report()
	var misunderstood, failed, late int64
	for _, m := range run.batch.Messages {
		if m.Err != nil {
			misunderstood++
		}
	}
	var lines, rows, rejects, bytesIn, bytesOut, partitions int64
	var took, lag []float64
	for _, o := range run.objects {
		switch {
		case o.late():
			late++
			continue
		case o.err != nil:
			failed++
			continue
		case o.result.Skipped != "":
			continue
		}
		lines += o.result.Lines
		rows += o.result.Rows
		rejects += o.result.Rejected
		bytesIn += o.result.BytesIn
		bytesOut += o.result.BytesOut()
		partitions += int64(o.result.Partitions)
		took = append(took, float64(o.took.Microseconds())/1e3)
		if o.lag >= 0 {
			lag = append(lag, o.lag.Round(time.Millisecond).Seconds())
		}
	}
	sum := func(n int64) []float64 { return []float64{float64(n)} }
	return []metric{
		{"ObjectsConverted", "Count", sum(int64(r.Converted))},
		{"ObjectsSkipped", "Count", sum(int64(r.skipped()))},
		{"ObjectsFailed", "Count", sum(failed)},
		{"ObjectsLate", "Count", sum(late)},
		{"MessagesFailed", "Count", sum(misunderstood)},
		{"Lines", "Count", sum(lines)},
		{"Rows", "Count", sum(rows)},
		{"Rejects", "Count", sum(rejects)},
		{"BytesIn", "Bytes", sum(bytesIn)},
		{"BytesOut", "Bytes", sum(bytesOut)},
		{"PartitionsCreated", "Count", sum(partitions)},
		{"ConversionTime", "Milliseconds", took},
		{"Lag", "Seconds", lag},
	}
}

// write writes an invocation's metrics, in as many lines as the longest of them needs.
func (m metricsWriter) write(run *invocation, request string, at time.Time) error {
	metrics := metricsOf(run)
	for {
		line, more := m.line(metrics, request, at)
		if line == nil {
			return nil
		}
		data, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
		if _, err := m.w.Write(append(data, '\n')); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
		metrics = more
	}
}

// line gives one line with the first values of each metric, and what is left for further lines. It is
// nil where there are no values.
func (m metricsWriter) line(metrics []metric, request string, at time.Time) (line map[string]any, more []metric) {
	type definition struct{ Name, Unit string }
	var definitions []definition
	line = map[string]any{metricsDimension: m.function, "requestId": request}
	for _, metric := range metrics {
		n := min(len(metric.values), maxValues)
		if n == 0 {
			continue
		}
		definitions = append(definitions, definition{metric.name, metric.unit})
		if line[metric.name] = any(metric.values[:n]); n == 1 {
			line[metric.name] = metric.values[0]
		}
		metric.values = metric.values[n:]
		more = append(more, metric)
	}
	if len(definitions) == 0 {
		return nil, nil
	}
	line["_aws"] = map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  metricsNamespace,
			"Dimensions": [][]string{{metricsDimension}},
			"Metrics":    definitions,
		}},
	}
	return line, more
}
