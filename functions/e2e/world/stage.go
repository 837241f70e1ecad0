package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/gateway"
	"github.com/flowlake/flowlake/functions/e2e/programs"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/sqs"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// Stage is a lake with its catalog, and the function that fills it. Between the function and the
// services stand proxies that can make calls fail.
type Stage struct {
	*World
	Name      string // of the lake below its bucket, and of the database
	Glue      *gluetest.Server
	S3Calls   *faultproxy.Proxy
	GlueCalls *faultproxy.Proxy
	Function  runtimeapi.Function
	Queue     *sqs.Queue
	DLQ       *sqs.Queue
	Logs      *Buffer
}

// MaxReceive is how often the queue delivers a message.
const MaxReceive = 5

// NewStage gives a stage with a name of its own, whose tables are there.
func (w *World) NewStage(t testing.TB, name string) *Stage {
	t.Helper()
	s := &Stage{World: w, Name: name, Glue: gluetest.Start(), Logs: new(Buffer)}
	t.Cleanup(s.Glue.Close)
	s.makeTables(t)
	s.S3Calls, s.GlueCalls = StartProxy(t, w.Gateway.URL), StartProxy(t, s.Glue.URL())
	s.Function = runtimeapi.Function{
		Name:      "flowlake-convert",
		Bootstrap: programs.Bootstrap(t),
		Region:    gateway.Region,
		MemoryMB:  1769,
		Timeout:   time.Minute,
		Logs:      s.Logs,
		Env: s.env(map[string]string{
			"FLOWLAKE_LAKE":     "s3://" + LakeBucket + "/" + name,
			"FLOWLAKE_DATABASE": name,
			"FLOWLAKE_SOURCES":  "s3://" + LogBucket + "/",
		}),
	}
	var err error
	if s.DLQ, err = sqs.New(sqs.Options{Name: "dlq"}); err != nil {
		t.Fatal(err)
	}
	if s.Queue, err = sqs.New(sqs.Options{Name: "logs", MaxReceive: MaxReceive, DLQ: s.DLQ}); err != nil {
		t.Fatal(err)
	}
	return s
}

// StartProxy starts a proxy before a service, which ends with the test.
func StartProxy(t testing.TB, target string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// env gives the environment of a program that is to use the stage's services.
func (s *Stage) env(more map[string]string) map[string]string {
	env := s.Gateway.Env(map[string]string{"AWS_ENDPOINT_URL_S3": s.S3Calls.URL, "AWS_ENDPOINT_URL_GLUE": s.GlueCalls.URL})
	maps.Copy(env, more)
	return env
}

// Tables are those of the lake.
func Tables() []*schema.Table {
	t := schema.GlobalAccelerator()
	return []*schema.Table{t, t.Rejects()}
}

// makeTables creates the tables in Glue, as the deployment does.
func (s *Stage) makeTables(t testing.TB) {
	t.Helper()
	cfg := s.Gateway.Config()
	cfg.BaseEndpoint = aws.String(s.Glue.URL())
	c, err := gluecatalog.New(gluecatalog.NewClient(cfg), gluecatalog.Options{Database: s.Name, LakeURL: "s3://" + LakeBucket + "/" + s.Name, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range Tables() {
		if err := c.EnsureTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
}

// Flowlake runs a command line and gives what it printed. Exit code 3 says that lines were rejected.
func (s *Stage) Flowlake(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.TryFlowlake(t.Context(), args...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("flowlake %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// TryFlowlake does the same, and gives the error.
func (s *Stage) TryFlowlake(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.flowlake, args...)
	cmd.Env = []string{"HOME=" + s.dir, "TMPDIR=" + s.dir}
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

// Query gives the answer to SQL over the lake's registered partitions, as CSV without its header.
func (s *Stage) Query(t testing.TB, sql string) string {
	t.Helper()
	answer := s.Flowlake(t, s.QueryArgs(t, sql)...)
	_, rows, _ := strings.Cut(answer, "\n")
	return strings.TrimSpace(rows)
}

// QueryArgs gives the arguments of a query over the lake, each time with a cache of its own.
func (s *Stage) QueryArgs(t testing.TB, sql string) []string {
	return []string{"query", "--lake", "s3://" + LakeBucket + "/" + s.Name, "--database", s.Name, "--cache", filepath.Join(t.TempDir(), "cache"), "--format", "csv", sql}
}

// Deliver runs the mapping of the queue to the function until the queue is drained.
func (s *Stage) Deliver(ctx context.Context, fleet *runtimeapi.Fleet, concurrency int) (sqs.Summary, error) {
	m := sqs.Mapping{Queue: s.Queue, MaximumConcurrency: concurrency, ReportBatchItemFailures: true, Invoke: fleet.Respond}
	return m.Run(ctx)
}

// Buffer is a buffer that may be shared by goroutines.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *Buffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *Buffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
