package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// letterBox is a queue that gives each message once.
type letterBox struct {
	mu       sync.Mutex
	messages []deadletter.Message
	deleted  []string
	shown    []string // made visible again
	stuck    string   // the handle of one that cannot be deleted, or ""
}

func (b *letterBox) Receive(ctx context.Context, max int, _ time.Duration) ([]deadletter.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := min(max, len(b.messages))
	received := b.messages[:n]
	b.messages = b.messages[n:]
	return received, nil
}

func (b *letterBox) Delete(_ context.Context, handle string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if handle == b.stuck && handle != "" {
		return errors.New("no")
	}
	b.deleted = append(b.deleted, handle)
	return nil
}

func (b *letterBox) Hide(_ context.Context, handle string, hidden time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if hidden == 0 {
		b.shown = append(b.shown, handle)
	}
	return nil
}

// put puts a message about objects of the bucket logs into the box.
func (b *letterBox) put(name string, keys ...string) {
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"logs"},"object":{"key":%q}}}`, key))
	}
	b.messages = append(b.messages, deadletter.Message{ID: name, Handle: name, Body: `{"Records":[` + strings.Join(records, ",") + `]}`})
}

// conversions is a converter that counts, and fails for keys that say so.
type conversions struct {
	mu    sync.Mutex
	times map[string]int
	began chan string // if not nil, told of each conversion
	goOn  chan struct{}
}

func (c *conversions) Convert(ctx context.Context, _ etl.Source, key string) (etl.Result, error) {
	if c.began != nil {
		c.began <- key
		<-c.goOn
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[key]++
	if strings.Contains(key, "poison") {
		return etl.Result{}, errors.New("gzip stream is cut off")
	}
	return etl.Result{}, ctx.Err()
}

func (l *deadLetters) replay(ctx context.Context, c replay.Converter, config replay.Config) (replay.Summary, error) {
	config.Table, config.Done = schema.GlobalAccelerator(), l.done
	s, err := replay.Run(ctx, l, c, config)
	return s, errors.Join(err, l.close())
}

// A message is deleted when all its objects are converted or rightly skipped; the others stay.
func TestDeadLetters(t *testing.T) {
	var box letterBox
	box.put("one", "1.log.gz")
	box.put("two", "2.log.gz", "README.txt", "lake/aga_flow_logs/x.parquet")
	box.put("poisoned", "3.log.gz", "poison.log.gz")
	box.put("none")
	box.put("again", "1.log.gz", "poison.log.gz")
	box.messages = append(box.messages,
		deadletter.Message{ID: "odd", Handle: "odd", Body: "{}"},
		deadletter.Message{ID: "encoded", Handle: "encoded", Body: `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"logs"},"object":{"key":"a%20b.log.gz"}}}`},
		deadletter.Message{ID: "bucket", Handle: "bucket", Body: `{"bucket":"other","keys":["1.log.gz"]}`})
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs", "1.log.gz", "2.log.gz", "3.log.gz", "poison.log.gz", "a b.log.gz")}.open,
		func(o replay.Object) bool { return strings.HasPrefix(o.Key, "lake/") }, nil)
	var c conversions
	s, err := l.replay(t.Context(), &c, replay.Config{Limits: replay.Limits{Workers: 3}})
	if err != nil || s.Failed != c.times["poison.log.gz"] || s.Failed == 0 {
		t.Errorf("%+v, error %v", s, err)
	}
	slices.Sort(box.deleted)
	if want := []string{"encoded", "none", "one", "two"}; !slices.Equal(box.deleted, want) {
		t.Errorf("deleted %q, want %q", box.deleted, want)
	}
	slices.Sort(box.shown)
	if want := []string{"again", "bucket", "odd", "poisoned"}; !slices.Equal(box.shown, want) {
		t.Errorf("visible again %q, want %q", box.shown, want)
	}
	if c.times["a b.log.gz"] != 1 || c.times["a%20b.log.gz"] != 0 || c.times["2.log.gz"] != 1 || c.times["3.log.gz"] != 1 {
		t.Errorf("converted %v", c.times)
	}
	var report bytes.Buffer
	l.report(&report)
	got := report.String()
	if !strings.HasPrefix(got, "messages    8 received: 4 deleted, 4 stay, 1 of which are not understood\n") || strings.Count(got, "\n") != 3 ||
		!strings.Contains(got, "  stays     message odd: decode event: ") || !strings.Contains(got, "  stays     message bucket: no such bucket: other\n") {
		t.Errorf("report\n%s", got)
	}
}

// Whatever makes messages stay is told, unless the outcome of an object tells it: a listing that fails,
// a log from elsewhere, a message that cannot be deleted.
func TestDeadLettersThatStay(t *testing.T) {
	box := letterBox{stuck: "stuck"}
	box.put("listed", "AWSLogs/slow.log.gz", "AWSLogs/poison.log.gz")
	box.put("foreign", "elsewhere/1.log.gz")
	box.put("folder", "AWSLogs-old/1.log.gz")
	box.put("no log", "elsewhere/README.txt")
	box.put("stuck", "AWSLogs/1.log.gz")
	box.put("poisoned", "AWSLogs/poison.log.gz")
	encoded := func(id, key string) {
		box.messages = append(box.messages, deadletter.Message{ID: id, Handle: id, Body: `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"logs"},"object":{"key":"` + key + `"}}}`})
	}
	encoded("encoded", "AWSLogs%2Fa%20b.log.gz")  // as it stands it lies elsewhere
	encoded("unsure", "AWSLogs/slow%20x.log.gz")  // nobody knows whether it is there
	encoded("unsure2", "AWSLogs/none%2Fx.log.gz") // nobody knows whether the other is
	logs := newBucket("logs", "AWSLogs/1.log.gz", "AWSLogs/poison.log.gz", "AWSLogs/a b.log.gz", "AWSLogs/slow x.log.gz")
	logs.Hook = func(op, key string, _ storetest.When) error {
		if op == "list" && (strings.Contains(key, "slow") && key != "AWSLogs/slow x.log.gz" || key == "AWSLogs/none/x.log.gz") {
			return errors.New("SlowDown")
		}
		return nil
	}
	l := newDeadLetters(&box, buckets{"logs": logs}.open, nobodys, []string{"s3://logs/AWSLogs"})
	var c conversions
	s, err := l.replay(t.Context(), &c, replay.Config{Limits: replay.Limits{Workers: 2}})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(box.deleted)
	if want := []string{"encoded", "no log"}; !slices.Equal(box.deleted, want) {
		t.Errorf("deleted %q, want %q", box.deleted, want)
	}
	want := map[string]string{
		"listed":  `list "AWSLogs/slow.log.gz": SlowDown`,
		"foreign": "convert s3://logs/elsewhere/1.log.gz: not below any --source",
		"folder":  "convert s3://logs/AWSLogs-old/1.log.gz: not below any --source",
		"stuck":   "converted, but the message is not deleted: no",
		"unsure":  `list "AWSLogs/slow%20x.log.gz": SlowDown`,
		"unsure2": `list "AWSLogs/none/x.log.gz": SlowDown`,
	}
	got := map[string]string{}
	for _, m := range l.stay {
		got[m.ID] = m.Error
	}
	if !maps.Equal(got, want) || c.times["AWSLogs/a b.log.gz"] != 1 || c.times["AWSLogs/slow x.log.gz"] != 0 {
		t.Errorf("stay %q, want %q; converted %v", got, want, c.times)
	}
	var out bytes.Buffer
	if err := (&replayOptions{format: formatJSON}).printSummary(&out, &s, l, time.Second); err != nil || strings.Count(out.String(), `{"id":"`) != len(want) ||
		!strings.Contains(out.String(), `"messages_left":[`) || !strings.Contains(out.String(), `{"id":"foreign","error":"`+want["foreign"]+`"}`) {
		t.Errorf("summary %s, error %v", &out, err)
	}
	for i := range 3 * maxFailures {
		l.left(deadletter.Message{ID: fmt.Sprint(i)}, errors.New("no"))
	}
	out.Reset()
	l.report(&out)
	if len(l.stay) != maxFailures || !strings.HasSuffix(out.String(), fmt.Sprintf("  stays     ... and %d more\n", 2*maxFailures+len(want))) {
		t.Errorf("of many, the report says\n%s", &out)
	}
}

// Messages about an object that is being converted wait for that conversion.
func TestDeadLettersShareAConversion(t *testing.T) {
	var box letterBox
	box.put("one", "1.log.gz")
	box.put("two", "1.log.gz")
	box.put("three", "1.log.gz")
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs", "1.log.gz")}.open, nobodys, nil)
	c := conversions{began: make(chan string), goOn: make(chan struct{})}
	go func() {
		<-c.began
		for waiting := 0; waiting < 3; time.Sleep(time.Millisecond) {
			l.mu.Lock()
			waiting = len(l.waiting["s3://logs/1.log.gz"])
			l.mu.Unlock()
		}
		close(c.goOn)
	}()
	s, err := l.replay(t.Context(), &c, replay.Config{Limits: replay.Limits{Workers: 3}})
	if err != nil || s.Converted != 1 || len(box.deleted) != 3 {
		t.Errorf("%+v, error %v, deleted %q", s, err, box.deleted)
	}
}

// When a replay is interrupted, what is being converted is brought to its end and its message deleted;
// the others are visible again.
func TestDeadLettersInterrupted(t *testing.T) {
	var box letterBox
	for i := range 30 {
		box.put(fmt.Sprint(i), fmt.Sprintf("%d.log.gz", i))
	}
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs")}.open, nobodys, nil)
	c := conversions{began: make(chan string, 30), goOn: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-c.began
		<-c.began
		cancel()
		close(c.goOn)
	}()
	s, err := l.replay(ctx, &c, replay.Config{Limits: replay.Limits{Workers: 2}})
	if err != nil || s.Converted != 2 || s.Failed != 0 {
		t.Errorf("%+v, error %v", s, err)
	}
	if received := 30 - len(box.messages); len(box.deleted) != 2 || len(box.deleted)+len(box.shown) != received {
		t.Errorf("%d received, deleted %q, visible again %q", received, box.deleted, box.shown)
	}
}

// An error of whoever takes the objects ends it, and is given.
func TestDeadLettersEndWithTheirCaller(t *testing.T) {
	var box letterBox
	for i := range 5 {
		box.put(fmt.Sprint(i), fmt.Sprintf("%d.log.gz", i))
	}
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs")}.open, nobodys, nil)
	broken := errors.New("journal is broken")
	if err := l.Each(t.Context(), func(replay.Object) error { return broken }); err != broken {
		t.Errorf("error %v", err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if len(box.deleted) > 0 || len(box.shown)+len(box.messages) != 5 {
		t.Errorf("deleted %q, visible again %q, %d not received", box.deleted, box.shown, len(box.messages))
	}
	unused := newDeadLetters(&box, nil, nobodys, nil)
	if err := unused.close(); err != nil {
		t.Error(err)
	}
}
