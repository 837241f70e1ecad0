// Package e2e tests the compiled programs end to end: the Lambda's bootstrap and the command line,
// against a real S3 gateway, Glue over the wire and a model of SQS, all on the loopback interface.
//
// It is a module of its own, because what stands in for AWS pulls many modules that the product does
// without.
package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/gateway"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/sqs"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// binaries is the directory of what is tested, compiled once: bootstrap and flowlake.
var binaries string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "flowlake-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binaries = dir
	bootstrap := []string{"CGO_ENABLED=0", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", filepath.Join(dir, "bootstrap"), "./functions/convert"}
	if raceEnabled { // what is tested has the detector, too
		bootstrap = []string{"CGO_ENABLED=1", "-race", "-tags", "lambda.norpc", "-o", filepath.Join(dir, "bootstrap"), "./functions/convert"}
	}
	for _, args := range [][]string{
		bootstrap,
		{"CGO_ENABLED=1", "-o", filepath.Join(dir, "flowlake"), "./functions/flowlake"},
	} {
		build := exec.Command("go", append([]string{"build", "-trimpath"}, args[1:]...)...)
		build.Dir = filepath.Join("..", "..") // the module of what is tested
		build.Env = append(os.Environ(), args[0])
		if out, err := build.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build %s: %w\n%s", args[len(args)-1], err, out)
		}
	}
	return m.Run(), nil
}

// world is S3 with a bucket of logs and a bucket for lakes.
type world struct {
	gateway *gateway.Gateway
	client  *s3.Client
}

const (
	logBucket  = "logs"
	lakeBucket = "lake"
)

func newWorld(t testing.TB) *world {
	t.Helper()
	g, err := gateway.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, bucket := range []string{logBucket, lakeBucket} {
		if err := g.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return &world{g, g.Client()}
}

// put stores a log.
func (w *world) put(t testing.TB, key string, data []byte) {
	t.Helper()
	if _, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(logBucket), Key: &key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// objects gives the SHA-256 of every object that S3 lists below a prefix of the lakes' bucket, by the
// rest of its key.
func (w *world) objects(ctx context.Context, prefix string) (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	pages := s3.NewListObjectsV2Paginator(w.client, &s3.ListObjectsV2Input{Bucket: aws.String(lakeBucket), Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			out, err := w.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lakeBucket), Key: o.Key})
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(out.Body)
			if err := errors.Join(err, out.Body.Close()); err != nil {
				return nil, err
			}
			sums[strings.TrimPrefix(*o.Key, prefix)] = sha256.Sum256(data)
		}
	}
	return sums, nil
}

// stage is a lake with its catalog, and the function that fills it. Between the function and the
// services stand proxies that can make calls fail.
type stage struct {
	*world
	name      string // of the lake below its bucket, and of the database
	glue      *gluetest.Server
	s3Calls   *faultproxy.Proxy
	glueCalls *faultproxy.Proxy
	function  runtimeapi.Function
	queue     *sqs.Queue
	dlq       *sqs.Queue
	logs      *syncBuffer
}

// maxReceive is how often the queue delivers a message.
const maxReceive = 5

func (w *world) newStage(t testing.TB, name string) *stage {
	t.Helper()
	s := &stage{world: w, name: name, glue: gluetest.Start(), logs: new(syncBuffer)}
	t.Cleanup(s.glue.Close)
	s.makeTables(t)
	s.s3Calls, s.glueCalls = startProxy(t, w.gateway.URL), startProxy(t, s.glue.URL())
	s.function = runtimeapi.Function{
		Name:      "flowlake-convert",
		Bootstrap: filepath.Join(binaries, "bootstrap"),
		Region:    gateway.Region,
		MemoryMB:  1769,
		Timeout:   time.Minute,
		Logs:      s.logs,
		Env: s.env(map[string]string{
			"FLOWLAKE_LAKE":     "s3://" + lakeBucket + "/" + name,
			"FLOWLAKE_DATABASE": name,
			"FLOWLAKE_SOURCES":  "s3://" + logBucket + "/",
		}),
	}
	var err error
	if s.dlq, err = sqs.New(sqs.Options{Name: "dlq"}); err != nil {
		t.Fatal(err)
	}
	if s.queue, err = sqs.New(sqs.Options{Name: "logs", MaxReceive: maxReceive, DLQ: s.dlq}); err != nil {
		t.Fatal(err)
	}
	return s
}

func startProxy(t testing.TB, target string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// env gives the environment of a program that is to use the stage's services.
func (s *stage) env(more map[string]string) map[string]string {
	env := s.gateway.Env(map[string]string{"AWS_ENDPOINT_URL_S3": s.s3Calls.URL, "AWS_ENDPOINT_URL_GLUE": s.glueCalls.URL})
	maps.Copy(env, more)
	return env
}

// tables are those of the lake.
func tables() []*schema.Table {
	t := schema.GlobalAccelerator()
	return []*schema.Table{t, t.Rejects()}
}

// makeTables creates the tables in Glue, as the deployment does.
func (s *stage) makeTables(t testing.TB) {
	t.Helper()
	cfg := s.gateway.Config()
	cfg.BaseEndpoint = aws.String(s.glue.URL())
	c, err := gluecatalog.New(gluecatalog.NewClient(cfg), gluecatalog.Options{Database: s.name, LakeURL: "s3://" + lakeBucket + "/" + s.name, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables() {
		if err := c.EnsureTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
}

// contents is what a lake holds: its objects, and the locations of its registered partitions, both
// relative to the lake.
type contents struct {
	objects    map[string][32]byte
	partitions map[string]bool
}

func (s *stage) contents(ctx context.Context) (contents, error) {
	objects, err := s.objects(ctx, s.name+"/")
	return contents{objects, s.partitions()}, err
}

// partitions gives the locations of the registered partitions, relative to the lake.
func (s *stage) partitions() map[string]bool {
	locations := map[string]bool{}
	for _, table := range tables() {
		for _, p := range s.glue.Partitions(s.name, table.Name) {
			locations[strings.TrimPrefix(p.Location, "s3://"+lakeBucket+"/"+s.name+"/")] = true
		}
	}
	return locations
}

// wantContents checks that the lake holds what another one does: same keys, same bytes, same
// partitions.
func (s *stage) wantContents(t testing.TB, want contents) {
	t.Helper()
	got, err := s.contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.objects, want.objects) {
		t.Errorf("%s: the lake holds %d objects, want %d, or others", s.name, len(got.objects), len(want.objects))
	}
	if !maps.Equal(got.partitions, want.partitions) {
		t.Errorf("%s: %d partitions are registered, want %d, or others", s.name, len(got.partitions), len(want.partitions))
	}
}

// reference gives what `flowlake replay` makes of the logs below a prefix, in a lake of its own.
func (w *world) reference(t testing.TB, prefix string) contents {
	t.Helper()
	s := w.newStage(t, "reference-"+strings.ReplaceAll(strings.ToLower(strings.Trim(prefix, "/")), "/", "-"))
	s.flowlake(t, "replay", "s3://"+logBucket+"/"+prefix, "--lake", "s3://"+lakeBucket+"/"+s.name, "--database", s.name)
	c, err := s.contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flowlake runs a command line and gives what it printed. Exit code 3 says that lines were rejected.
func (s *stage) flowlake(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.tryFlowlake(t.Context(), args...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("flowlake %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func (s *stage) tryFlowlake(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "flowlake"), args...)
	cmd.Env = []string{"HOME=" + binaries, "TMPDIR=" + binaries}
	for name, value := range s.env(map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s", err, &stderr)
	}
	return stdout.String(), nil
}

// query gives the answer to SQL over the lake's registered partitions, as CSV without its header.
func (s *stage) query(t testing.TB, sql string) string {
	t.Helper()
	answer := s.flowlake(t, s.queryArgs(t, sql)...)
	_, rows, _ := strings.Cut(answer, "\n")
	return strings.TrimSpace(rows)
}

func (s *stage) queryArgs(t testing.TB, sql string) []string {
	return []string{"query", "--lake", "s3://" + lakeBucket + "/" + s.name, "--database", s.name, "--cache", filepath.Join(t.TempDir(), "cache"), "--format", "csv", sql}
}

// deliver runs the mapping of the queue to the function until the queue is drained.
func (s *stage) deliver(ctx context.Context, fleet *runtimeapi.Fleet, concurrency int) (sqs.Summary, error) {
	m := sqs.Mapping{Queue: s.queue, MaximumConcurrency: concurrency, ReportBatchItemFailures: true, Invoke: fleet.Respond}
	return m.Run(ctx)
}

// The shapes in which an event can arrive in a queue. Made by hand after the documentation of S3, SNS
// and EventBridge.

func s3Event(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-01-09T00:05:00.000Z","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","configurationId":"flowlake","bucket":{"name":%q,"arn":"arn:aws:s3:::%[1]s"},"object":{"key":%q,"size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055AED6DCD90281E5"}}}]}`,
		logBucket, strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"))
}

func snsEvent(key string) string {
	message, _ := json.Marshal(s3Event(key))
	return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:123456789012:logs","Subject":"Amazon S3 Notification","Message":%s,"Timestamp":"2026-01-09T00:05:00.000Z","SignatureVersion":"1"}`, message)
}

func bridgeEvent(key string) string {
	return fmt.Sprintf(`{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-01-09T00:05:00Z","region":"eu-west-1","resources":["arn:aws:s3:::%s"],"detail":{"version":"0","bucket":{"name":%[1]q},"object":{"key":%q,"size":1024,"etag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"00617F08299329D189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","reason":"PutObject"}}`,
		logBucket, key)
}

// The text of logs.

const header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"

// midnight is the first second of 2026-01-10.
const midnight = 1768003200

// keyOf gives the key of a log below a prefix, of the five minutes before midnight.
func keyOf(prefix, name string) string {
	return prefix + "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20260109T2355Z_" + name + ".log.gz"
}

// logOf gives a log of n records around midnight, and of some lines that are none, so that its
// conversion has three outputs. Salt makes it differ from others.
func logOf(n, salt int) []byte { return compressed(n, salt, midnight-logSpan/2, 1000) }

// quietLog gives a log of n records of one day, so that its conversion has one output.
func quietLog(n, salt int) []byte { return compressed(n, salt, midnight-12*3600, 0) }

// logSpan is the time from the first record of a log to its last, in seconds.
const logSpan = 2000

// compressed gives a log of n records, with a line that is none once in so many.
func compressed(n, salt, start, bad int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, header)
	for i := range n {
		at := start + i*logSpan/n
		// A number that does not compress, so that much text makes much Parquet.
		noise := uint64(i+salt*1_000_003) * 0x9E3779B97F4A7C15 >> 20
		fmt.Fprintf(z, "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 10.%d.%d.%d %d 5.6.7.8 80 172.31.25.4 80 TCP IPV4 %d %d %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-01234567891abcdef\n",
			salt%256, noise>>8&255, noise&255, noise&0xffff, noise>>4&0xfffff, noise, at, at+8)
		if bad > 0 && i%bad == bad/2 {
			io.WriteString(z, "no record\n")
		}
	}
	z.Close()
	return b.Bytes()
}

// syncBuffer is a buffer that may be shared by goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
