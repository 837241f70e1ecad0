package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	logsBucket = "amzn-s3-demo-logs"
	logsOwner  = "123456789012"
)

// others is what other teams have put on a bucket, as S3 gives it: with the name space, the rules' names
// capitalized, in an order that is not the SDK's.
const others = `<?xml version="1.0" encoding="UTF-8"?>
<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
	`<TopicConfiguration><Id>audit &amp; &lt;billing&gt;</Id><Topic>arn:aws:sns:eu-west-1:123456789012:audit</Topic>` +
	`<Event>s3:ObjectRemoved:*</Event><Event>s3:ObjectCreated:Put</Event></TopicConfiguration>` +
	`<QueueConfiguration><Id>siem</Id><Queue>arn:aws:sqs:eu-west-1:210987654321:siem</Queue><Event>s3:ObjectCreated:*</Event>` +
	`<Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.log.gz</Value></FilterRule>` +
	`<FilterRule><Name>Prefix</Name><Value> AWSLogs/ü "x"/</Value></FilterRule></S3Key></Filter></QueueConfiguration>` +
	`<QueueConfiguration><Id>archive</Id><Queue>arn:aws:sqs:eu-west-1:123456789012:archive</Queue><Event>s3:ObjectCreated:*</Event>` +
	`<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>archive/</Value></FilterRule></S3Key></Filter></QueueConfiguration>` +
	`<CloudFunctionConfiguration><Id>thumbnails</Id><CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:thumbnails:live</CloudFunction>` +
	`<Event>s3:ObjectCreated:Put</Event><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.png</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>` +
	`</NotificationConfiguration>`

const planOfOthers = `s3://amzn-s3-demo-logs
is there and stays:
  function "thumbnails"
    to      arn:aws:lambda:eu-west-1:123456789012:function:thumbnails:live
    events  s3:ObjectCreated:Put
    keys    suffix ".png"
  queue "archive"
    to      arn:aws:sqs:eu-west-1:123456789012:archive
    events  s3:ObjectCreated:*
    keys    prefix "archive/"
  queue "siem"
    to      arn:aws:sqs:eu-west-1:210987654321:siem
    events  s3:ObjectCreated:*
    keys    prefix " AWSLogs/ü \"x\"/", suffix ".log.gz"
  topic "audit & <billing>"
    to      arn:aws:sns:eu-west-1:123456789012:audit
    events  s3:ObjectCreated:Put, s3:ObjectRemoved:*
    keys    all
is added:
  EventBridge
    events  all
    keys    all
`

const (
	planOfNone = "s3://amzn-s3-demo-logs\nis there and stays:\n  none\nis added:\n  EventBridge\n    events  all\n    keys    all\n"
	done       = "written and read back: events go to EventBridge in about five minutes, all else is as it was\n"
	none       = `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`
)

// What others have put on the bucket is there as before, and EventBridge besides.
func TestAttachKeepsWhatIsThere(t *testing.T) {
	f := newNotificationS3(t, others)
	f.owner = logsOwner
	stdout, stderr := flowlake(t, exitOK, "attach", "--bucket", logsBucket, "--bucket-owner", logsOwner)
	if want := planOfOthers + done; stdout != want || stderr != "" {
		t.Errorf("printed\n%s%s\nwant\n%s", stdout, stderr, want)
	}
	want := parseDocument(t, others)
	want.EventBridge = &struct{}{}
	if got := parseDocument(t, f.text); !reflect.DeepEqual(got, want) {
		t.Errorf("there is\n%+v\nwant\n%+v", got, want)
	}
	f.wantCalls("GET", "GET", "PUT", "GET")

	// A second time there is nothing to do.
	written := f.text
	stdout, _ = flowlake(t, exitOK, "attach", "--bucket", logsBucket, "--bucket-owner", logsOwner)
	if want := "s3://amzn-s3-demo-logs sends its events to EventBridge already; nothing was written\n"; stdout != want || f.text != written {
		t.Errorf("again: %s", stdout)
	}
	f.wantCalls("GET", "GET", "PUT", "GET", "GET")
}

func TestAttachFirstNotification(t *testing.T) {
	f := newNotificationS3(t, none)
	if stdout, _ := flowlake(t, exitOK, "attach", "--bucket", logsBucket); stdout != planOfNone+done {
		t.Errorf("printed\n%s", stdout)
	}
	if got := parseDocument(t, f.text); !reflect.DeepEqual(got, &document{EventBridge: &struct{}{}}) {
		t.Errorf("there is %+v", got)
	}
}

func TestAttachDryRun(t *testing.T) {
	for text, plan := range map[string]string{others: planOfOthers, none: planOfNone} {
		f := newNotificationS3(t, text)
		stdout, stderr := flowlake(t, exitOK, "attach", "--bucket", logsBucket, "--dry-run")
		if stdout != plan+"dry run: nothing was written\n" || stderr != "" {
			t.Errorf("printed\n%s%s", stdout, stderr)
		}
		f.wantCalls("GET")
		f.wantUnwritten(text)
	}
}

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

// S3 may give for a while what was there before the write, and then for good.
func TestAttachReadsUntilTheWriteIsSeen(t *testing.T) {
	for name, test := range map[string]struct {
		stale int // reads after the write
		err   string
	}{
		"at last": {14, ""},
		"never":   {15, "check the notifications of s3://amzn-s3-demo-logs: EventBridge is not on after the write; all else is as it was; "},
	} {
		f := newNotificationS3(t, others)
		f.get = func(_ http.ResponseWriter, text string, n int) (string, bool) {
			if n <= 2+test.stale {
				return others, false
			}
			return text, false
		}
		p, err := planAttachment(t.Context(), f.logBucket(t))
		if err != nil {
			t.Fatal(err)
		}
		err = p.execute(t.Context(), time.Millisecond)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v", name, err)
		}
		if len(f.calls) != 2+1+15 {
			t.Errorf("%s: calls %q", name, f.calls)
		}
		if err != nil {
			wantRestorable(t, f, err.Error())
		}
	}
}

// Whoever interrupts before the write, stops it; after that the check is still made.
func TestAttachInterrupted(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		n      int
		code   exitCode
		calls  []string
	}{
		"reading":       {"GET", 1, exitInterrupted, []string{"GET"}},
		"reading again": {"GET", 2, exitInterrupted, []string{"GET", "GET"}},
		"writing":       {"PUT", 1, exitOK, []string{"GET", "GET", "PUT", "GET"}},
	} {
		f := newNotificationS3(t, others)
		ctx, cancel := context.WithCancel(t.Context())
		hook := func(_ http.ResponseWriter, text string, n int) (string, bool) {
			if n == test.n {
				cancel()
				time.Sleep(50 * time.Millisecond) // so that it is noticed before the answer
			}
			return text, false
		}
		if test.method == "GET" {
			f.get = hook
		} else {
			f.put = hook
		}
		var stdout, stderr bytes.Buffer
		if code := run(ctx, []string{"attach", "--bucket", logsBucket}, strings.NewReader(""), &stdout, &stderr); code != int(test.code) {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, test.code, &stderr)
		}
		f.Close() // its last request is done, too
		f.wantCalls(test.calls...)
	}
}

// A plan that could not be printed is not carried out.
func TestAttachFullOutput(t *testing.T) {
	f := newNotificationS3(t, others)
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"attach", "--bucket", logsBucket}, strings.NewReader(""), full{}, &stderr); code != int(exitFailed) || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	f.wantUnwritten(others)
}

func TestAttachFlags(t *testing.T) {
	withoutAWS(t, nil)
	for args, message := range map[string]string{
		"":                             `--bucket: want the name of a bucket, have ""`,
		"--bucket x":                   `--bucket: want the name of a bucket, have "x"`,
		"--bucket s3://logs":           `--bucket: want the name of a bucket, have "s3://logs"`,
		"--bucket logs/AWSLogs":        `--bucket: want the name of a bucket, have "logs/AWSLogs"`,
		"--bucket logs/":               `--bucket: want the name of a bucket, have "logs/"`,
		"--bucket logs --bucket-owner": "flag needs an argument",
		"--bucket logs --bucket-owner 12345678901":            `--bucket-owner: want 12 digits, have "12345678901"`,
		"--bucket logs --bucket-owner me":                     `--bucket-owner: want 12 digits, have "me"`,
		"--bucket logs more":                                  `attach: unknown command "more"`,
		"--bucket logs --bucket-owner=123456789012 --bucket=": `have ""`,
	} {
		if _, stderr := flowlake(t, exitUsage, append([]string{"attach"}, strings.Fields(args)...)...); !strings.Contains(stderr, message) {
			t.Errorf("attach %s: %s, want %s", args, stderr, message)
		}
	}
	if _, stderr := flowlake(t, exitFailed, "attach", "--bucket", logsBucket); !strings.Contains(stderr, "no Region is set; set AWS_REGION") {
		t.Errorf("without a region: %s", stderr)
	}
}
