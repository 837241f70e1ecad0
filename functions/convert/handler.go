package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/event"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// handler handles invocations, one at a time, as Lambda has it.
type handler struct {
	table       *schema.Table
	converter   converter
	open        func(bucket string) (etl.Source, error)
	sources     []location
	concurrency int
	log         *slog.Logger
	metrics     metricsWriter
	now         func() time.Time
}

// converter converts one object, as [etl.Converter] does.
type converter interface {
	Convert(ctx context.Context, source etl.Source, key string) (etl.Result, error)
}

// Invoke handles one invocation. Objects fail alone: what the answer says of them depends on who
// asks (see [invocation.answer]). An error is the invocation's as a whole, and has it repeated.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	log := h.log
	request := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		request = lc.AwsRequestID
		log = log.With("requestId", request)
	}
	batch, err := event.Decode(payload)
	if err != nil {
		batch = event.Batch{Messages: []event.Message{{Err: err}}} // for the log and the metrics
	}
	run := newInvocation(h, batch, log)
	run.logRecords(ctx)
	run.convert(ctx)
	if err := h.metrics.write(run, request, h.now()); err != nil {
		log.ErrorContext(ctx, "metrics not written", "error", err.Error())
	}
	if err != nil {
		return nil, err
	}
	return run.answer()
}

// invocation is what one invocation has to do, and what became of it.
type invocation struct {
	*handler
	log     *slog.Logger // tells the request, too
	batch   event.Batch
	objects []object // each object once
}

// object is one source object and what became of it.
type object struct {
	event.Object
	// url names the object that was read: that of Key, or of AlternateKey.
	url    string
	result etl.Result
	err    error
	took   time.Duration
	// lag is the time from the end of the log's window to its rows' being visible, where the
	// object's name tells the window and the object is not replayed; otherwise negative.
	lag time.Duration
}

// newInvocation collects the objects of all messages, each once: notifications repeat themselves.
func newInvocation(h *handler, b event.Batch, log *slog.Logger) *invocation {
	run := &invocation{handler: h, log: log, batch: b}
	seen := map[string]bool{}
	for _, m := range b.Messages {
		for _, o := range m.Objects {
			if url := urlOf(o); !seen[url] {
				seen[url] = true
				run.objects = append(run.objects, object{Object: o, url: url, lag: -1})
			}
		}
	}
	return run
}

// urlOf names an object in logs and answers; the object's identity is its store's to give.
func urlOf(o event.Object) string { return "s3://" + o.Bucket + "/" + o.Key }

// The errors of the objects that the invocation had no time for. Their events come again.
var (
	errNotBegun = errors.New("not begun: the invocation's time is nearly over")
	errGivenUp  = errors.New("given up: the invocation's time is over")
)

// convert converts the objects, some at a time. The answer, with what was done, must go out before
// Lambda ends the process: so in the last fifth of the invocation's time no object is begun; in the
// last tenth, or 2 s, what is in progress is given up; and in the last twentieth, or 1 s, what has
// not ended by then, such as an upload that cannot be aborted, is not waited for.
func (run *invocation) convert(ctx context.Context) {
	begin, work, wait := ctx, ctx, ctx
	if deadline, ok := ctx.Deadline(); ok {
		left := deadline.Sub(run.now())
		limit := func(before time.Duration) context.Context {
			limited, cancel := context.WithDeadline(ctx, deadline.Add(-before))
			context.AfterFunc(ctx, cancel)
			return limited
		}
		begin, work, wait = limit(left/5), limit(min(left/10, 2*time.Second)), limit(min(left/20, time.Second))
	}
	type outcome struct {
		i int
		o object
	}
	outcomes := make(chan outcome, len(run.objects)) // so that nobody who is late blocks
	for i := range run.objects {
		run.objects[i].err = errGivenUp // until it is known better
	}
	go func() {
		defer close(outcomes)
		var g errgroup.Group
		g.SetLimit(run.concurrency) // what one conversion holds in memory bounds it
		for i, o := range run.objects {
			g.Go(func() error {
				if begin.Err() != nil {
					o.err = errNotBegun
				} else {
					run.convertOne(work, &o)
				}
				outcomes <- outcome{i, o}
				return nil
			})
		}
		g.Wait()
	}()
	for waiting := true; waiting; {
		select {
		case r, more := <-outcomes:
			if waiting = more; more {
				run.objects[r.i] = r.o
				run.logObject(ctx, &r.o)
			}
		case <-wait.Done():
			waiting = false
		}
	}
	for i := range run.objects {
		if run.objects[i].err == errGivenUp {
			run.logObject(ctx, &run.objects[i])
		}
	}
}

func (run *invocation) convertOne(ctx context.Context, o *object) {
	started := run.now()
	defer func() { o.took = run.now().Sub(started) }()
	run.log.DebugContext(ctx, "object begun", "url", o.url)
	key := o.Key
	o.result, o.err = run.try(ctx, o.Bucket, key)
	if o.AlternateKey != "" && isMissing(o.err) {
		if result, err := run.try(ctx, o.Bucket, o.AlternateKey); err == nil {
			run.log.WarnContext(ctx, "key was encoded", "url", o.url, "error", o.err.Error())
			key, o.url = o.AlternateKey, "s3://"+o.Bucket+"/"+o.AlternateKey
			o.result, o.err = result, nil
		}
	}
	if o.err != nil && ctx.Err() != nil {
		o.err = fmt.Errorf("%w: %w", errGivenUp, o.err)
	}
	if o.err != nil || o.result.Skipped != "" || o.Replayed {
		return
	}
	if about, _ := run.table.Match(key); !about.Time.IsZero() {
		o.lag = run.now().Sub(about.Time.Add(schema.FileWindow))
	}
}

// isMissing says whether an error may mean that there is no such object. EventBridge's keys are not
// documented as encoded or not, and an encoded one may look as if it came from elsewhere. Where
// listing is not permitted, S3 says of a missing object that access is denied.
func isMissing(err error) bool {
	var foreign *foreignError
	if errors.As(err, &foreign) {
		return true
	}
	var failed *store.Error
	return errors.As(err, &failed) && failed.Op == "open" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission))
}

// try converts the object of a key.
func (run *invocation) try(ctx context.Context, bucket, key string) (etl.Result, error) {
	if _, skip := run.table.Match(key); skip == "" && !run.isSource(bucket, key) {
		return etl.Result{}, &foreignError{bucket, key}
	}
	source, err := run.open(bucket)
	if err != nil {
		return etl.Result{}, err
	}
	return run.converter.Convert(ctx, source, key)
}

func (h *handler) isSource(bucket, key string) bool {
	for _, s := range h.sources {
		if s.bucket == bucket && strings.HasPrefix(key, s.prefix) {
			return true
		}
	}
	return false
}

// foreignError is the error of a flow log from a place that is not configured as a source.
type foreignError struct{ bucket, key string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("convert s3://%s/%s: not under any of FLOWLAKE_SOURCES", e.bucket, e.key)
}

// Retryable says that trying again cannot help.
func (e *foreignError) Retryable() bool { return false }
