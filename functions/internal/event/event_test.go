package event

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// aws-lambda-go reads what is well-formed in the same way: the names of the fields are AWS's.
func TestAgreesWithAWSLambdaGo(t *testing.T) {
	s3 := func(content []byte) (objects []Object) {
		var e events.S3Event
		if err := json.Unmarshal(content, &e); err != nil {
			t.Fatal(err)
		}
		for _, r := range e.Records {
			objects = append(objects, Object{Bucket: r.S3.Bucket.Name, Key: r.S3.Object.URLDecodedKey, VersionID: r.S3.Object.VersionID})
		}
		return objects
	}
	sqs := func(content []byte) (objects []Object) {
		var e events.SQSEvent
		if err := json.Unmarshal(content, &e); err != nil {
			t.Fatal(err)
		}
		for _, r := range e.Records {
			objects = append(objects, s3([]byte(r.Body))...)
		}
		return objects
	}
	sns := func(content []byte) (objects []Object) {
		var e events.SNSEvent
		if err := json.Unmarshal(content, &e); err != nil {
			t.Fatal(err)
		}
		for _, r := range e.Records {
			objects = append(objects, s3([]byte(r.SNS.Message))...)
		}
		return objects
	}
	sqsSNS := func(content []byte) (objects []Object) {
		var e events.SQSEvent
		if err := json.Unmarshal(content, &e); err != nil {
			t.Fatal(err)
		}
		for _, r := range e.Records {
			var n events.SNSEntity
			if err := json.Unmarshal([]byte(r.Body), &n); err != nil {
				t.Fatal(err)
			}
			objects = append(objects, s3([]byte(n.Message))...)
		}
		return objects
	}
	for name, oracle := range map[string]func([]byte) []Object{
		"s3-put": s3, "s3-creations": s3, "s3-versions": s3, "s3-keys": s3,
		"sqs-s3": sqs, "sqs-sns-raw": sqs, "sqs-sns": sqsSNS, "sns-s3": sns,
	} {
		content := load(t, filepath.Join(testdata, name+".json"))
		b, err := Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		var got []Object
		for _, m := range b.Messages {
			got = append(got, m.Objects...)
		}
		if want := oracle(content); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// checkError says what is wrong with an error of this package, or "".
func checkError(err error) string {
	var e *Error
	s := err.Error()
	switch {
	case !errors.As(err, &e):
		return "is no *Error"
	case e.Retryable():
		return "can be retried"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return "is not one line"
	case len(s) > 1500:
		return "is long"
	case !strings.HasPrefix(s, "decode event: ") || !strings.Contains(s, "want ") || !strings.Contains(s, ", found "):
		return "does not say what was wanted and found"
	}
	return ""
}

func TestErrorsQuoteTheBeginningOfWhatWasFound(t *testing.T) {
	for _, test := range []struct{ payload, want string }{
		{`{"a":1}`, "found `{\"a\":1}`"},
		{"{\n  \"a\": [ 1 ]\n}", "found `{\"a\":[1]}`"},
		{"x\ny", `found "x\ny": `},
		{"x`y", "found \"x`y\": "},
		{"x\xffy", "found `xy`: "},
		{"\xff", `found "": `},
		{"x" + strings.Repeat("ü", 200), "found `x" + strings.Repeat("ü", 99) + "`... (401 bytes): "},
		{strings.Repeat("x", 200), "found `" + strings.Repeat("x", 200) + "`: "},
		{"x\u2028\u0085y", `found "x\u2028\u0085y": `},
	} {
		_, err := Decode([]byte(test.payload))
		if err == nil || !strings.Contains(err.Error(), test.want) || checkError(err) != "" {
			t.Errorf("%q: error %v, want %s", test.payload, err, test.want)
		}
	}
}

func TestErrorsNameRecordAndField(t *testing.T) {
	body := list(s3Event("ObjectCreated:Put", "k"), s3Event("ObjectCreated:Put", "%"))
	m := decodeAll(t, list(sqsMessage("1", body))).Messages[0]
	var e *Error
	if !errors.As(m.Err, &e) || e.Field != "Records[0].body.Records[1].s3.object.key" || e.Unwrap() == nil {
		t.Errorf("error %v", m.Err)
	}
}

// A name from outside cannot break a log line or a table of reasons.
func TestReasonsToSkipAreShortLines(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"Replication:OperationReplicatedAfterThreshold", "not a creation: Replication:OperationReplicatedAfterThreshold"},
		{`a\u000ab`, `not a creation: "a\nb"`},
		{strings.Repeat("x", 300), "not a creation: `" + strings.Repeat("x", 200) + "`... (300 bytes)"},
		{strings.Repeat("x", 65), "not a creation: `" + strings.Repeat("x", 65) + "`"},
	} {
		payload := `{"Records":[{"eventSource":"aws:s3","eventName":"` + test.name + `"}]}`
		if m := decodeAll(t, payload).Messages[0]; len(m.Skipped) != 1 || m.Skipped[0] != test.want {
			t.Errorf("%s: %+v, want %s", test.name, m, test.want)
		}
	}
}

// Nothing is replaced in a key on the way: it would be another object's.
func TestTextsThatAreNotUTF8AreErrors(t *testing.T) {
	b := decodeAll(t, `{"bucket":"b","keys":["a`+"\xff"+`","b"]}`)
	if b.Messages[0].Err == nil || b.Messages[1].Err != nil {
		t.Errorf("%+v", b)
	}
}

func TestListsAreBounded(t *testing.T) {
	keys := func(n int) []byte {
		return []byte(`{"bucket":"b","keys":["k"` + strings.Repeat(`,"k"`, n-1) + `]}`)
	}
	if b, err := Decode(keys(maxList)); err != nil || len(b.Messages) != maxList {
		t.Errorf("%d messages, error %v", len(b.Messages), err)
	}
	if _, err := Decode(keys(maxList + 1)); err == nil || checkError(err) != "" || !strings.Contains(err.Error(), "keys: want 10000 elements at most") {
		t.Errorf("error %v", err)
	}
}

func TestEnvelopesAreBounded(t *testing.T) {
	payload := list(s3Event("ObjectCreated:Put", "k"))
	for depth := range 8 {
		b, err := Decode([]byte(payload))
		if err != nil || len(b.Messages) != 1 {
			t.Fatalf("depth %d: %+v, error %v", depth, b, err)
		}
		if m := b.Messages[0]; (m.Err != nil) != (depth > maxDepth) || (len(m.Objects) == 1) != (depth <= maxDepth) {
			t.Errorf("depth %d: %+v", depth, m)
		}
		message, _ := json.Marshal(payload)
		payload = `{"Type":"Notification","Message":` + string(message) + `}`
	}
}

// Decoding keeps nothing of the payload, whose memory Lambda uses again.
func TestNothingOfThePayloadIsKept(t *testing.T) {
	for _, file := range payloads(t) {
		content := load(t, file)
		b, err := Decode(content)
		want := describe(b, err)
		for i := range content {
			content[i] = 'x'
		}
		if got := describe(b, err); got != want {
			t.Errorf("%s: %s, was %s", file, got, want)
		}
	}
}

// FuzzDecode decodes anything: what comes is whole, or an error that can be logged.
func FuzzDecode(f *testing.F) {
	for _, file := range payloads(f) {
		f.Add(load(f, file))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := slices.Clone(payload)
		b, err := Decode(payload)
		if !slices.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if again, errAgain := Decode(payload); !reflect.DeepEqual(b, again) || !reflect.DeepEqual(err, errAgain) {
			t.Fatalf("%+v, error %v; then %+v, error %v", b, err, again, errAgain)
		}
		if err != nil {
			if wrong := checkError(err); wrong != "" || !reflect.DeepEqual(b, Batch{}) {
				t.Fatalf("error %q %s; %+v", err, wrong, b)
			}
			return
		}
		kinds := []Kind{KindS3, KindSQS, KindSNS, KindEventBridge, KindReplay}
		if !slices.Contains(kinds, b.Kind) || len(b.Messages) == 0 {
			t.Fatalf("%+v", b)
		}
		for _, m := range b.Messages {
			if (m.ID != "") != (b.Kind == KindSQS) || (m.Err != nil) != (len(m.Objects)+len(m.Skipped) == 0) {
				t.Fatalf("%s message %+v", b.Kind, m)
			}
			if m.Err != nil {
				if wrong := checkError(m.Err); wrong != "" {
					t.Fatalf("error %q %s", m.Err, wrong)
				}
			}
			for _, o := range m.Objects {
				if o.Bucket == "" || o.Key == "" || o.AlternateKey == o.Key || !utf8.ValidString(o.Bucket+o.Key+o.AlternateKey+o.VersionID) {
					t.Fatalf("object %+v", o)
				}
			}
			for _, reason := range m.Skipped {
				if reason == "" || len(reason) > 1000 || !utf8.ValidString(reason) {
					t.Fatalf("reason %q", reason)
				}
			}
		}
	})
}
