package sqs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/flowlake/flowlake/functions/e2e/sqs"
)

// decode gives the event as AWS's own Go types know it, and fails if they do not know all of it.
func decode(t *testing.T, payload []byte) events.SQSEvent {
	t.Helper()
	var e events.SQSEvent
	dec := json.NewDecoder(strings.NewReader(string(payload)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		t.Errorf("%v in %s", err, payload)
	}
	return e
}

// run runs a mapping to its end.
func run(t *testing.T, m sqs.Mapping) sqs.Summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := m.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEvent(t *testing.T) {
	q := queue(t, sqs.Options{Region: "us-west-2"})
	id := q.Send(`{"key":"a<b&c"}`)
	now := fmt.Sprint(q.Now().UnixMilli())
	batch := q.Receive(1)
	payload, err := sqs.Event(q, batch)
	if err != nil {
		t.Fatal(err)
	}
	want := events.SQSMessage{
		MessageId: id, ReceiptHandle: batch[0].ReceiptHandle, Body: `{"key":"a<b&c"}`, Md5OfBody: "92538d49f42847c0186f9a67d82bed95",
		Attributes: map[string]string{
			"ApproximateReceiveCount": "1", "SentTimestamp": now, "ApproximateFirstReceiveTimestamp": now, "SenderId": "AIDAIENQZJOLO23YVJ4VO",
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
		EventSource:       "aws:sqs", EventSourceARN: "arn:aws:sqs:us-west-2:123456789012:flow-logs", AWSRegion: "us-west-2",
	}
	got := decode(t, payload)
	if len(got.Records) != 1 || !reflect.DeepEqual(got.Records[0], want) {
		t.Errorf("the event is\n%+v, want\n%+v", got.Records, want)
	}
	if !strings.Contains(string(payload), `a<b&c`) {
		t.Errorf("the body is escaped: %s", payload)
	}
}

func TestSuccessDeletes(t *testing.T) {
	q := queue(t, sqs.Options{})
	for i := range 25 {
		q.Send(fmt.Sprint(i))
	}
	var bodies []string
	s := run(t, sqs.Mapping{Queue: q, MaximumConcurrency: 1, Invoke: func(_ context.Context, p []byte) ([]byte, error) {
		for _, r := range decode(t, p).Records {
			bodies = append(bodies, r.Body)
		}
		return nil, nil
	}})
	if s != (sqs.Summary{Invocations: 3, Deliveries: 25, Deleted: 25}) {
		t.Errorf("%+v", s)
	}
	slices.Sort(bodies)
	if len(slices.Compact(bodies)) != 25 {
		t.Errorf("delivered %v", bodies)
	}
	wantDepth(t, q, 0, 0)
}

// TestResponses gives each response once to a batch of two, then succeeds.
func TestResponses(t *testing.T) {
	for response, left := range map[string]int{
		``: 0, `null`: 0, `{}`: 0, `{"batchItemFailures":[]}`: 0, `{"batchItemFailures":null}`: 0, `{"other":1}`: 0,
		`{"batchItemFailures":[{"itemIdentifier":"ID"}]}`:                         1,
		`{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":"ID"}]}`: 1,
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                           2,
		`{"batchItemFailures":[{"itemIdentifier":null}]}`:                         2,
		`{"batchItemFailures":[{"itemIdentifier":"unknown"}]}`:                    2,
		`{"batchItemFailures":[{"itemIdentifier":"ID"},{"itemIdentifier":""}]}`:   2,
		`{"batchItemFailures":[{"itemidentifier":"ID"}]}`:                         2,
		`{"batchItemFailures":[{"messageId":"ID"}]}`:                              2,
		`{"batchItemFailures":["ID"]}`:                                            2,
		`{"batchItemFailures":"ID"}`:                                              2,
		`{"batchItemFailures":[{"itemIdentifier":"ID"}]`:                          2,
		`ok`: 2, `"ok"`: 2,
	} {
		for _, report := range []bool{true, false} {
			q := queue(t, sqs.Options{})
			q.Send("a")
			q.Send("b")
			var left2 []int
			s := run(t, sqs.Mapping{
				Queue: q, ReportBatchItemFailures: report,
				Invoke: func(_ context.Context, p []byte) ([]byte, error) {
					if r := decode(t, p).Records; r[0].Attributes["ApproximateReceiveCount"] == "1" {
						return []byte(strings.ReplaceAll(response, "ID", r[1].MessageId)), nil
					}
					return nil, nil
				},
				Observe: func(d sqs.Delivery) { left2 = append(left2, len(d.Failed)) },
			})
			want := left
			if !report {
				want = 0
			}
			if left2[0] != want || s.Deleted != 2 || (s.Errors > 0) != (want == 2) {
				t.Errorf("response %s, reporting %t: %d messages are left, want %d; %+v", response, report, left2[0], want, s)
			}
		}
	}
}

// TestPoisonEndsInDLQAlone has one message fail always and one batch fail once.
func TestPoisonEndsInDLQAlone(t *testing.T) {
	dlq := queue(t, sqs.Options{Name: "dlq"})
	q := queue(t, sqs.Options{MaxReceive: 3, DLQ: dlq, Visibility: 6 * time.Minute, Seed: 5})
	for i := range 20 {
		q.Send(fmt.Sprint(i))
	}
	q.Send("poison")
	begin := q.Now()
	failOnce := true
	m := sqs.Mapping{Queue: q, ReportBatchItemFailures: true, MaximumConcurrency: 1, Invoke: func(_ context.Context, p []byte) ([]byte, error) {
		if failOnce {
			failOnce = false
			return nil, errors.New("killed")
		}
		var r events.SQSEventResponse
		for _, m := range decode(t, p).Records {
			if m.Body == "poison" {
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
			}
		}
		return json.Marshal(r)
	}}
	s := run(t, m)
	if s.Errors != 1 || s.Deleted != 20 {
		t.Errorf("%+v", s)
	}
	wantDepth(t, q, 0, 0)
	if dead := dlq.Messages(); len(dead) != 1 || dead[0].Body != "poison" {
		t.Errorf("the dead-letter queue holds %+v", dead)
	}
	if passed := q.Now().Sub(begin); passed != 3*6*time.Minute {
		t.Errorf("%v passed, want three visibility timeouts", passed)
	}

	m.Invoke = func(_ context.Context, p []byte) ([]byte, error) { return nil, nil } // it was repaired
	if n := sqs.Redrive(dlq, q); n != 1 {
		t.Errorf("%d messages are redriven", n)
	}
	if s := run(t, m); s.Deleted != 1 {
		t.Errorf("after the redrive: %+v", s)
	}
}

func TestMaximumConcurrency(t *testing.T) {
	q := queue(t, sqs.Options{})
	for range 12 {
		q.Send("x")
	}
	const most = 4
	var mu sync.Mutex
	running, peak := 0, 0
	all := make(chan struct{})
	s := run(t, sqs.Mapping{Queue: q, BatchSize: 1, MaximumConcurrency: most, Invoke: func(context.Context, []byte) ([]byte, error) {
		mu.Lock()
		running++
		peak = max(peak, running)
		if running == most {
			select {
			case <-all:
			default:
				close(all)
			}
		}
		mu.Unlock()
		<-all
		mu.Lock()
		running--
		mu.Unlock()
		return nil, nil
	}})
	if peak != most || s.Invocations != 12 {
		t.Errorf("%d invocations at once, want %d; %+v", peak, most, s)
	}
}

// TestVisibilityDuringInvocation lets the visibility timeout pass while a function works at the
// message: it is delivered to another one, and the first can no longer delete it.
func TestVisibilityDuringInvocation(t *testing.T) {
	q := queue(t, sqs.Options{Visibility: time.Second})
	q.Send("slow")
	second := make(chan struct{})
	stale := 0
	s := run(t, sqs.Mapping{
		Queue: q, MaximumConcurrency: 2,
		Invoke: func(_ context.Context, p []byte) ([]byte, error) {
			switch decode(t, p).Records[0].Attributes["ApproximateReceiveCount"] {
			case "1":
				q.Advance(time.Second)
				<-second
			case "2":
				close(second)
				return nil, errors.New("out of luck")
			}
			return nil, nil
		},
		Observe: func(d sqs.Delivery) { stale += len(d.Stale) },
	})
	if stale != 1 || s != (sqs.Summary{Invocations: 3, Errors: 1, Deliveries: 3, Deleted: 1}) {
		t.Errorf("%d deletes were stale; %+v", stale, s)
	}
}

func TestDuplicates(t *testing.T) {
	q := queue(t, sqs.Options{Duplicates: 0.4, Seed: 9})
	const n = 200
	for i := range n {
		q.Send(fmt.Sprint(i))
	}
	var mu sync.Mutex
	seen := map[string]int{}
	s := run(t, sqs.Mapping{Queue: q, MaximumConcurrency: 8, Invoke: func(_ context.Context, p []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range decode(t, p).Records {
			seen[r.Body]++
		}
		return nil, nil
	}})
	// Of 200 messages, 133 copies are expected, and copies of copies.
	if len(seen) != n || s.Deliveries < n+n/2 || s.Deliveries > 2*n || s.Deleted != s.Deliveries {
		t.Errorf("%d of %d messages were delivered; %+v", len(seen), n, s)
	}
	wantDepth(t, q, 0, 0)
}

// TestDuplicatesInDLQ has messages and their copies fail so often that each would be moved.
func TestDuplicatesInDLQ(t *testing.T) {
	dlq := queue(t, sqs.Options{Name: "dlq"})
	q := queue(t, sqs.Options{Duplicates: 0.5, MaxReceive: 4, DLQ: dlq})
	const n = 20
	for range n {
		q.Send("poison")
	}
	s := run(t, sqs.Mapping{Queue: q, Invoke: func(_ context.Context, p []byte) ([]byte, error) {
		seen := map[string]bool{}
		for _, r := range decode(t, p).Records {
			if seen[r.MessageId] {
				t.Errorf("message %s is twice in a batch", r.MessageId)
			}
			seen[r.MessageId] = true
		}
		return nil, errors.New("out of luck")
	}})
	if s.Deliveries <= 4*n || s.Deleted > 0 {
		t.Errorf("no copies were delivered; %+v", s)
	}
	if dead := dlq.Messages(); len(dead) != n {
		t.Errorf("the dead-letter queue holds %d messages, want %d", len(dead), n)
	}
	wantDepth(t, q, 0, 0)
}

func TestLargeBatches(t *testing.T) {
	q := queue(t, sqs.Options{})
	for range 95 {
		q.Send("x")
	}
	var sizes []int
	run(t, sqs.Mapping{Queue: q, BatchSize: 40, MaximumConcurrency: 1, Invoke: func(_ context.Context, p []byte) ([]byte, error) {
		sizes = append(sizes, len(decode(t, p).Records))
		return nil, nil
	}})
	if !slices.Equal(sizes, []int{40, 40, 15}) {
		t.Errorf("batches of %v", sizes)
	}
}

func TestCanceledRun(t *testing.T) {
	q := queue(t, sqs.Options{})
	q.Send("x")
	q.Send("y")
	ctx, cancel := context.WithCancel(t.Context())
	m := sqs.Mapping{Queue: q, BatchSize: 1, MaximumConcurrency: 1, Invoke: func(ctx context.Context, _ []byte) ([]byte, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if s, err := m.Run(ctx); !errors.Is(err, context.Canceled) || s.Invocations != 1 {
		t.Errorf("a canceled run gives %+v, %v", s, err)
	}
	wantDepth(t, q, 1, 1)
}

func TestMappingLimits(t *testing.T) {
	for _, m := range []sqs.Mapping{{BatchSize: -1}, {BatchSize: 10_001}, {MaximumConcurrency: -1}, {MaximumConcurrency: 1001}} {
		m.Queue = queue(t, sqs.Options{})
		if _, err := m.Run(t.Context()); err == nil {
			t.Errorf("a batch size of %d with a concurrency of %d is taken", m.BatchSize, m.MaximumConcurrency)
		}
	}
}
