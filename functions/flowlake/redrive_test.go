package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/mototest"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

func TestRedriveFlags(t *testing.T) {
	const queue = "https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dead-letters"
	january := replay.Selection{Account: "123456789012"}
	for _, test := range []struct {
		failed   []string
		sources  []string
		selected replay.Selection
		dryRun   bool
		want     string
	}{
		{nil, []string{"logs"}, january, true, ""},
		{[]string{"list", "s3://lake/replay/january/ID/manifest.json"}, nil, january, true, ""},
		{[]string{queue}, nil, replay.Selection{}, false, ""},
		{[]string{"list"}, []string{"logs"}, replay.Selection{}, false, `--failed: want no SOURCE with it, have ["logs"]`},
		{[]string{""}, nil, replay.Selection{}, false, "--failed: want a list or the URL of a queue"},
		{[]string{"list", queue}, nil, replay.Selection{}, false, "--failed: want one queue and nothing besides"},
		{[]string{queue}, nil, replay.Selection{}, true, "--dry-run: nobody can see what is in a queue"},
		{[]string{queue}, nil, january, false, "--failed: of a queue all messages are meant"},
		{[]string{"https://example.com/list"}, nil, replay.Selection{}, false, "--failed: want a file, an s3:// URL or the URL of a queue"},
	} {
		var o redriveOptions
		c := &cobra.Command{}
		o.register(c)
		for _, f := range test.failed {
			if err := c.Flags().Set("failed", f); err != nil {
				t.Fatal(err)
			}
		}
		err := o.validate(test.sources, &test.selected, test.dryRun)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: error %v, want %q", test.failed, err, test.want)
		}
		var e *exitError
		if err != nil && (!errors.As(err, &e) || e.code != exitUsage) {
			t.Errorf("%q: error %v is none of the command line", test.failed, err)
		}
		if got := o.queue(); err == nil && (got != "") != slices.Contains(test.failed, queue) {
			t.Errorf("%q: queue %q", test.failed, got)
		}
	}
}

func nobodys(replay.Object) bool { return false }

// buckets opens stores in memory by the bucket of a URL.
type buckets map[string]*root

func (b buckets) open(_ context.Context, url string) (replay.Store, string, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	if b[bucket] == nil {
		return nil, "", errors.New("no such bucket: " + bucket)
	}
	return b[bucket], key, nil
}

func newBucket(name string, keys ...string) *root {
	r := &root{url: "s3://" + name}
	for _, key := range keys {
		r.Put(key, []byte(key))
	}
	return r
}

// Objects are found with what their stores know of them; one that is missing is given all the same, for
// its conversion to fail.
func TestLocate(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(os.MkdirAll("logs", 0o777), os.WriteFile("logs/a b.log.gz", []byte("xyz"), 0o666), os.Symlink("logs", "link")); err != nil {
		t.Fatal(err)
	}
	l := locator{open: buckets{"logs": newBucket("logs", "a b.log.gz", "a b.log.gz.old")}.open}
	for _, test := range []struct {
		name, url string
		size      int64
		exists    bool
	}{
		{"s3://logs/a b.log.gz", "s3://logs/a b.log.gz", 10, true},
		{"s3://logs/a b.log", "s3://logs/a b.log", 0, false},
		{"s3://logs/gone.log.gz", "s3://logs/gone.log.gz", 0, false},
		{"logs/a b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"link/a b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"file://" + dir + "/logs/a%20b.log.gz", "file://" + dir + "/logs/a%20b.log.gz", 3, true},
		{"none/gone.log.gz", "file://" + dir + "/none/gone.log.gz", 0, false},
		{"logs", "file://" + dir + "/logs", 0, false},
	} {
		o, exists, err := l.locate(t.Context(), test.name)
		if err != nil || exists != test.exists || o.URL() != test.url || o.Size != test.size || (o.Modified.IsZero() == exists) {
			t.Errorf("%s: %+v, exists %t, error %v", test.name, o, exists, err)
		}
	}
	for _, name := range []string{"s3://other/a.log.gz", "https://example.com/a.log.gz"} {
		if _, _, err := l.locate(t.Context(), name); err == nil {
			t.Errorf("%s is found", name)
		}
	}
	denied := newBucket("logs")
	denied.Hook = func(op, _ string, _ storetest.When) error { return fs.ErrPermission }
	l = locator{open: buckets{"logs": denied}.open}
	if o, exists, err := l.locate(t.Context(), "s3://logs/a.log.gz"); err != nil || exists || o.URL() != "s3://logs/a.log.gz" {
		t.Errorf("where listing is denied: %+v, exists %t, error %v", o, exists, err)
	}
}

// What a replay says of its failures, in its journal and in its progress, is what is converted again.
func TestFailuresOfReplayAreConvertedAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "50", "--accelerators", "1", "--single", "a.log.gz")
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "70", "--accelerators", "1", "--single", "b é.log.gz")
	whole, err := os.ReadFile("logs/b é.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "replay", "logs", "--lake", "want")
	if err := os.WriteFile("logs/b é.log.gz", whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr := flowlake(t, exitObjects, "replay", "logs", "--lake", "lake", "--journal", "journal", "--format", "json")
	if err := errors.Join(os.WriteFile("progress", []byte(stderr), 0o666), os.WriteFile("logs/b é.log.gz", whole, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"journal"}, {"progress"}, {"journal", "progress"}} {
		l := failedLists{names: names, open: (&cloud{}).openList, owns: nobodys}
		var got []string
		if err := l.Each(t.Context(), func(o replay.Object) error {
			got = append(got, o.Key)
			return nil
		}); err != nil || !slices.Equal(got, []string{"b é.log.gz"}) {
			t.Errorf("%q: %q, error %v", names, got, err)
		}
	}

	options := lakeOptions{url: "lake"}
	lake, err := options.open(t.Context(), &cloud{})
	if err != nil {
		t.Fatal(err)
	}
	redrive := redriveOptions{failed: []string{"journal"}}
	objects, letters, err := redrive.lister(t.Context(), &cloud{}, lake)
	if err != nil || letters != nil {
		t.Fatal(err, letters)
	}
	config := etl.Config{Table: schema.GlobalAccelerator()}
	converter, err := etl.New(config, lake, lake.catalog)
	if err != nil {
		t.Fatal(err)
	}
	s, err := replay.Run(t.Context(), objects, converter, replay.Config{Table: config.Table})
	if err != nil || s.Objects != 1 || s.Converted != 1 || s.Bytes != int64(len(whole)) {
		t.Errorf("%+v, error %v", s, err)
	}
	if got, want := files(t, "lake/aga_flow_logs"), files(t, "want/aga_flow_logs"); len(want) != 4 || !maps.Equal(got, want) {
		t.Errorf("the lake has %d files, want %d, or others", len(got), len(want))
	}
}

// An object that is named again and again is given once; the lake's own objects are left out; what
// cannot be read ends it.
func TestFailedLists(t *testing.T) {
	open := func(_ context.Context, name string) (io.ReadCloser, error) {
		list, ok := map[string]string{
			"one": "s3://logs/1.log.gz\ns3://logs/2.log.gz\ns3://logs/1.log.gz\n",
			"two": "s3://logs/2.log.gz\ns3://logs/lake/3.log.gz\ns3://logs/4.log.gz\n",
			"odd": "s3://logs/5.log.gz\nhttps://example.com/6.log.gz\n",
		}[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(list)), nil
	}
	for _, test := range []struct {
		names []string
		want  string
		err   string
	}{
		{[]string{"one", "two"}, "[1.log.gz 2.log.gz 4.log.gz]", ""},
		{[]string{"one", "none", "two"}, "[1.log.gz 2.log.gz]", "read list none: file does not exist"},
		{[]string{"odd"}, "[5.log.gz]", "read list odd: find https://example.com/6.log.gz: want a path"},
	} {
		l := failedLists{names: test.names, open: open, at: locator{open: buckets{"logs": newBucket("logs")}.open}}
		l.owns = func(o replay.Object) bool { return strings.HasPrefix(o.Key, "lake/") }
		var got []string
		err := l.Each(t.Context(), func(o replay.Object) error {
			got = append(got, o.Key)
			return nil
		})
		if fmt.Sprint(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %q, error %v", test.names, got, err)
		}
	}
}

// letterBox is a queue that gives each message once.
type letterBox struct {
	mu       sync.Mutex
	messages []deadletter.Message
	deleted  []string
	shown    []string // made visible again
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
		func(o replay.Object) bool { return strings.HasPrefix(o.Key, "lake/") })
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
	if got := report.String(); !strings.HasPrefix(got, "messages    8 received: 4 deleted, 4 stay, 1 of which are not understood\n  stays     message odd: decode event: ") || strings.Count(got, "\n") != 2 {
		t.Errorf("report\n%s", got)
	}
}

// Messages about an object that is being converted wait for that conversion.
func TestDeadLettersShareAConversion(t *testing.T) {
	var box letterBox
	box.put("one", "1.log.gz")
	box.put("two", "1.log.gz")
	box.put("three", "1.log.gz")
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs", "1.log.gz")}.open, nobodys)
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
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs")}.open, nobodys)
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
	l := newDeadLetters(&box, buckets{"logs": newBucket("logs")}.open, nobodys)
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
	unused := newDeadLetters(&box, nil, nobodys)
	if err := unused.close(); err != nil {
		t.Error(err)
	}
}

// The whole way, over moto's S3 and SQS: objects in a bucket, messages about them in a queue of dead
// letters, a lake, and the queue empty but for what cannot be converted.
func TestDeadLettersOverMoto(t *testing.T) {
	endpoint := mototest.Start(t, os.Getenv)
	withoutAWS(t, map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": endpoint})
	t.Chdir(t.TempDir())
	var cloud cloud
	cfg, err := cloud.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages := sqs.NewFromConfig(cfg)
	queue, err := messages.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("logs-bucket")}); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "3", "--accelerators", "1")
	var keys []string
	for path := range files(t, "logs") {
		keys = append(keys, path)
	}
	slices.Sort(keys)
	keys = keys[:3]
	for i, key := range keys {
		text, err := os.ReadFile(filepath.Join("logs", filepath.FromSlash(key)))
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			text = text[:len(text)/2]
		}
		if _, err := cloud.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("logs-bucket"), Key: &key, Body: bytes.NewReader(text), ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc32}); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"bucket":"logs-bucket","keys":[%q]}`, key)
		if _, err := messages.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	options := lakeOptions{url: "lake"}
	lake, err := options.open(t.Context(), &cloud)
	if err != nil {
		t.Fatal(err)
	}
	table := schema.GlobalAccelerator()
	if err := lake.ensure(t.Context(), []*schema.Table{table, table.Rejects()}); err != nil {
		t.Fatal(err)
	}
	converter, err := etl.New(etl.Config{Table: table}, lake, lake.catalog)
	if err != nil {
		t.Fatal(err)
	}
	redrive := redriveOptions{failed: []string{*queue.QueueUrl}}
	_, letters, err := redrive.lister(t.Context(), &cloud, lake)
	if err != nil || letters == nil {
		t.Fatal(err, letters)
	}
	s, err := letters.replay(t.Context(), converter, replay.Config{Limits: replay.Limits{Workers: 2}})
	if err != nil || s.Converted != 2 || s.Failed != 1 || letters.summary.Deleted != 2 || letters.summary.Left != 1 {
		t.Errorf("%+v, messages %+v, error %v", s, letters.summary, err)
	}
	if n := len(files(t, "lake/aga_flow_logs")); n < 2 {
		t.Errorf("%d outputs", n)
	}
	left, err := messages.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
	if err != nil || len(left.Messages) != 1 || !strings.Contains(*left.Messages[0].Body, keys[2]) {
		t.Errorf("left %+v, error %v", left, err)
	}
}
