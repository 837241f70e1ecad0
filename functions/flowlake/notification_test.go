package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flowlake/flowlake/functions/internal/mototest"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

func TestEntriesKnowNoOrder(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"<A/><B/>", "<B/><A/>", true},
		{"<A><B>1</B><C>2</C></A>", "<A><C>2</C><B>1</B></A>", true},
		{"<A>\n  <B>1</B>\n</A>", "<A><B>1</B></A>", true}, // indented
		{"<A></A>", "<A/>", true},
		{"<A>&#65;&amp;</A>", "<A><![CDATA[A&]]></A>", true},
		{"<A>1</A>", "<A> 1</A>", false},
		{"<A>1</A>", "<a>1</a>", false},
		{"<A/><A/>", "<A/>", false},
		{"<A><B>1</B></A>", "<A>1</A>", false},
		{"<A><B>1</B><C>2</C></A>", "<A><B>2</B><C>1</C></A>", false}, // swapped within one
		{"<A><B>1</B><C>1</C></A><A><B>2</B><C>2</C></A>", "<A><B>1</B><C>2</C></A><A><B>2</B><C>1</C></A>", false}, // and between two
		{`<A>B "1", C "2"</A>`, "<A><B>1</B><C>2</C></A>", false},                                                   // text that looks like elements
	} {
		parse := func(s string) []string {
			entries, err := parseEntries([]byte("<NotificationConfiguration>" + s + "</NotificationConfiguration>"))
			if err != nil {
				t.Fatal(err)
			}
			return entries
		}
		if a, b := parse(test.a), parse(test.b); slices.Equal(a, b) != test.same {
			t.Errorf("%s gives %q, %s gives %q", test.a, a, test.b, b)
		}
	}
	for _, text := range []string{"", "no XML", "<NotificationConfiguration>", "<Error><Code>SlowDown</Code></Error>"} {
		if entries, err := parseEntries([]byte(text)); err == nil {
			t.Errorf("%q gives %q", text, entries)
		}
	}
}

// What is compared before a write is what would be sent to AWS, too, where requests go over TLS. No
// request is made for it.
func TestRenderedIsWhatIsSent(t *testing.T) {
	b := &logBucket{name: logsBucket, client: s3store.NewClient(aws.Config{
		Region: "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
	})}
	got, err := b.rendered(t.Context(), &types.NotificationConfiguration{
		EventBridgeConfiguration: &types.EventBridgeConfiguration{},
		QueueConfigurations: []types.QueueConfiguration{{
			Id: aws.String("siem"), QueueArn: aws.String("arn:aws:sqs:eu-west-1:123456789012:siem"), Events: []types.Event{"s3:New:*"},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "Prefix", Value: aws.String("a<b")}}}},
		}},
	})
	want := []string{`EventBridgeConfiguration ""`,
		`QueueConfiguration [Event "s3:New:*", Filter [S3Key [FilterRule [Name "Prefix", Value "a<b"]]], Id "siem", Queue "arn:aws:sqs:eu-west-1:123456789012:siem"]`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// TestAttachMoto attaches a bucket of moto's server, which others wrote, and which acts on what it is
// told: the queue of others gets its notifications as before, and a rule of EventBridge gets events.
// moto leaves EventBridge out of the notifications that it gives, so it is put in on the way.
func TestAttachMoto(t *testing.T) {
	m := moto{t, mototest.Start(t, os.Getenv)}
	withoutAWS(t, map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL_S3": withEventBridge(t, m.url)})
	var c cloud
	if _, err := c.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, bucket := t.Context(), aws.String(logsBucket)
	if _, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	siem, rule := m.queue("siem"), m.queue("rule")
	m.call("AWSEvents.PutRule", map[string]any{"Name": "r", "EventPattern": `{"source": ["aws.s3"], "detail-type": ["Object Created"]}`})
	m.call("AWSEvents.PutTargets", map[string]any{"Rule": "r", "Targets": []any{map[string]any{"Id": "1", "Arn": motoARN("sqs", "rule")}}})
	others := &types.NotificationConfiguration{
		QueueConfigurations: []types.QueueConfiguration{{
			Id: aws.String("siem"), QueueArn: aws.String(motoARN("sqs", "siem")), Events: []types.Event{"s3:ObjectCreated:Copy", "s3:ObjectCreated:Put"},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{
				{Name: "prefix", Value: aws.String("AWSLogs/ü & <x>/")}, {Name: "suffix", Value: aws.String(".log.gz")}}}},
		}, {
			Id: aws.String("gone"), QueueArn: aws.String(motoARN("sqs", "gone")), Events: []types.Event{"s3:ObjectRemoved:*"},
		}},
		TopicConfigurations: []types.TopicConfiguration{{
			Id: aws.String("audit"), TopicArn: aws.String(motoARN("sns", "audit")), Events: []types.Event{"s3:ObjectRemoved:*"},
		}},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{
			Id: aws.String("thumbnails"), LambdaFunctionArn: aws.String(motoARN("lambda", "function:thumbnails")), Events: []types.Event{"s3:ObjectCreated:*"},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "suffix", Value: aws.String(".png")}}}},
		}},
	}
	b := &logBucket{client: c.s3, name: logsBucket}
	if err := b.write(ctx, others); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "attach", "--bucket", logsBucket, "--dry-run")
	before, err := b.read(ctx)
	if err != nil || before.attached() {
		t.Fatalf("after the dry run: %+v, %v", before, err)
	}

	stdout, _ := flowlake(t, exitOK, "attach", "--bucket", logsBucket)
	for _, want := range []string{`queue "siem"`, `queue "gone"`, `topic "audit"`, `function "thumbnails"`, `keys    prefix "AWSLogs/ü & <x>/", suffix ".log.gz"`, done} {
		if !strings.Contains(stdout, want) {
			t.Errorf("printed\n%swant %s", stdout, want)
		}
	}
	after, err := b.read(ctx)
	if err != nil || !after.attached() {
		t.Fatalf("%+v, %v", after, err)
	}
	after.config.EventBridgeConfiguration = nil
	if !reflect.DeepEqual(after.config, *others) {
		t.Errorf("there is\n%s\nwant\n%s", after, &notifications{config: *others})
	}
	if stdout, _ := flowlake(t, exitOK, "attach", "--bucket", logsBucket); !strings.Contains(stdout, "already") {
		t.Errorf("again: %s", stdout)
	}

	for _, key := range []string{"AWSLogs/ü & <x>/1.log.gz", "other.log.gz"} {
		if _, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	// moto sends its test messages whatever it is told.
	if got := slices.DeleteFunc(m.messages(siem), func(s string) bool { return strings.Contains(s, "s3:TestEvent") }); len(got) != 1 ||
		!strings.Contains(got[0], `"eventName": "ObjectCreated:Put"`) || !strings.Contains(got[0], "1.log.gz") {
		t.Errorf("the queue of others has %q", got)
	}
	if got := m.messages(rule); len(got) != 2 || !strings.Contains(strings.Join(got, ""), "other.log.gz") {
		t.Errorf("the rule's queue has %q, want two events", got)
	}
}

func motoARN(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:123456789012:" + resource
}

// withEventBridge gives the URL of a proxy of moto that adds EventBridge to the notifications of a
// bucket once it was written.
func withEventBridge(t *testing.T, moto string) string {
	to, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	const end, bridge = "</NotificationConfiguration>", "EventBridgeConfiguration"
	attached := false // requests come one at a time
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if r.In.Method == http.MethodPut && r.In.URL.Query().Has("notification") {
				body, err := io.ReadAll(r.In.Body)
				if err != nil {
					t.Error(err)
				}
				attached = bytes.Contains(body, []byte(bridge))
				r.Out.Body = io.NopCloser(bytes.NewReader(body))
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodGet || !r.Request.URL.Query().Has("notification") || !attached {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if !bytes.Contains(body, []byte(bridge)) {
				body = bytes.Replace(body, []byte(end), []byte("<"+bridge+"/>"+end), 1)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return err
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// moto is a server of moto.
type moto struct {
	t   *testing.T
	url string
}

// call calls an operation of a service whose protocol is JSON.
func (m moto) call(target string, in any) (out map[string]any) {
	m.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	service := map[string]string{"AWSEvents": "events", "AmazonSQS": "sqs"}[strings.Split(target, ".")[0]]
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20260109/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		m.t.Fatalf("%s: %v, HTTP %d, %s", target, err, answer.StatusCode, body)
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &out); err != nil {
			m.t.Fatalf("%s: %v in %s", target, err, body)
		}
	}
	return out
}

// queue makes a queue and gives its URL.
func (m moto) queue(name string) string {
	m.t.Helper()
	url, _ := m.call("AmazonSQS.CreateQueue", map[string]any{"QueueName": name})["QueueUrl"].(string)
	return url
}

// messages gives the messages in a queue.
func (m moto) messages(queue string) (bodies []string) {
	m.t.Helper()
	out := m.call("AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 10})
	all, _ := out["Messages"].([]any)
	for _, message := range all {
		bodies = append(bodies, message.(map[string]any)["Body"].(string))
	}
	return bodies
}
