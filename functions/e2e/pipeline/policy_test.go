package pipeline

import (
	"cmp"
	"fmt"
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

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/runtimeapi"
	"github.com/flowlake/flowlake/functions/e2e/world"
)

// The function has a role, and here the credentials of a user with the role's policies, as the template
// has them, which the gateway enforces. What is theirs of Glue, SQS and others is compared with the code
// where that is, in functions/convert.

// rolePolicies gives the policy documents of the function's role, of a stack that reads and writes the
// buckets of a world. It is asked for before there is a gateway, which changes the working directory.
func rolePolicies(t *testing.T) []any {
	t.Helper()
	template, err := templatetest.Load(filepath.Join("..", "..", "..", "deploy", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Evaluate(map[string]string{"FlowLogBucket": world.LogBucket, "LakeBucketName": world.LakeBucket, "CodeBucket": "code", "CodeKey": "convert.zip"})
	if err != nil {
		t.Fatal(err)
	}
	var documents []any
	policies, _ := stack.Resources["ConvertRole"].Properties["Policies"].([]any)
	for _, p := range policies {
		documents = append(documents, templatetest.Get(p, "PolicyDocument"))
	}
	if len(documents) == 0 {
		t.Fatal("the function's role has no policies")
	}
	return documents
}

// stackLake is the name of a stage whose lake is where the template has it.
const stackLake = "lake"

// newRoleStage gives a stage whose function has the credentials of a user with these policies.
func newRoleStage(t *testing.T, w *world.World, documents ...any) *world.Stage {
	t.Helper()
	policies := make([]string, len(documents))
	for i, d := range documents {
		policies[i] = templatetest.JSON(d)
	}
	user, err := w.Gateway.AddUser(policies...)
	if err != nil {
		t.Fatal(err)
	}
	s := w.NewStage(t, stackLake)
	maps.Copy(s.Function.Env, user.Env())
	return s
}

// The logs of these tests: a small one with rejects, one whose rows are uploaded in parts, and one of
// which that holds for the rejects.
func putLogs(t *testing.T, w *world.World) {
	t.Helper()
	w.Put(t, world.KeyOf("", "small"), world.LogOf(2000, 1))
	w.Put(t, world.KeyOf("", "rows"), world.LargeRows())
	w.Put(t, world.KeyOf("", "rejects"), world.LargeRejects())
}

// target is an operation of S3 on objects whose keys contain a text.
type target struct{ operation, key string }

// failing makes calls fail: the first of a target by its first fault, and so on. A call that is to fail
// waits until those of its target that came before it are answered, so that none of them is under way
// when the function gives up: a part that arrives during an abort may bring the upload back.
func failing(s *world.Stage, faults map[target][]faultproxy.Fault) {
	var mu sync.Mutex
	seen := map[target]int{}
	s.S3Calls.SetDecide(func(c faultproxy.Call) faultproxy.Fault {
		mu.Lock()
		defer mu.Unlock()
		for of, each := range faults {
			if n := seen[of]; of.is(c) && n < len(each) {
				seen[of]++
				if n == 0 {
					return each[n]
				}
				return each[n].Doing(func() { answered(s, of, c.Seq) })
			}
		}
		return faultproxy.Fault{}
	})
}

func (t target) is(c faultproxy.Call) bool {
	return c.Operation == t.operation && strings.Contains(c.Key, t.key)
}

// answered waits until the calls of a target that came before that one are answered, or some seconds.
func answered(s *world.Stage, of target, seq int) {
	for range 1000 {
		if !slices.ContainsFunc(s.S3Calls.Log(), func(r faultproxy.Record) bool { return of.is(r.Call) && r.Seq < seq && r.Status == 0 }) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// secondPart lets the first part of an upload through and refuses the second, with an answer that is not
// worth another attempt.
var secondPart = []faultproxy.Fault{{}, faultproxy.Fail(faultproxy.Before, 400, "InvalidRequest")}

// uploads gives the keys of the uploads that are begun in the lake's bucket and neither completed nor
// aborted, and aborts them.
func uploads(t *testing.T, w *world.World) (keys []string) {
	t.Helper()
	left, err := w.Client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(world.LakeBucket)})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range left.Uploads {
		keys = append(keys, *u.Key)
		if _, err := w.Client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: aws.String(world.LakeBucket), Key: u.Key, UploadId: u.UploadId}); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// TestPolicyPermits has the function do all that it does with S3, with the policies of its role: read
// logs, write rows and rejects, at once and in parts, abort uploads, and look for an object whose upload
// was completed without an answer. Only that last one is denied, and does no harm. What is called is
// what functions/convert/testdata/calls.txt says, but for two calls that only the command line makes.
func TestPolicyPermits(t *testing.T) {
	documents, known := rolePolicies(t), knownCalls(t)
	w := world.New(t)
	putLogs(t, w)
	want := w.Reference(t, "AWSLogs/")
	s := newRoleStage(t, w, documents...)
	failing(s, map[target][]faultproxy.Fault{
		{"UploadPart", "aga_flow_logs/"}:              secondPart,
		{"UploadPart", "aga_flow_logs_rejects/"}:      secondPart,
		{"CompleteMultipartUpload", "aga_flow_logs/"}: {faultproxy.Drop(faultproxy.After), faultproxy.Fail(faultproxy.Before, 404, "NoSuchUpload")},
	})
	for _, name := range []string{"small", "rows", "rejects"} {
		s.Queue.Send(world.S3Event(world.KeyOf("", name)))
	}
	fleet := runtimeapi.NewFleet(s.Function, 1)
	defer fleet.Stop()
	summary, err := s.Deliver(t.Context(), fleet, 1)
	if err != nil || summary.Errors > 0 || summary.Deliveries != 3+3 {
		t.Errorf("%+v, error %v, want 3 deliveries and 3 more", summary, err)
	}
	s.WantContents(t, want)
	if left := uploads(t, w); len(left) > 0 {
		t.Errorf("uploads of %q are left", left)
	}
	denied, aborted := 0, 0
	for _, r := range s.S3Calls.Log() {
		if r.Status == 403 {
			denied++
			if r.Operation != "HeadObject" {
				t.Errorf("%s of %s/%s is denied", r.Operation, r.Bucket, r.Key)
			}
		}
		if r.Operation == "AbortMultipartUpload" && r.Status == 204 {
			aborted++
		}
	}
	if denied != 1 || aborted != 2 {
		t.Errorf("%d calls were denied, want one; %d uploads aborted, want 2", denied, aborted)
	}

	// A table that is missing is not made.
	s.Function.Env["FLOWLAKE_DATABASE"] = "missing"
	if r := invoke(t, s, "small"); r.FunctionError == nil || !strings.Contains(r.FunctionError.Message, "missing") {
		t.Errorf("without world.Tables: answer %s, error %v", r.Payload, r.FunctionError)
	}

	seen := map[string]bool{}
	for name := range s.S3Calls.Counts() {
		seen["s3 "+name] = true
	}
	for name := range s.GlueCalls.Counts() {
		seen["glue "+name] = true
	}
	for _, name := range []string{"glue CreateTable", "glue CreateDatabase"} {
		if seen[name] {
			t.Errorf("the function calls %s", name)
		}
		seen[name] = true // in the code, but with gluecatalog.Options.Create only
	}
	if !slices.Equal(slices.Sorted(maps.Keys(seen)), known) {
		t.Errorf("calls of %q, want %q", slices.Sorted(maps.Keys(seen)), known)
	}
	if t.Failed() {
		t.Logf("calls of S3 %v, of Glue %v; the function's log:\n%s", s.S3Calls.Counts(), s.GlueCalls.Counts(), s.Logs)
	}
}

// knownCalls gives the calls that the code can make, as "s3 GetObject", sorted.
func knownCalls(t *testing.T) (calls []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "convert", "testdata", "calls.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] != "#" {
			calls = append(calls, f[0]+" "+f[1])
		}
	}
	slices.Sort(calls)
	return calls
}

// invoke has a new environment convert a log.
func invoke(t *testing.T, s *world.Stage, name string) runtimeapi.Result {
	t.Helper()
	e, err := s.Function.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	r, err := e.Invoke(t.Context(), []byte(world.S3Event(world.KeyOf("", name))))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// permission is one action on one resource.
type permission struct{ action, resource string }

func (p permission) compare(q permission) int {
	return cmp.Or(strings.Compare(p.action, q.action), strings.Compare(p.resource, q.resource))
}

// permissions gives a policy's permissions for S3, each with a statement of its own.
func permissions(t *testing.T, documents []any) map[permission]any {
	t.Helper()
	all := map[permission]any{}
	for _, d := range documents {
		statements, err := templatetest.Statements(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			for _, action := range s.Actions {
				for _, resource := range s.Resources {
					if !strings.HasPrefix(action, "s3:") {
						continue
					}
					if s.Effect != "Allow" || len(s.Condition) > 0 {
						t.Fatalf("statement %+v, want one that allows without a condition", s)
					}
					all[permission{action, resource}] = map[string]any{"Effect": s.Effect, "Action": action, "Resource": resource}
				}
			}
		}
	}
	return all
}

// TestPolicyIsNeeded takes away one action on one resource at a time. Each is missed.
func TestPolicyIsNeeded(t *testing.T) {
	all := permissions(t, rolePolicies(t))
	w := world.New(t)
	putLogs(t, w)
	rows, rejects := "arn:aws:s3:::lake/lake/aga_flow_logs/*", "arn:aws:s3:::lake/lake/aga_flow_logs_rejects/*"
	needs := map[permission]struct {
		log   string
		fault target // whose second part is refused
		// leaves is the beginning of the keys of uploads that stay behind without the permission; ""
		// says that the object fails without it.
		leaves string
	}{
		{"s3:GetObject", "arn:aws:s3:::logs/AWSLogs/*/globalaccelerator/*"}: {"small", target{}, ""},
		{"s3:PutObject", rows}:               {"small", target{}, ""},
		{"s3:PutObject", rejects}:            {"small", target{}, ""},
		{"s3:AbortMultipartUpload", rows}:    {"rows", target{"UploadPart", "aga_flow_logs/"}, "lake/aga_flow_logs/"},
		{"s3:AbortMultipartUpload", rejects}: {"rejects", target{"UploadPart", "aga_flow_logs_rejects/"}, "lake/aga_flow_logs_rejects/"},
	}
	for _, p := range slices.SortedFunc(maps.Keys(all), permission.compare) {
		need, ok := needs[p]
		if !ok {
			t.Errorf("nothing is known that needs %v", p)
			continue
		}
		for _, lacks := range []bool{false, true} {
			name := fmt.Sprintf("with %s on %s", p.action, p.resource)
			statements := maps.Clone(all)
			if lacks {
				name = strings.Replace(name, "with", "without", 1)
				delete(statements, p)
			}
			t.Run(name, func(t *testing.T) {
				s := newRoleStage(t, w, map[string]any{"Version": "2012-10-17", "Statement": slices.Collect(maps.Values(statements))})
				if need.fault != (target{}) {
					failing(s, map[target][]faultproxy.Fault{need.fault: secondPart})
				}
				r := invoke(t, s, need.log)
				left := uploads(t, w)
				failed := r.FunctionError != nil
				if want := lacks || need.fault != (target{}); failed != want {
					t.Errorf("failed: %t, want %t: %v", failed, want, r.FunctionError)
				}
				if want := lacks && need.leaves != ""; (len(left) == 1 && strings.HasPrefix(left[0], need.leaves)) != want || !want && len(left) > 0 {
					t.Errorf("uploads of %q are left, want one below %q: %t", left, need.leaves, want)
				}
				if lacks && !strings.Contains(s.Logs.String(), "AccessDenied") {
					t.Errorf("the log does not tell of AccessDenied:\n%s", s.Logs)
				}
			})
		}
	}
	if len(all) != len(needs) {
		t.Errorf("the role has %d permissions for S3, want %d", len(all), len(needs))
	}
}
