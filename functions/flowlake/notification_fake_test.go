package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// document is a notification configuration with all that S3 documents, see
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
type document struct {
	XMLName     xml.Name             `xml:"NotificationConfiguration"`
	Topics      []destinationElement `xml:"TopicConfiguration"`
	Queues      []destinationElement `xml:"QueueConfiguration"`
	Functions   []destinationElement `xml:"CloudFunctionConfiguration"`
	EventBridge *struct{}            `xml:"EventBridgeConfiguration"`
}

type destinationElement struct {
	ID       string   `xml:"Id"`
	Topic    string   `xml:"Topic"`
	Queue    string   `xml:"Queue"`
	Function string   `xml:"CloudFunction"`
	Events   []string `xml:"Event"`
	Rules    []struct {
		Name, Value string
	} `xml:"Filter>S3Key>FilterRule"`
}

// parseDocument reads a configuration, and puts in order what has none.
func parseDocument(t *testing.T, data string) *document {
	t.Helper()
	var d document
	if err := xml.Unmarshal([]byte(data), &d); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	d.XMLName = xml.Name{}
	for _, all := range [][]destinationElement{d.Topics, d.Queues, d.Functions} {
		slices.SortFunc(all, func(a, b destinationElement) int { return strings.Compare(a.ID, b.ID) })
		for _, e := range all {
			slices.Sort(e.Events)
			slices.SortFunc(e.Rules, func(a, b struct{ Name, Value string }) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	return &d
}

// notificationS3 is an S3 with one bucket, of which it knows the notifications alone.
type notificationS3 struct {
	*httptest.Server
	t *testing.T

	mu    sync.Mutex
	owner string // account that every request must expect; "" is none
	text  string // the configuration
	calls []string
	// get and put see the text that is about to be given or stored, and the number of the GET or PUT from 1;
	// they give another, or true when they have answered by themselves.
	get, put func(w http.ResponseWriter, text string, n int) (string, bool)
}

// newNotificationS3 starts one and has the command line use it.
func newNotificationS3(t *testing.T, text string) *notificationS3 {
	f := &notificationS3{t: t, text: text}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	withoutAWS(t, map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL_S3": f.URL})
	return f
}

func (f *notificationS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method)
	n := 0
	for _, c := range f.calls {
		if c == r.Method {
			n++
		}
	}
	body, err := io.ReadAll(r.Body)
	if _, asked := r.URL.Query()["notification"]; !asked || r.URL.Path != "/"+logsBucket || err != nil {
		f.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	if got := r.Header.Get("X-Amz-Expected-Bucket-Owner"); got != f.owner {
		f.t.Errorf("%s: the expected owner is %q, want %q", r.Method, got, f.owner)
	}
	w.Header().Set("X-Amz-Request-Id", "R1")
	switch r.Method {
	case http.MethodGet:
		text := f.text
		if f.get != nil {
			var answered bool
			if text, answered = f.get(w, text, n); answered {
				return
			}
		}
		io.WriteString(w, text)
	case http.MethodPut:
		// One of the destinations is broken.
		if r.Header.Get("X-Amz-Skip-Destination-Validation") != "true" {
			s3Error(w, 400, "InvalidArgument", "Unable to validate the following destination configurations")
			return
		}
		text := string(body)
		if f.put != nil {
			var answered bool
			if text, answered = f.put(w, text, n); answered {
				return
			}
		}
		f.text = text
	default:
		f.t.Errorf("%s %s", r.Method, r.URL)
	}
}

func s3Error(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// wantCalls holds which requests were sent.
func (f *notificationS3) wantCalls(want ...string) {
	f.t.Helper()
	if !slices.Equal(f.calls, want) {
		f.t.Errorf("calls %q, want %q", f.calls, want)
	}
}

// wantUnwritten holds that nothing has changed.
func (f *notificationS3) wantUnwritten(text string) {
	f.t.Helper()
	if slices.Contains(f.calls, http.MethodPut) || f.text != text {
		f.t.Errorf("after %q there is %s", f.calls, f.text)
	}
}

// logBucket gives its bucket.
func (f *notificationS3) logBucket(t *testing.T) *logBucket {
	t.Helper()
	var c cloud
	if _, err := c.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &logBucket{client: c.s3, name: logsBucket}
}
