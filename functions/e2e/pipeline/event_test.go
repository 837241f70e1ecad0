package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/sqs"
	"github.com/flowlake/flowlake/functions/e2e/world"
)

// A synthetic day, each event in one shape or another, in random order and 1 to 3 times, from eight
// environments at once. What comes of it is what one replay makes of the same objects. While it goes
// on, queries see whole objects only.
func TestSyntheticDay(t *testing.T) {
	const records = 100_000
	w := world.New(t)
	s := w.NewStage(t, "day")
	s.Flowlake(t, "synth", "--out", "s3://"+world.LogBucket+"/day", "--day", "2026-01-09", "--accelerators", "2", "--records", fmt.Sprint(records))
	want := w.Reference(t, "day/")

	var keys []string
	for _, r := range s.S3Calls.Log() {
		if r.Operation == "PutObject" {
			keys = append(keys, r.Key)
		}
	}
	if len(keys) != 576 || len(want.Objects) < 576 {
		t.Fatalf("%d logs, %d outputs", len(keys), len(want.Objects))
	}
	random := rand.New(rand.NewPCG(1, 9))
	shapes := []func(string) string{world.S3Event, world.SNSEvent, world.BridgeEvent}
	sent := 0
	for _, i := range random.Perm(3 * len(keys)) { // all of them once, before some come again and again
		if round := i / len(keys); round > 0 && random.IntN(2) == 0 {
			continue
		}
		s.Queue.Send(shapes[random.IntN(len(shapes))](keys[i%len(keys)]))
		sent++
	}

	fleet := runtimeapi.NewFleet(s.Function, 8)
	defer fleet.Stop()
	drained := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() { askMeanwhile(t, s, records, want, drained) })
	summary, err := s.Deliver(t.Context(), fleet, 8)
	close(drained)
	asking.Wait()
	if err != nil || summary.Errors > 0 || summary.Deliveries != sent {
		t.Errorf("%+v of %d messages, error %v", summary, sent, err)
	}
	if fleet.Starts() < 8 {
		t.Errorf("%d environments at once, want 8", fleet.Starts())
	}
	if visible, inFlight := s.DLQ.Depth(); visible+inFlight > 0 {
		t.Errorf("%d messages are dead letters", visible)
	}
	s.WantContents(t, want)
	if got := s.Query(t, "SELECT count(*) FROM aga_flow_logs"); got != fmt.Sprint(records) {
		t.Errorf("%s rows, want %d", got, records)
	}
	// An environment registers a partition once at most, however many objects fall into it.
	if n, most := s.GlueCalls.Count("BatchCreatePartition"), fleet.Starts()*len(want.Partitions); n > most {
		t.Errorf("%d calls of Glue by %d environments, want at most %d", n, fleet.Starts(), most)
	}
	t.Logf("%d messages about %d logs in %d invocations of %d environments: calls of S3 %v, of Glue %v, peak memory %d MB",
		sent, len(keys), summary.Invocations, fleet.Starts(), s.S3Calls.Counts(), s.GlueCalls.Counts(), fleet.PeakRSS()>>20)
}

// askMeanwhile asks a lake that is being filled again and again: queries by registered partitions
// never see fewer rows than before nor more than there are, and all that S3 lists is one of the
// wanted objects, byte for byte.
func askMeanwhile(t *testing.T, s *world.Stage, records int, want world.Contents, done <-chan struct{}) {
	asked, last := 0, 0
	args := s.QueryArgs(t, "SELECT count(*) FROM aga_flow_logs")
	for {
		select {
		case <-done:
			t.Logf("asked %d times meanwhile", asked)
			if asked == 0 {
				t.Error("nobody asked meanwhile")
			}
			return
		default:
		}
		answer, err := s.TryFlowlake(t.Context(), args...)
		if err != nil {
			t.Error(err)
			continue
		}
		var rows int
		if _, err := fmt.Sscanf(answer, "count_star()\n%d", &rows); err != nil || rows < last || rows > records {
			t.Errorf("the lake answers %q after %d rows (%v)", answer, last, err)
		}
		asked, last = asked+1, rows
		objects, err := s.Objects(t.Context(), s.Name+"/")
		if err != nil {
			t.Error(err)
		}
		for key, sum := range objects {
			if want.Objects[key] != sum {
				t.Errorf("%s is visible and not what it should be", key)
			}
		}
	}
}

// A corrupt object becomes a dead letter alone, is named, and is converted once it is repaired and
// the queue redriven.
func TestPoison(t *testing.T) {
	w := world.New(t)
	s := w.NewStage(t, "poison")
	poison := world.KeyOf("poison/", "poison")
	for i := range 9 {
		key := world.KeyOf("poison/", fmt.Sprint(i))
		w.Put(t, key, world.LogOf(1000, i))
		s.Queue.Send(world.S3Event(key))
	}
	neighbours := w.Reference(t, "poison/")
	whole := world.LogOf(1000, 9)
	w.Put(t, poison, whole[:len(whole)/2])
	s.Queue.Send(world.S3Event(poison))

	fleet := runtimeapi.NewFleet(s.Function, 2)
	defer fleet.Stop()
	summary, err := s.Deliver(t.Context(), fleet, 2)
	if err != nil || summary.Errors > 0 || summary.Deleted != 9 {
		t.Errorf("%+v, error %v", summary, err)
	}
	s.WantContents(t, neighbours)
	dead := s.DLQ.Messages()
	if len(dead) != 1 || !strings.Contains(dead[0].Body, "_poison.log.gz") {
		t.Fatalf("dead letters %+v", dead)
	}
	named := 0
	for line := range strings.Lines(s.Logs.String()) {
		var l struct{ Level, Msg, URL, Error string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "object failed" {
			named++
			if l.Level != "ERROR" || l.URL != "s3://"+world.LogBucket+"/"+poison || !strings.Contains(l.Error, "gzip stream is cut off") {
				t.Errorf("log %s", line)
			}
		}
	}
	if named != world.MaxReceive {
		t.Errorf("the object is named %d times, want at each of %d deliveries", named, world.MaxReceive)
	}

	w.Put(t, poison, whole)
	if n := sqs.Redrive(s.DLQ, s.Queue); n != 1 {
		t.Errorf("%d messages redriven", n)
	}
	if _, err := s.Deliver(t.Context(), fleet, 2); err != nil {
		t.Fatal(err)
	}
	s.WantContents(t, w.Reference(t, "poison/AWSLogs/"))
	if len(s.DLQ.Messages()) > 0 {
		t.Error("a dead letter is left")
	}
}

// Whatever invokes the function gets the answer that it understands.
func TestInvocations(t *testing.T) {
	w := world.New(t)
	s := w.NewStage(t, "invocations")
	odd := world.KeyOf("odd +%/", "one")
	w.Put(t, odd, world.LogOf(1000, 1))
	w.Put(t, world.KeyOf("odd +%/", "two"), world.LogOf(1000, 2))
	e, err := s.Function.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	batch, _ := json.Marshal(map[string]any{"BatchInput": map[string]string{"bucket": world.LogBucket}, "Items": []map[string]any{{"Key": odd, "Size": 1}, {"Key": world.KeyOf("odd +%/", "gone")}}})
	report := `{"converted":1,"skipped":{},"failed":[]}`
	for _, test := range []struct {
		name, payload, want string
		fails               string
	}{
		{"S3", world.S3Event(odd), report, ""},
		{"EventBridge", world.BridgeEvent(odd), report, ""},
		{"EventBridge, key encoded", world.BridgeEvent(strings.ReplaceAll(strings.ReplaceAll(odd, "%", "%25"), "+", "%2B")), report, ""},
		{"S3, of a missing object", world.S3Event(world.KeyOf("odd +%/", "gone")), "", "_gone.log.gz"},
		{"something else", `{"hello":"world"}`, "", "hello"},
	} {
		r, err := e.Invoke(t.Context(), []byte(test.payload))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		switch {
		case test.fails == "" && (r.FunctionError != nil || string(r.Payload) != test.want):
			t.Errorf("%s: answer %s, error %v, want %s", test.name, r.Payload, r.FunctionError, test.want)
		case test.fails != "" && (r.FunctionError == nil || !strings.Contains(r.FunctionError.Message, test.fails)):
			t.Errorf("%s: error %v, want one that tells of %s", test.name, r.FunctionError, test.fails)
		}
	}
	r, err := e.Invoke(t.Context(), batch)
	if err != nil || r.FunctionError != nil || !strings.Contains(string(r.Payload), `"converted":1`) || !strings.Contains(string(r.Payload), `_gone.log.gz","error":"`) {
		t.Errorf("replay batch: answer %s, %v, error %v", r.Payload, r.FunctionError, err)
	}
	if got := s.Query(t, "SELECT count(*) FROM aga_flow_logs"); got != "1000" {
		t.Errorf("%s rows", got)
	}

	// Logs and metrics name the request.
	logged, measured := false, false
	for line := range strings.Lines(s.Logs.String()) {
		var l struct {
			Msg, RequestID   string
			ObjectsConverted int
			AWS              any `json:"_aws"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.RequestID == r.RequestID {
			logged = logged || l.Msg == "object converted"
			measured = measured || l.AWS != nil && l.ObjectsConverted == 1
		}
	}
	if !logged || !measured {
		t.Errorf("request %s is in the log: %t, in the metrics: %t; have\n%s", r.RequestID, logged, measured, s.Logs)
	}
}

// A wrong configuration is told at once and whole.
func TestWrongConfiguration(t *testing.T) {
	s := world.New(t).NewStage(t, "wrong")
	s.Function.Env["FLOWLAKE_SOURCES"] = "s3://" + world.LakeBucket
	s.Function.Env["FLOWLAKE_CODEC"] = "lz4"
	_, err := s.Function.Start(t.Context())
	var initError *runtimeapi.InitError
	if !errors.As(err, &initError) || !strings.Contains(err.Error(), "would trigger the function") || !strings.Contains(err.Error(), "lz4") {
		t.Errorf("error %v", err)
	}
}
