package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// These are bugs that other readers of S3's events shipped.

// s3Event gives a record of a notification of S3.
func s3Event(name, key string) string {
	return fmt.Sprintf(`{"eventSource":"aws:s3","eventName":%q,"s3":{"bucket":{"name":"b"},"object":{"key":%q}}}`, name, key)
}

// list gives Records of those.
func list(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

// sqsMessage gives a record of SQS with that body.
func sqsMessage(id, body string) string {
	quoted, _ := json.Marshal(body)
	return fmt.Sprintf(`{"eventSource":"aws:sqs","messageId":%q,"body":%s}`, id, quoted)
}

// decodeAll decodes a payload that is wholly understood.
func decodeAll(t *testing.T, payload string) Batch {
	t.Helper()
	b, err := Decode([]byte(payload))
	if err != nil {
		t.Fatalf("%s: error %v", payload, err)
	}
	return b
}

func TestTrapKeysAreURLDecodedOnce(t *testing.T) {
	for _, test := range []struct{ encoded, want string }{
		{"a+b", "a b"},
		{"a%20b", "a b"},
		{"a%2Bb", "a+b"},
		{"year%3D2026/month=01/a", "year=2026/month=01/a"},
		{"%E2%82%AC", "€"},
		{"€", "€"},
		{"a%2520b", "a%20b"},
		{"a%252Bb", "a%2Bb"},
		{"a%25", "a%"},
		{"a;b&c", "a;b&c"},
	} {
		m := decodeAll(t, list(s3Event("ObjectCreated:Put", test.encoded))).Messages[0]
		if m.Err != nil || len(m.Objects) != 1 || m.Objects[0] != (Object{Bucket: "b", Key: test.want}) {
			t.Errorf("key %s: %+v, want %s", test.encoded, m, test.want)
		}
	}
}

func TestTrapKeysOfAReplayAreNotDecoded(t *testing.T) {
	const key = "a+b%2Bc%20d e"
	for _, payload := range []string{
		`{"bucket":"b","keys":["` + key + `"]}`,
		`{"BatchInput":{"bucket":"b"},"Items":["` + key + `"]}`,
		`{"BatchInput":{"bucket":"b"},"Items":[{"Key":"` + key + `"}]}`,
	} {
		m := decodeAll(t, payload).Messages[0]
		if len(m.Objects) != 1 || m.Objects[0] != (Object{Bucket: "b", Key: key, Replayed: true}) {
			t.Errorf("%s: %+v", payload, m)
		}
	}
}

func TestTrapKeyOfEventBridgeIsRawWithAnAlternate(t *testing.T) {
	for _, test := range []struct{ key, alternate string }{
		{"plain/a.log.gz", ""},
		{"a+b", "a b"},
		{"a%3Db", "a=b"},
		{"a%zz+b", ""},
		{"a%FF+b", ""},
		{"a b", ""},
	} {
		payload := fmt.Sprintf(`{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":%q}}}`, test.key)
		m := decodeAll(t, payload).Messages[0]
		if len(m.Objects) != 1 || m.Objects[0] != (Object{Bucket: "b", Key: test.key, AlternateKey: test.alternate}) {
			t.Errorf("key %s: %+v, want alternate %q", test.key, m, test.alternate)
		}
	}
}

func TestTrapEveryCreationIsHandledAndNotOnlyPut(t *testing.T) {
	for _, name := range []string{"Put", "Post", "Copy", "CompleteMultipartUpload", "KindThatIsYetToCome"} {
		for _, prefix := range []string{"ObjectCreated:", "s3:ObjectCreated:"} {
			m := decodeAll(t, list(s3Event(prefix+name, "k"))).Messages[0]
			if len(m.Objects) != 1 || len(m.Skipped) > 0 {
				t.Errorf("%s%s: %+v", prefix, name, m)
			}
		}
	}
}

func TestTrapOneBadMessageDoesNotFailTheBatch(t *testing.T) {
	good := list(s3Event("ObjectCreated:Put", "k"))
	for _, bad := range []string{"", "x", "null", "{}", "[]", `"text"`, good[:40], good + "x", list(s3Event("ObjectCreated:Put", "%")),
		list(s3Event("ObjectCreated:Put", "k"), s3Event("ObjectCreated:Put", "")), `{"Type":"Notification","Message":5}`, `{"keys":["k"]}`, list(sqsMessage("3", good))} {
		b := decodeAll(t, list(sqsMessage("1", good), sqsMessage("2", bad), sqsMessage("3", good)))
		if b.Kind != KindSQS || len(b.Messages) != 3 {
			t.Fatalf("bad body %q: %+v", bad, b)
		}
		for i, m := range b.Messages {
			if m.ID != fmt.Sprint(i+1) || (i == 1) != (m.Err != nil) || (i == 1) != (len(m.Objects) == 0) {
				t.Errorf("bad body %q: message %d is %+v", bad, i, m)
			}
		}
	}
	// Nor does it where it is the first, and tells nothing of what the others are.
	for _, bad := range []string{`{"messageId":"1"}`, `{"messageId":"1","eventSource":5,"body":"x"}`, strings.Replace(sqsMessage("1", good), "aws:sqs", "aws:kinesis", 1)} {
		b := decodeAll(t, list(bad, sqsMessage("2", good)))
		if b.Kind != KindSQS || len(b.Messages) != 2 || b.Messages[0].Err == nil || b.Messages[0].ID != "1" || len(b.Messages[1].Objects) != 1 {
			t.Errorf("bad first record %s: %+v", bad, b)
		}
	}
	// Nor where no queue is in between.
	b := decodeAll(t, list(s3Event("ObjectCreated:Put", "1"), s3Event("ObjectCreated:Put", "%"), s3Event("ObjectCreated:Put", "3")))
	if len(b.Messages) != 3 || b.Messages[0].Err != nil || b.Messages[1].Err == nil || b.Messages[2].Err != nil || b.Messages[2].Objects[0].Key != "3" {
		t.Errorf("%+v", b)
	}
}

// The loop over the records that returns at the first one to be left out leaves out the rest.
func TestTrapWhatFollowsASkippedRecordIsNotSkipped(t *testing.T) {
	removed, created := s3Event("ObjectRemoved:Delete", "k"), s3Event("ObjectCreated:Put", "k")
	const test = `{"Service":"Amazon S3","Event":"s3:TestEvent"}`
	direct := decodeAll(t, list(removed, created, removed, created))
	queued := decodeAll(t, list(sqsMessage("1", test), sqsMessage("2", list(removed, created, removed, created)), sqsMessage("3", list(created))))
	for _, c := range []struct {
		b                Batch
		objects, skipped int
	}{{direct, 2, 2}, {queued, 3, 3}} {
		objects, skipped := 0, map[string]int{}
		for _, m := range c.b.Messages {
			objects += len(m.Objects)
			for _, reason := range m.Skipped {
				skipped[reason]++
			}
		}
		if objects != c.objects || skipped["not a creation: ObjectRemoved:Delete"] != 2 || skipped["test event"] != c.skipped-2 {
			t.Errorf("%s: %d objects, skipped %v", c.b.Kind, objects, skipped)
		}
	}
}
