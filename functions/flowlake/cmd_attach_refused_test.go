package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What S3 refuses is said with the bucket and what the call takes.
func TestAttachRefused(t *testing.T) {
	for name, test := range map[string]struct {
		verb    string
		answer  func(http.ResponseWriter)
		args    []string
		message string
	}{
		"no bucket": {"GET", func(w http.ResponseWriter) { s3Error(w, 404, "NoSuchBucket", "The specified bucket does not exist") }, nil,
			"read the notifications of s3://amzn-s3-demo-logs: NoSuchBucket: The specified bucket does not exist (HTTP 404, request R1)"},
		"may not read": {"GET", func(w http.ResponseWriter) { s3Error(w, 403, "AccessDenied", "Access Denied") }, nil,
			"read the notifications of s3://amzn-s3-demo-logs: AccessDenied: Access Denied (HTTP 403, request R1); it takes s3:GetBucketNotification on the bucket"},
		"may not write": {"PUT", func(w http.ResponseWriter) { s3Error(w, 403, "AccessDenied", "Access Denied") }, nil,
			"write the notifications of s3://amzn-s3-demo-logs: AccessDenied: Access Denied (HTTP 403, request R1); it takes s3:PutBucketNotification on the bucket"},
		"another owner": {"GET", func(w http.ResponseWriter) { s3Error(w, 403, "AccessDenied", "Access Denied") }, []string{"--bucket-owner", logsOwner},
			"it takes s3:GetBucketNotification on the bucket, which must belong to account 123456789012"},
		"wrong keys": {"GET", func(w http.ResponseWriter) { s3Error(w, 403, "SignatureDoesNotMatch", "Check your key.") }, nil,
			"read the notifications of s3://amzn-s3-demo-logs: SignatureDoesNotMatch: Check your key (HTTP 403, request R1)\n"},
		"another region": {"GET", func(w http.ResponseWriter) {
			w.Header().Set("X-Amz-Bucket-Region", "us-east-2")
			s3Error(w, 301, "PermanentRedirect", "Use the specified endpoint")
		}, nil, "PermanentRedirect: Use the specified endpoint (HTTP 301, request R1); the bucket is in us-east-2: set AWS_REGION"},
		"no answer of S3": {"GET", func(w http.ResponseWriter) { io.WriteString(w, "<html><body/></html>") }, nil,
			`read the notifications of s3://amzn-s3-demo-logs: parse NotificationConfiguration: have the element "html"`},
		"nothing": {"GET", func(w http.ResponseWriter) {}, nil,
			"read the notifications of s3://amzn-s3-demo-logs: parse NotificationConfiguration: EOF"},
	} {
		f := newNotificationS3(t, others)
		answer := func(w http.ResponseWriter, _ string, _ int) (string, bool) { test.answer(w); return "", true }
		if test.verb == "GET" {
			f.get = answer
		} else {
			f.put = answer
		}
		if test.args != nil {
			f.owner = logsOwner
		}
		_, stderr := flowlake(t, exitFailed, append([]string{"attach", "--bucket", logsBucket}, test.args...)...)
		if !strings.Contains(stderr, test.message) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %s\nwant %s", name, stderr, test.message)
		}
		if f.text != others {
			t.Errorf("%s: there is %s", name, f.text)
		}
	}
}

// An answer that broke off is asked for again, and nothing of it remains.
func TestAttachAfterHalfAnAnswer(t *testing.T) {
	f := newNotificationS3(t, others)
	f.get = func(w http.ResponseWriter, text string, n int) (string, bool) {
		if n == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			return text[:len(text)/2], false
		}
		return text, false
	}
	if stdout, _ := flowlake(t, exitOK, "attach", "--bucket", logsBucket); stdout != planOfOthers+done {
		t.Errorf("printed\n%s", stdout)
	}
	f.wantCalls("GET", "GET", "GET", "PUT", "GET")
}

// What the SDK does not know, it would lose: nothing is written then, and no dry run promises it.
func TestAttachUnknownNotifications(t *testing.T) {
	for name, test := range map[string]struct{ old, new, message string }{
		"field": {"</QueueConfiguration>", "<Batch>10</Batch></QueueConfiguration>",
			`this version cannot do so with QueueConfiguration [Batch "10", Event "s3:ObjectCreated:*", Filter [`},
		"empty field": {"<TopicConfiguration>", "<TopicConfiguration><Raw/>", `this version cannot do so with TopicConfiguration [Event`},
		"rule": {"<FilterRule><Name>Suffix</Name>", "<FilterRule><Name>Suffix</Name><Case>Any</Case>",
			`FilterRule [Case "Any", Name "Suffix", Value ".png"]`},
		"filter": {"</S3Key>", "</S3Key><Size><Above>0</Above></Size>", `Size [Above "0"]`},
		"kind": {"</NotificationConfiguration>", "<WorkflowConfiguration><Id>w</Id></WorkflowConfiguration></NotificationConfiguration>",
			`this version cannot do so with WorkflowConfiguration [Id "w"]; nothing was written; turn EventBridge on in the console of S3`},
	} {
		text := strings.Replace(others, test.old, test.new, -1)
		f := newNotificationS3(t, text)
		for _, args := range [][]string{{"--dry-run"}, nil} {
			stdout, stderr := flowlake(t, exitFailed, append([]string{"attach", "--bucket", logsBucket}, args...)...)
			if !strings.Contains(stderr, test.message) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("%s: %s%s", name, stdout, stderr)
			}
		}
		f.wantUnwritten(text)
	}
	// Where EventBridge is on, nothing would be written anyway.
	newNotificationS3(t, strings.Replace(others, "</NotificationConfiguration>", "<EventBridgeConfiguration/><New/></NotificationConfiguration>", 1))
	flowlake(t, exitOK, "attach", "--bucket", logsBucket)
}

// A configuration that is no longer what was printed is left alone; one in another order is the same.
func TestAttachChangedMeanwhile(t *testing.T) {
	swapped := strings.NewReplacer("archive", "siem", "siem", "archive", "210987654321", "123456789012").Replace(others)
	for name, change := range map[string]string{
		"filter":  strings.Replace(others, ".png", ".jpg", 1),
		"removed": none,
		"added":   strings.Replace(others, "</QueueConfiguration>", "</QueueConfiguration><QueueConfiguration><Id>new</Id></QueueConfiguration>", 1),
		"swapped": swapped,
	} {
		f := newNotificationS3(t, others)
		f.get = func(_ http.ResponseWriter, text string, n int) (string, bool) {
			if n == 2 {
				f.text, text = change, change
			}
			return text, false
		}
		stdout, stderr := flowlake(t, exitFailed, "attach", "--bucket", logsBucket)
		if stdout != planOfOthers || !strings.Contains(stderr, "s3://amzn-s3-demo-logs: they have changed since they were printed; nothing was written; run it again\n") {
			t.Errorf("%s: %s%s", name, stdout, stderr)
		}
		f.wantCalls("GET", "GET")
		f.wantUnwritten(change)
	}

	f := newNotificationS3(t, others)
	f.get = func(_ http.ResponseWriter, text string, n int) (string, bool) {
		if n == 2 {
			text = strings.Replace(text, "<Event>s3:ObjectRemoved:*</Event><Event>s3:ObjectCreated:Put</Event>", "<Event>s3:ObjectCreated:Put</Event><Event>s3:ObjectRemoved:*</Event>", 1)
		}
		return text, false
	}
	flowlake(t, exitOK, "attach", "--bucket", logsBucket)
}

// What is lost is said, with what restores it.
func TestAttachReadsBackAnother(t *testing.T) {
	withBridge := strings.Replace(others, "</NotificationConfiguration>", "<EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>", 1)
	without := func(part string) string { return strings.Replace(withBridge, part, "", 1) }
	for name, test := range map[string]struct{ text, message string }{
		"missing": {without(others[strings.Index(others, "<TopicConfiguration>"):strings.Index(others, "<QueueConfiguration>")]),
			`check the notifications of s3://amzn-s3-demo-logs: missing or different after the write: TopicConfiguration [Event "s3:ObjectCreated:Put"`},
		"filter is missing": {without("<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>archive/</Value></FilterRule></S3Key></Filter>"),
			`missing or different after the write: QueueConfiguration [Event "s3:ObjectCreated:*", Filter [S3Key [FilterRule [Name "Prefix", Value "archive/"]]], Id "archive"`},
		"different":      {strings.Replace(withBridge, ".png", ".jpg", 1), `missing or different after the write: CloudFunctionConfiguration [`},
		"all is missing": {strings.Replace(none, "/>", "><EventBridgeConfiguration/></NotificationConfiguration>", 1), "QueueConfiguration ["},
		"unreadable":     {"", "check the notifications of s3://amzn-s3-demo-logs: read the notifications of"},
	} {
		f := newNotificationS3(t, others)
		f.put = func(http.ResponseWriter, string, int) (string, bool) { return test.text, false }
		stdout, stderr := flowlake(t, exitFailed, "attach", "--bucket", logsBucket)
		if stdout != planOfOthers || !strings.Contains(stderr, test.message) {
			t.Errorf("%s: %s%s", name, stdout, stderr)
		}
		f.wantCalls("GET", "GET", "PUT", "GET")
		wantRestorable(t, f, stderr)
	}
}

// wantRestorable puts back what an error gives as JSON, as the command that it names does, and holds
// that it is all there.
func wantRestorable(t *testing.T, f *notificationS3, stderr string) {
	t.Helper()
	_, text, _ := strings.Cut(stderr, "with this as FILE:\n")
	if strings.Contains(text, "null") {
		t.Errorf("the AWS CLI takes no null: %s", text)
	}
	var config types.NotificationConfiguration
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&config); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	f.put = nil
	if err := f.logBucket(t).write(t.Context(), &config); err != nil {
		t.Fatal(err)
	}
	if got, want := parseDocument(t, f.text), parseDocument(t, others); !reflect.DeepEqual(got, want) {
		t.Errorf("restored is\n%+v\nwant\n%+v", got, want)
	}
}
