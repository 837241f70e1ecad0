package sqs_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/sqs"
)

func queue(t *testing.T, o sqs.Options) *sqs.Queue {
	t.Helper()
	if o.Name == "" {
		o.Name = "flow-logs"
	}
	q, err := sqs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func wantDepth(t *testing.T, q *sqs.Queue, visible, inFlight int) {
	t.Helper()
	if v, f := q.Depth(); v != visible || f != inFlight {
		t.Errorf("%d messages are visible and %d in flight, want %d and %d", v, f, visible, inFlight)
	}
}

func TestVisibility(t *testing.T) {
	q := queue(t, sqs.Options{Visibility: time.Minute})
	id := q.Send("body")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("message id %q", id)
	}
	begin := q.Now()
	first := q.Receive(10)
	if len(first) != 1 || first[0].ID != id || first[0].Body != "body" || first[0].Receives != 1 || !first[0].Sent.Equal(begin) || !first[0].FirstReceived.Equal(begin) {
		t.Fatalf("received %+v", first)
	}
	wantDepth(t, q, 0, 1)
	q.Advance(time.Minute - 1)
	if again := q.Receive(10); len(again) > 0 {
		t.Errorf("received %+v while it is hidden", again)
	}
	q.Advance(1)
	wantDepth(t, q, 1, 0)
	second := q.Receive(10)
	if len(second) != 1 || second[0].Receives != 2 || second[0].ReceiptHandle == first[0].ReceiptHandle || !second[0].FirstReceived.Equal(begin) {
		t.Fatalf("received again: %+v", second)
	}

	if deleted, err := q.Delete(first[0].ReceiptHandle); deleted || err != nil {
		t.Errorf("Delete with the older handle gives %t, %v", deleted, err)
	}
	wantDepth(t, q, 0, 1)
	q.Advance(time.Hour) // the newest handle deletes even what is visible again
	if deleted, err := q.Delete(second[0].ReceiptHandle); !deleted || err != nil {
		t.Errorf("Delete with the newest handle gives %t, %v", deleted, err)
	}
	wantDepth(t, q, 0, 0)
	if deleted, err := q.Delete(second[0].ReceiptHandle); deleted || err != nil {
		t.Errorf("Delete of what is deleted gives %t, %v", deleted, err)
	}
	if _, err := q.Delete("of nobody"); !errors.Is(err, sqs.ErrReceiptHandle) {
		t.Errorf("Delete with a handle of nobody gives %v", err)
	}
}

func TestReceiveIsShuffledAndBounded(t *testing.T) {
	order := func(seed uint64) (bodies []string) {
		q := queue(t, sqs.Options{Seed: seed})
		for i := range 25 {
			q.Send(fmt.Sprint(i))
		}
		for _, want := range []int{10, 10, 3, 2, 0} {
			max := 100
			if want == 3 {
				max = 3
			}
			batch := q.Receive(max)
			if len(batch) != want {
				t.Errorf("Receive(%d) gives %d messages, want %d", max, len(batch), want)
			}
			for _, m := range batch {
				bodies = append(bodies, m.Body)
			}
		}
		return bodies
	}
	one, again, other := order(1), order(1), order(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Errorf("order with seed 1: %v, again: %v, with seed 2: %v", one, again, other)
	}
	slices.Sort(one)
	if len(slices.Compact(one)) != 25 {
		t.Errorf("received %v", one)
	}
}

func TestRedrive(t *testing.T) {
	dlq := queue(t, sqs.Options{Name: "flow-logs-dlq"})
	q := queue(t, sqs.Options{MaxReceive: 2, DLQ: dlq, Visibility: time.Second})
	id := q.Send("poison")
	sent := q.Now()
	for n := range 2 {
		if got := q.Receive(1); len(got) != 1 || got[0].Receives != n+1 {
			t.Fatalf("receipt %d gives %+v", n+1, got)
		}
		q.Advance(time.Second)
	}
	wantDepth(t, q, 1, 0) // it is moved when it would be received
	if got := q.Receive(1); len(got) != 0 {
		t.Errorf("received once too often: %+v", got)
	}
	wantDepth(t, q, 0, 0)
	dead := dlq.Messages()
	if len(dead) != 1 || dead[0].ID != id || dead[0].Body != "poison" || !dead[0].Sent.Equal(sent) || dead[0].Source != q.ARN() {
		t.Fatalf("the dead-letter queue holds %+v", dead)
	}

	dlq.Send("not of this queue")
	if n := sqs.Redrive(dlq, q); n != 1 {
		t.Errorf("%d messages are redriven", n)
	}
	wantDepth(t, dlq, 1, 0)
	if got := q.Receive(1); len(got) != 1 || got[0].ID == id || got[0].Body != "poison" || got[0].Receives != 1 {
		t.Errorf("redriven, it is received as %+v", got)
	}
	if n := dlq.Purge(); n != 1 {
		t.Errorf("%d messages are purged", n)
	}
	wantDepth(t, dlq, 0, 0)
}

func TestOptions(t *testing.T) {
	dlq := queue(t, sqs.Options{Name: "dlq"})
	for _, o := range []sqs.Options{
		{}, {Name: "q", MaxReceive: 3}, {Name: "q", DLQ: dlq}, {Name: "q", Visibility: -1}, {Name: "q", Duplicates: 1}, {Name: "q", Duplicates: -.1}, {Name: "q", MaxReceive: -1, DLQ: dlq},
	} {
		if _, err := sqs.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// TestConcurrentReceivers has goroutines receive and delete; each message goes to one of them.
func TestConcurrentReceivers(t *testing.T) {
	q := queue(t, sqs.Options{})
	const n = 500
	for i := range n {
		q.Send(fmt.Sprint(i))
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var receivers sync.WaitGroup
	for range 8 {
		receivers.Go(func() {
			for batch := q.Receive(7); len(batch) > 0; batch = q.Receive(7) {
				for _, m := range batch {
					if deleted, err := q.Delete(m.ReceiptHandle); !deleted || err != nil {
						t.Errorf("Delete gives %t, %v", deleted, err)
					}
					mu.Lock()
					seen[m.Body]++
					mu.Unlock()
				}
			}
		})
	}
	receivers.Wait()
	wantDepth(t, q, 0, 0)
	for body, times := range seen {
		if times != 1 {
			t.Errorf("message %s was received %d times", body, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d messages were received", len(seen))
	}
}
