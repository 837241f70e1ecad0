package failed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const day = "s3://amzn-s3-demo-logs/AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/30/123456789012_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20260130T"

// The objects that testdata/FAILED_0.json and testdata/PENDING_0.json name.
var (
	wantFailed = []Object{
		{day + "0005Z_1a1b2c3d.log.gz", "convert " + day + "0005Z_1a1b2c3d.log.gz: read: gzip stream is cut off"},
		{day + "0015Z_3a1b2c3d.log.gz", `ObjectsFailed: {"bucket":"amzn-s3-demo-logs","count":2,"truncated":true}`},
		{day + "0020Z_4a1b2c3d.log.gz", `ObjectsFailed: {"bucket":"amzn-s3-demo-logs","count":2,"truncated":true}`},
		{day + "0025Z_5a1b2c3d.log.gz", "Lambda.Unknown: The cause could not be determined because Lambda did not return an error type."},
		{day + "0030Z_6a1b2c3d.log.gz", "ABORTED"},
	}
	wantPending = []Object{{day + "0035Z_7a1b2c3d.log.gz", "not begun"}}
)

// testdata opens lists by their last element, wherever a manifest says they are.
func testdata(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open("testdata/" + path.Base(name))
}

// text opens a list of that text.
func text(s string) Opener {
	return func(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func readAll(t *testing.T, open Opener, name string) (objects []Object, err error) {
	t.Helper()
	err = Read(t.Context(), open, name, func(o Object) error {
		objects = append(objects, o)
		return nil
	})
	return objects, err
}

func TestResultFiles(t *testing.T) {
	for name, want := range map[string][]Object{
		"FAILED_0.json":  wantFailed,
		"PENDING_0.json": wantPending,
		"manifest.json":  slices.Concat(wantFailed, wantPending),
	} {
		got, err := readAll(t, testdata, name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, want)
		}
	}
}

// A manifest's files are opened where it says that they are.
func TestManifestNamesFiles(t *testing.T) {
	var opened []string
	_, err := readAll(t, func(ctx context.Context, name string) (io.ReadCloser, error) {
		opened = append(opened, name)
		return testdata(ctx, name)
	}, "s3://amzn-s3-demo-lake/replay/january/ID/manifest.json")
	const below = "s3://amzn-s3-demo-lake/replay/january/"
	want := []string{below + "ID/manifest.json", below + "ad9b5f27-090b-3ac6-9beb-243cd77144a7/FAILED_0.json", below + "ad9b5f27-090b-3ac6-9beb-243cd77144a7/PENDING_0.json"}
	if err != nil || !slices.Equal(opened, want) {
		t.Errorf("opened %q, error %v, want %q", opened, err, want)
	}
}

func batchOf(bucket string, keys ...string) string {
	items := make([]string, len(keys))
	for i, k := range keys {
		items[i] = fmt.Sprintf(`{\"Key\":\"%s\"}`, k)
	}
	return fmt.Sprintf(`{\"BatchInput\":{\"bucket\":\"%s\"},\"Items\":[%s]}`, bucket, strings.Join(items, ","))
}

func TestLists(t *testing.T) {
	const log = `{"level":"INFO","msg":"object converted","url":"s3://b/1","rows":5}
{"level":"ERROR","msg":"object failed","url":"s3://b/2","error":"it is so","retryable":false}
{"_aws":{"Timestamp":1},"ObjectsFailed":1}
{"level":"ERROR","msg":"message not understood","messageId":"m","error":"want an event"}
{"level":"ERROR","msg":"object failed","url":"s3://b/3","error":"for now","retryable":true}
{"level":"ERROR","msg":"object failed","url":"s3://b/2","error":"it is still so","retryable":false}
{"level":"INFO","msg":"object converted","url":"s3://b/3","rows":5}
`
	// As functions/convert writes it, with FLOWLAKE_LOG_LEVEL=DEBUG: 1 fails and is begun again, 2 is out of
	// time, 3 is converted under its other key and 4 after a failure, 5 is skipped after one, and 6 is begun
	// again when it was converted.
	const lambda = `{"time":"2026-01-30T00:10:00Z","level":"DEBUG","msg":"object begun","requestId":"r","url":"s3://b/1"}
{"time":"2026-01-30T00:10:01Z","level":"ERROR","msg":"object failed","requestId":"r","url":"s3://b/1","versionId":"v","error":"cut off","retryable":false}
{"time":"2026-01-30T00:10:01Z","level":"WARN","msg":"object not converted in time","requestId":"r","url":"s3://b/2","error":"not begun: the invocation's time is nearly over"}
{"time":"2026-01-30T00:10:02Z","level":"DEBUG","msg":"object begun","requestId":"r","url":"s3://b/a%203"}
{"time":"2026-01-30T00:10:03Z","level":"WARN","msg":"key was encoded","requestId":"r","url":"s3://b/a%203","error":"open a%203: no such key"}
{"time":"2026-01-30T00:10:03Z","level":"INFO","msg":"object converted","requestId":"r","url":"s3://b/a 3","lines":4,"rows":3,"milliseconds":7}
{"time":"2026-01-30T00:10:04Z","level":"ERROR","msg":"object failed","requestId":"r","url":"s3://b/4","error":"busy","retryable":true}
{"time":"2026-01-30T00:10:04Z","level":"ERROR","msg":"object failed","requestId":"r","url":"s3://b/5","error":"busy","retryable":true}
{"time":"2026-01-30T00:10:05Z","level":"INFO","msg":"object converted","requestId":"r","url":"s3://b/6","lines":4,"rows":3,"milliseconds":7}
{"time":"2026-01-30T00:11:00Z","level":"INFO","msg":"record skipped","requestId":"s","messageId":"m","reason":"event s3:TestEvent"}
{"time":"2026-01-30T00:11:00Z","level":"INFO","msg":"object converted","requestId":"s","url":"s3://b/4","lines":4,"rows":3,"milliseconds":7}
{"time":"2026-01-30T00:11:00Z","level":"INFO","msg":"object skipped","requestId":"s","url":"s3://b/5","reason":"empty object (0 bytes)"}
{"time":"2026-01-30T00:11:01Z","level":"DEBUG","msg":"object begun","requestId":"s","url":"s3://b/1"}
{"time":"2026-01-30T00:11:01Z","level":"DEBUG","msg":"object begun","requestId":"s","url":"s3://b/6"}
`
	const journal = `{"flowlake_journal":1,"lake":"file:///lake","settings":"00"}
{"url":"file:///logs/1.log.gz","content":"etag 1","outcome":"failed","reason":"cut off"}
{"url":"file:///logs/2.log.gz","content":"etag 2","outcome":"converted","lines":3}
{"url":"file:///logs/3.log.gz","content":"etag 3","outcome":"skipped","reason":"empty object (0 bytes)"}
{"url":"file:///logs/4.log.gz","content":"etag 4","outcome":"failed","reason":"busy"}
{"url":"file:///logs/4.log.gz","content":"etag 4","outcome":"converted","lines":3}
{"url":"file:///logs/5.log.gz","content":"etag 5","outcome":"converted","lines":3}
{"url":"file:///logs/5.log.gz","content":"etag 6","outcome":"failed","reason":"changed"}
`
	wantJournal := []Object{{"file:///logs/1.log.gz", "cut off"}, {"file:///logs/5.log.gz", "changed"}}
	for name, test := range map[string]struct {
		list string
		want []Object
	}{
		"nothing":              {"", nil},
		"blanks":               {" \n\r\n\t", nil},
		"paths and URLs":       {"s3://b/AWSLogs/a b.log.gz\nlogs/é.log.gz\n", []Object{{"s3://b/AWSLogs/a b.log.gz", ""}, {"logs/é.log.gz", ""}}},
		"from another system":  {"\xef\xbb\xbf\r\n  s3://b/1\r\n\r\ns3://b/2", []Object{{"s3://b/1", ""}, {"s3://b/2", ""}}},
		"log":                  {log, []Object{{"s3://b/2", "it is still so"}}},
		"log of the Lambda":    {lambda, []Object{{"s3://b/1", "cut off"}, {"s3://b/2", "not begun: the invocation's time is nearly over"}}},
		"log of beginnings":    {`{"level":"DEBUG","msg":"object begun","url":"s3://b/1"}`, nil},
		"journal":              {journal, wantJournal},
		"journal, cut off":     {journal + `{"url":"file:///logs/6.log.g`, wantJournal},
		"journal of nothing":   {`{"flowlake_journal":1,"lake":"file:///lake","settings":"00"}` + "\n", nil},
		"failures":             {`{"url":"s3://b/1","error":"x"}` + "\n" + `{"url":"s3://b/2","error":"y"}`, []Object{{"s3://b/1", "x"}, {"s3://b/2", "y"}}},
		"progress":             {`{"progress":{"objects":2,"failed":1}}` + "\n" + `{"failed":{"url":"s3://b/1","error":"x"}}` + "\n" + `{"objects":2,"failed":1}`, []Object{{"s3://b/1", "x"}}},
		"progress, broken off": {`{"failed":{"url":"s3://b/1","error":"x"}}` + "\nflowlake: interrupted; 1 of 2 objects were not begun\n[]\n" + `{"failed":{"url":"s3://b/2","error":"y"}}` + "\n", []Object{{"s3://b/1", "x"}, {"s3://b/2", "y"}}},
		"progress of nothing":  {`{"progress":{"objects":2,"failed":0}}`, nil},
		"no execution":         {"[]", nil},
		"executions in lines":  {`{"Status":"FAILED","Input":"` + batchOf("b", "1") + `"}` + "\n" + `{"Status":"PENDING","Input":"` + batchOf("b", "2") + `"}` + "\n", []Object{{"s3://b/1", "not begun"}, {"s3://b/2", "not begun"}}},
		"object without a key": {`[{"ExecutionArn":"e","Status":"FAILED","Error":"ObjectsFailed","Cause":"{\"bucket\":\"b\",\"count\":1,\"objects\":[{\"error\":\"x\"}]}","Input":"` + batchOf("b", "1", "2") + `"}]`, []Object{{"s3://b/1", `ObjectsFailed: {"bucket":"b","count":1,"objects":[{"error":"x"}]}`}, {"s3://b/2", `ObjectsFailed: {"bucket":"b","count":1,"objects":[{"error":"x"}]}`}}},
		"fewer than counted":   {`[{"ExecutionArn":"e","Status":"FAILED","Error":"ObjectsFailed","Cause":"{\"bucket\":\"b\",\"count\":2,\"objects\":[{\"key\":\"1\",\"error\":\"x\"}]}","Input":"` + batchOf("b", "1", "2") + `"}]`, []Object{{"s3://b/1", `ObjectsFailed: {"bucket":"b","count":2,"objects":[{"key":"1","error":"x"}]}`}, {"s3://b/2", `ObjectsFailed: {"bucket":"b","count":2,"objects":[{"key":"1","error":"x"}]}`}}},
		"unaccounted":          {`[{"ExecutionArn":"e","Status":"FAILED","Error":"ObjectsUnaccountedFor","Cause":"of the batch, the function did not account for 1 objects","Input":"` + batchOf("b", "1") + `"}]`, []Object{{"s3://b/1", "ObjectsUnaccountedFor: of the batch, the function did not account for 1 objects"}}},
	} {
		got, err := readAll(t, text(test.list), "list")
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, test.want)
		}
	}
}

// An error names the list, the place in it, what was expected and what was found.
func TestListsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		list  string
		parts []string
	}{
		"gzip":               {"\x1f\x8b\x08\x00", []string{"line 1: want a result file of Step Functions, lines of JSON", `found "\x1f\x8b`}},
		"JSON among paths":   {"a.log.gz\n\n{\"url\":\"b\"}\n", []string{"line 3: want one path or URL", `found "{\"url\"`}},
		"not UTF-8":          {"a\nb\xff\n", []string{"line 2: want one path or URL", `\xff`}},
		"control characters": {"a\nb\x00c\n", []string{"line 2: want one path or URL", `\x00`}},
		"long line":          {"a\n" + strings.Repeat("x", maxLine+1), []string{"line 2: want at most 1048576 bytes"}},
		"broken JSON":        {`{"url":"a","error":"x"}` + "\n{\"url\":\nx\n", []string{"line 2: want an object in JSON", `found "{\"url\":"`}},
		"broken at once":     {`{"url`, []string{"line 1: want an object in JSON"}},
		"text after a line":  {`{"level":"INFO"}` + "\nthe end\n", []string{"line 2: want an object in JSON"}},
		"no url":             {`{"level":"INFO"}` + "\n" + `{"msg":"x"}`, []string{"some have a url, found none"}},
		"odd failure":        {`{"failed":{"url":7}}`, []string{"line 1: want failed with url and error", `found "{\"url\":7}"`}},
		"a number":           {`[7]`, []string{"execution 1: want an object with Status and Input"}},
		"other executions":   {`[{"ExecutionArn":"arn","Status":"SUCCEEDED","Input":"{}"}]`, []string{"execution 1 (arn): want an execution that failed", "SUCCEEDED"}},
		"no input":           {`[{"ExecutionArn":"arn","Status":"FAILED","InputDetails":{"Included":false}}]`, []string{"execution 1 (arn): want the batch as Input"}},
		"another machine's":  {`[{"Status":"FAILED","Input":"{\"x\":1}"}]`, []string{"execution 1 (not begun): want a batch of the replay", "want an event with Records"}},
		"an event":           {`[{"Status":"FAILED","Input":"{\"Records\":[]}"}]`, []string{"want a batch of the replay as Input, found one of s3"}},
		"an odd item":        {`[{"Status":"FAILED","Input":"{\"BatchInput\":{\"bucket\":\"b\"},\"Items\":[{}]}"}]`, []string{"want a batch of the replay", "Items[0]"}},
		"cut off":            {`[{"Status":"PENDING","Input":"` + batchOf("b", "1") + `"}`, []string{"want the end of the list", "unexpected EOF"}},
		"cut off inside":     {`[{"Status":"PENDING","Inp`, []string{"execution 1: ", "unexpected EOF"}},
		"no files":           {`{"ResultFiles":{}}`, []string{"DestinationBucket and ResultFiles"}},
	} {
		_, err := readAll(t, text(test.list), "the list")
		if err == nil || !strings.HasPrefix(err.Error(), "read list the list: ") {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		for _, part := range test.parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %v, want %s in it", name, err, part)
			}
		}
	}
	const loop = `{"DestinationBucket":"b","ResultFiles":{"FAILED":[{"Key":"k"}]}}`
	if _, err := readAll(t, text(loop), "m"); err == nil || !strings.Contains(err.Error(), "read list s3://b/k: want a file of executions") {
		t.Errorf("a manifest that names a manifest: error %v", err)
	}
	missing := func(context.Context, string) (io.ReadCloser, error) { return nil, fs.ErrNotExist }
	if _, err := readAll(t, missing, "m"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "read list m: ") {
		t.Errorf("a missing list: error %v", err)
	}
}

// What the caller says ends the reading, and nothing is put around it.
func TestErrorsOfTheCaller(t *testing.T) {
	enough := errors.New("enough")
	for _, name := range []string{"FAILED_0.json", "PENDING_0.json", "manifest.json"} {
		calls := 0
		if err := Read(t.Context(), testdata, name, func(Object) error { calls++; return enough }); err != enough || calls != 1 {
			t.Errorf("%s: error %v after %d calls", name, err, calls)
		}
	}
	for _, list := range []string{"a\nb\n", `{"url":"a","error":"x"}` + "\n" + `{"url":"b","error":"x"}`} {
		if err := Read(t.Context(), text(list), "l", func(Object) error { return enough }); err != enough {
			t.Errorf("%s: error %v", list, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := Read(ctx, text(list), "l", func(Object) error { calls++; cancel(); return nil })
		if err != context.Canceled || calls != 1 {
			t.Errorf("%s: error %v after %d calls", list, err, calls)
		}
	}
}

// A result file is read as a stream: what is given is not kept, and its end is not waited for.
func TestResultFilesStream(t *testing.T) {
	r, w := io.Pipe()
	given := make(chan Object)
	go func() {
		defer close(given)
		if err := Read(t.Context(), func(context.Context, string) (io.ReadCloser, error) { return r, nil }, "l", func(o Object) error {
			given <- o
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	one := `{"Status":"PENDING","Input":"` + batchOf("b", "k") + `"}`
	begin := "[" + one
	for range 20 {
		if _, err := io.WriteString(w, begin); err != nil {
			t.Fatal(err)
		}
		begin = "," + one
		if _, ok := <-given; !ok {
			t.Fatal("ended early")
		}
	}
	_, _ = io.WriteString(w, "]")
	w.Close()
	if _, ok := <-given; ok {
		t.Error("one too many")
	}
}
