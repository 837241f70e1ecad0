package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/event"
)

// newLogger gives the logger of all that the function says: JSON lines, which CloudWatch Logs takes
// apart.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// logRecords says what of the event was left out or not understood.
func (run *invocation) logRecords(ctx context.Context) {
	for _, m := range run.batch.Messages {
		if m.Err != nil {
			run.log.ErrorContext(ctx, "message not understood", "messageId", m.ID, "error", m.Err.Error())
		}
		for _, reason := range m.Skipped {
			run.log.InfoContext(ctx, "record skipped", "messageId", m.ID, "reason", reason)
		}
	}
}

// logObject says what became of an object, as soon as that is known: the invocation may not live to
// its end.
func (run *invocation) logObject(ctx context.Context, o *object) {
	log := run.log.With("url", o.url)
	if o.VersionID != "" {
		log = log.With("versionId", o.VersionID)
	}
	r := o.result
	switch {
	case o.late():
		log.WarnContext(ctx, "object not converted in time", "error", o.err.Error())
	case o.err != nil:
		log.ErrorContext(ctx, "object failed", "error", o.err.Error(), "retryable", etl.Retryable(o.err))
	case r.Skipped != "":
		log.InfoContext(ctx, "object skipped", "reason", r.Skipped)
	default:
		attrs := []any{
			"lines", r.Lines, "rows", r.Rows, "rejects", r.Rejected, "headers", r.Headers, "blank", r.Blank,
			"unknownFields", r.UnknownFields, "bytesIn", r.BytesIn, "bytesOut", r.BytesOut(), "outputs", len(r.Outputs),
			"partitionsCreated", r.Partitions, "milliseconds", o.took.Milliseconds(),
		}
		if o.lag >= 0 {
			attrs = append(attrs, "lagSeconds", o.lag.Round(time.Second).Seconds())
		}
		log.InfoContext(ctx, "object converted", attrs...)
	}
}

// late says whether the object is as it was because there was no time for it, and so nothing is known
// against it.
func (o *object) late() bool { return errors.Is(o.err, errNotBegun) || errors.Is(o.err, errGivenUp) }

// failures gives the error of each object that was not converted, by URL.
func (run *invocation) failures() map[string]error {
	failed := map[string]error{}
	for _, o := range run.objects {
		if o.err != nil {
			failed[urlOf(o.Object)] = o.err
		}
	}
	return failed
}

// sqsAnswer is the answer to a batch of SQS messages: those that are to come again.
type sqsAnswer struct {
	BatchItemFailures []sqsFailure `json:"batchItemFailures"` // never null: that fails the whole batch
}

type sqsFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// report is the answer to everything else.
type report struct {
	Converted int             `json:"converted"`
	Skipped   map[string]int  `json:"skipped"` // by reason
	Failed    []reportFailure `json:"failed"`
}

// reportFailure is an object that failed, or a part of the event that was not understood and so names
// none.
type reportFailure struct {
	Bucket    string `json:"bucket,omitempty"`
	Key       string `json:"key,omitempty"`
	Error     string `json:"error"`
	Retryable bool   `json:"retryable"`
}

// answer says what became of the invocation, to whom it concerns:
//
//   - SQS gets the messages that are to come again: those that were not understood, and those with an
//     object that failed or was not begun.
//   - A replay batch gets a report; who sent it looks at its failures.
//   - Whoever invokes the function without looking at the answer (S3, SNS and EventBridge do) gets the
//     report, or an error if an object failed, because that is what has the invocation repeated.
func (run *invocation) answer() ([]byte, error) {
	if run.batch.Kind == event.KindSQS {
		return json.Marshal(run.sqsAnswer())
	}
	r, errs := run.report()
	if run.batch.Kind != event.KindReplay && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return json.Marshal(r)
}

func (run *invocation) sqsAnswer() sqsAnswer {
	a := sqsAnswer{BatchItemFailures: []sqsFailure{}}
	failed := run.failures()
	for _, m := range run.batch.Messages {
		again := m.Err != nil || slices.ContainsFunc(m.Objects, func(o event.Object) bool { return failed[urlOf(o)] != nil })
		if again {
			a.BatchItemFailures = append(a.BatchItemFailures, sqsFailure{m.ID})
		}
	}
	return a
}

// report counts the outcomes and gives the errors of those that failed.
func (run *invocation) report() (report, []error) {
	r := report{Skipped: map[string]int{}, Failed: []reportFailure{}}
	var errs []error
	for _, m := range run.batch.Messages {
		if m.Err != nil {
			errs = append(errs, m.Err)
			r.Failed = append(r.Failed, reportFailure{Error: m.Err.Error(), Retryable: etl.Retryable(m.Err)})
		}
		for _, reason := range m.Skipped {
			r.Skipped[reason]++
		}
	}
	for _, o := range run.objects {
		switch {
		case o.err != nil:
			errs = append(errs, o.err)
			r.Failed = append(r.Failed, reportFailure{o.Bucket, o.Key, o.err.Error(), etl.Retryable(o.err)})
		case o.result.Skipped != "":
			r.Skipped[o.result.Skipped]++
		default:
			r.Converted++
		}
	}
	return r, errs
}

// skipped counts what was left out, whatever the reason.
func (r *report) skipped() int {
	n := 0
	for _, k := range r.Skipped {
		n += k
	}
	return n
}
