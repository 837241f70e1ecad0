package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/e2e/world"
)

// One warm invocation on a file of five minutes: one read, one write, no question to Glue.
func TestWarmInvocation(t *testing.T) {
	w := world.New(t)
	s := w.NewStage(t, "warm")
	invoke := warm(t, s)
	before := s.S3Calls.Count()
	invoke(1)
	if got, glue := s.S3Calls.Count()-before, s.GlueCalls.Count(); got != 2 || glue != 2 {
		t.Errorf("%d calls of S3, want 2; %d calls of Glue in all, want 2, from the first invocation: %v, %v", got, glue, s.S3Calls.Counts(), s.GlueCalls.Counts())
	}
}

// warm gives an environment that has converted a log, as a function that has it convert log n of
// 5,000 records of the same day.
func warm(t testing.TB, s *world.Stage) func(n int) {
	t.Helper()
	const logs = 20
	for i := range logs {
		s.Put(t, world.KeyOf("warm/", fmt.Sprint(i)), world.QuietLog(5000, i))
	}
	e, err := s.Function.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	invoke := func(n int) {
		t.Helper()
		r, err := e.Invoke(t.Context(), []byte(world.S3Event(world.KeyOf("warm/", fmt.Sprint(n%logs)))))
		if err != nil || r.FunctionError != nil {
			t.Fatalf("error %v, %v", err, r.FunctionError)
		}
	}
	invoke(0)
	return invoke
}

// The largest log that there can be, 75 MB of gzip, in a function of 256 MB.
func TestPeakMemory(t *testing.T) {
	const limit = 256 << 20
	w := world.New(t)
	s := w.NewStage(t, "large")
	s.Function.MemoryMB = limit >> 20
	s.Function.Timeout = 5 * time.Minute
	key := world.KeyOf("large/", "large")
	s.Flowlake(t, "synth", "--out", "s3://"+world.LogBucket, "--day", "2026-01-10", "--records", "2275000", "--single", key)
	info, err := os.Stat(filepath.Join(w.Gateway.Dir, world.LogBucket, key))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < 75_000_000 {
		t.Fatalf("%d bytes", info.Size())
	}
	e, err := s.Function.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	r, err := e.Invoke(t.Context(), []byte(world.S3Event(key)))
	if err != nil || r.FunctionError != nil {
		t.Fatalf("error %v, %v", err, r.FunctionError)
	}
	if peak := e.PeakRSS(); peak == 0 || peak >= limit {
		t.Errorf("peak of %d MB, want less than %d", peak>>20, limit>>20)
	}
	t.Logf("%d bytes of gzip in %.2f s, peak of %d MB, calls %v", info.Size(), r.Duration.Seconds(), e.PeakRSS()>>20, s.S3Calls.Counts())
	if got := s.Query(t, "SELECT count(*) FROM aga_flow_logs"); got != "2275000" {
		t.Errorf("%s rows", got)
	}
}

// BenchmarkColdStart starts environments: from the start of the process to its first request for an
// invocation.
func BenchmarkColdStart(b *testing.B) {
	s := world.New(b).NewStage(b, "cold")
	var starts []time.Duration
	for b.Loop() {
		e, err := s.Function.Start(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		starts = append(starts, e.InitDuration)
		e.Stop()
	}
	slices.Sort(starts)
	b.ReportMetric(float64(starts[len(starts)/2].Microseconds())/1e3, "median-ms")
	b.ReportMetric(float64(starts[len(starts)-1].Microseconds())/1e3, "max-ms")
}

// BenchmarkWarmInvocation converts logs of 5,000 records, S3 gateway included.
func BenchmarkWarmInvocation(b *testing.B) {
	invoke := warm(b, world.New(b).NewStage(b, "warm"))
	n := 0
	for b.Loop() {
		n++
		invoke(n)
	}
}
