package main

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
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
