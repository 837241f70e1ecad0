package deadletter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/event"
)

// memory is a queue with the rules of SQS: a message that was received is hidden for a time, only its
// newest handle counts, order is not kept, and a copy may come.
type memory struct {
	mu       sync.Mutex
	random   *rand.Rand
	messages map[string]*stored
	receipts int
	hides    atomic.Int64
	fail     func(call string) error
}

type stored struct {
	body    string
	handle  string
	visible time.Time
}

func newMemory(bodies ...string) *memory {
	q := &memory{random: rand.New(rand.NewPCG(1, 2)), messages: map[string]*stored{}, fail: func(string) error { return nil }}
	for i, body := range bodies {
		q.messages[fmt.Sprintf("message-%03d", i)] = &stored{body: body}
	}
	return q
}

func (q *memory) Receive(ctx context.Context, max int, hidden time.Duration) ([]Message, error) {
	if err := q.fail("receive"); err != nil {
		return nil, err
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Second) {
		if received := q.receive(max, hidden); len(received) > 0 || !time.Now().Before(end) || ctx.Err() != nil {
			return received, ctx.Err()
		}
	}
}

func (q *memory) receive(max int, hidden time.Duration) (received []Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ids := slices.Sorted(maps.Keys(q.messages))
	q.random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		m := q.messages[id]
		if len(received) == min(max, 10) || m.visible.After(time.Now()) {
			continue
		}
		q.receipts++
		m.handle, m.visible = fmt.Sprintf("%s/%d", id, q.receipts), time.Now().Add(hidden)
		received = append(received, Message{id, m.handle, m.body})
	}
	return received
}

func (q *memory) find(handle string) (string, *stored) {
	id, _, _ := strings.Cut(handle, "/")
	if m := q.messages[id]; m != nil && m.handle == handle {
		return id, m
	}
	return "", nil
}

func (q *memory) Delete(_ context.Context, handle string) error {
	if err := q.fail("delete"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	id, _ := q.find(handle)
	delete(q.messages, id)
	return nil
}

func (q *memory) Hide(_ context.Context, handle string, hidden time.Duration) error {
	q.hides.Add(1)
	if err := q.fail("hide"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, m := q.find(handle); m != nil {
		m.visible = time.Now().Add(hidden)
	}
	return nil
}

// visible gives how many messages are visible.
func (q *memory) visible() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if !m.visible.After(time.Now()) {
			n++
		}
	}
	return n
}

func created(keys ...string) string {
	records := make([]string, len(keys))
	for i, key := range keys {
		records[i] = fmt.Sprintf(`{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"logs"},"object":{"key":%q}}}`, key)
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

const bridged = `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"logs"},"object":{"key":"bridged"},"reason":"PutObject"}}`

// counter counts conversions, of which some fail.
type counter struct {
	mu    sync.Mutex
	times map[string]int
	fails map[string]error
	takes time.Duration
	busy  atomic.Int64
	most  atomic.Int64
}

func (c *counter) convert(_ context.Context, o event.Object) error {
	if busy := c.busy.Add(1); busy > c.most.Load() {
		c.most.Store(busy)
	}
	defer c.busy.Add(-1)
	time.Sleep(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[o.Key]++
	return c.fails[o.Key]
}

// What is done with goes, and the rest stays, visible, each with its reason.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := errors.New("gzip stream is cut off")
		q := newMemory(created("1"), created("2", "poison", "3"), bridged, created(), `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}`, `{"hello":"world"}`, "not JSON", created("4"))
		c := counter{fails: map[string]error{"poison": cut}}
		left := map[string]error{}
		s, err := Drain(t.Context(), q, Config{Left: func(m Message, err error) { left[m.Body] = err }}, c.convert)
		if err != nil || s.Received != 8 || s.Deleted != 5 || s.Left != 3 || s.NotUnderstood != 2 {
			t.Errorf("%+v, error %v", s, err)
		}
		if !maps.Equal(s.Skipped, map[string]int{"test event": 1, "no records": 1}) {
			t.Errorf("skipped %v", s.Skipped)
		}
		if want := map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "poison": 1, "bridged": 1}; !maps.Equal(c.times, want) {
			t.Errorf("converted %v, want %v", c.times, want)
		}
		var odd *event.Error
		if len(left) != 3 || !errors.Is(left[created("2", "poison", "3")], cut) || !errors.As(left["not JSON"], &odd) || !strings.Contains(left[`{"hello":"world"}`].Error(), "want an event") {
			t.Errorf("left %v", left)
		}
		if len(q.messages) != 3 || q.visible() != 3 {
			t.Errorf("%d messages are left, %d visible", len(q.messages), q.visible())
		}
	})
}

// A queue full of messages that fail is drained once, although it takes so long that they are visible
// again, and so is one that delivers twice.
func TestDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		c := counter{takes: 2 * time.Minute, fails: map[string]error{}}
		for i := range 200 {
			key := fmt.Sprint(i)
			bodies = append(bodies, created(key))
			if i%3 > 0 {
				c.fails[key] = errors.New("no")
			}
		}
		q := newMemory(bodies...)
		s, err := Drain(t.Context(), q, Config{Messages: 7}, c.convert)
		if err != nil || s.Received != 200 || s.Deleted != 67 || s.Left != 133 {
			t.Errorf("%+v, error %v", s, err)
		}
		for key, n := range c.times {
			if n != 1 {
				t.Errorf("%s was converted %d times", key, n)
			}
		}
		if c.most.Load() != 7 {
			t.Errorf("%d messages in hand, want 7", c.most.Load())
		}
		if q.receipts <= 200 {
			t.Errorf("%d receipts: no message came again, so this tests nothing", q.receipts)
		}
		if q.visible() != 133 {
			t.Errorf("%d visible", q.visible())
		}
	})
}

// While a message is worked at it stays hidden, however long that takes.
func TestMessagesStayHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemory(created("slow"))
		c := counter{takes: time.Hour}
		var others int
		ended := make(chan struct{})
		var watching sync.WaitGroup
		watching.Go(func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(time.Minute):
					others += q.visible()
				}
			}
		})
		s, err := Drain(t.Context(), q, Config{}, c.convert)
		close(ended)
		watching.Wait()
		if err != nil || s.Deleted != 1 || others != 0 || c.times["slow"] != 1 {
			t.Errorf("%+v, error %v, visible %d times, converted %v", s, err, others, c.times)
		}
		if n := q.hides.Load(); n < 12 || n > 36 {
			t.Errorf("hidden anew %d times in an hour", n)
		}
	})
}

// A message that is delivered twice while it is in hand is converted once, and its newest handle deletes
// it.
func TestMessagesThatComeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemory(created("1"), created("2"))
		c := counter{takes: time.Minute}
		go func() { // as SQS may do
			time.Sleep(2 * time.Second)
			q.mu.Lock()
			defer q.mu.Unlock()
			for _, m := range q.messages {
				m.visible = time.Now()
			}
		}()
		s, err := Drain(t.Context(), q, Config{}, c.convert)
		if err != nil || s.Received != 2 || s.Deleted != 2 || q.receipts != 4 || len(q.messages) != 0 || c.times["1"] != 1 || c.times["2"] != 1 {
			t.Errorf("%+v, error %v, %d receipts, converted %v, %d messages left", s, err, q.receipts, c.times, len(q.messages))
		}
	})
}

// What is in progress when the context ends is brought to its end, and its message deleted; the others
// are left alone.
func TestInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		for i := range 50 {
			bodies = append(bodies, created(fmt.Sprint(i)))
		}
		q := newMemory(bodies...)
		c := counter{takes: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		s, err := Drain(ctx, q, Config{Messages: 5}, c.convert)
		if !errors.Is(err, context.DeadlineExceeded) || s.Received != 10 || s.Deleted != 10 || s.Left != 0 {
			t.Errorf("%+v, error %v", s, err)
		}
		if len(q.messages) != 40 || q.visible() != 40 {
			t.Errorf("%d messages are left, %d visible", len(q.messages), q.visible())
		}
	})
}

// Errors of the queue lose nothing.
func TestErrorsOfTheQueue(t *testing.T) {
	broken := errors.New("broken")
	for call, want := range map[string]struct {
		err     bool
		deleted int
		left    int
	}{
		"receive": {true, 0, 0},
		"delete":  {false, 0, 3},
		"hide":    {true, 2, 1}, // the one that stays cannot be shown
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newMemory(created("1"), created("2"), created("poison"))
			q.fail = func(c string) error {
				if c == call {
					return broken
				}
				return nil
			}
			c := counter{fails: map[string]error{"poison": errors.New("no")}}
			s, err := Drain(t.Context(), q, Config{}, c.convert)
			if errors.Is(err, broken) != want.err || s.Deleted != want.deleted || s.Left != want.left || len(q.messages) != 3-want.deleted {
				t.Errorf("%s: %+v, error %v, %d messages are left", call, s, err, len(q.messages))
			}
		})
	}
}
