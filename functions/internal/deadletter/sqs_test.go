package deadletter

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowlake/flowlake/functions/internal/mototest"
)

func config(endpoint string) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
	}
}

// wire serves a memory queue in the JSON protocol of SQS, for the real client.
type wire struct {
	*memory
	mu       sync.Mutex
	requests []map[string]any
	answer   func(operation string) (status int, code string) // an error instead, if code is not ""; one call at a time
}

func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var in struct {
		QueueUrl, ReceiptHandle                                 string
		MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds int
	}
	body := json.NewDecoder(r.Body)
	if err := body.Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, map[string]any{"operation": operation, "url": in.QueueUrl, "max": in.MaxNumberOfMessages, "visibility": in.VisibilityTimeout, "wait": in.WaitTimeSeconds, "authorization": r.Header.Get("Authorization")})
	status, code := s.answer(operation)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if code != "" {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":"it is so"}`, code)
		return
	}
	answer := map[string]any{}
	hidden := time.Duration(in.VisibilityTimeout) * time.Second
	switch operation {
	case "ReceiveMessage":
		var messages []any
		for _, m := range s.receive(in.MaxNumberOfMessages, hidden) {
			sum := md5.Sum([]byte(m.Body))
			messages = append(messages, map[string]any{"MessageId": m.ID, "ReceiptHandle": m.Handle, "Body": m.Body, "MD5OfBody": hex.EncodeToString(sum[:])})
		}
		if messages != nil {
			answer["Messages"] = messages
		}
	case "DeleteMessage":
		_ = s.Delete(r.Context(), in.ReceiptHandle)
	case "ChangeMessageVisibility":
		_ = s.Hide(r.Context(), in.ReceiptHandle, hidden)
	default:
		http.Error(w, operation, http.StatusTeapot)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func serve(t *testing.T, q *memory) (*wire, string) {
	t.Helper()
	s := &wire{memory: q, answer: func(string) (int, string) { return 0, "" }}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// The client speaks to the queue of the URL, in its Region, with the times that are asked for.
func TestSQS(t *testing.T) {
	memory := newMemory(created("1"), created("poison"))
	server, endpoint := serve(t, memory)
	const url = "https://sqs.us-west-2.amazonaws.com/123456789012/flowlake-dead-letters"
	q, err := OpenSQS(config(endpoint), url)
	if err != nil {
		t.Fatal(err)
	}
	c := counter{fails: map[string]error{"poison": errors.New("no")}}
	s, err := Drain(t.Context(), q, Config{Hidden: 90 * time.Second}, c.convert)
	if err != nil || s.Deleted != 1 || s.Left != 1 || memory.visible() != 1 || len(memory.messages) != 1 {
		t.Errorf("%+v, error %v, %d messages are left", s, err, len(memory.messages))
	}
	for i, r := range server.requests {
		if r["url"] != url || !strings.Contains(r["authorization"].(string), "/us-west-2/sqs/") {
			t.Errorf("request %v", r)
		}
		if i == 0 && (r["operation"] != "ReceiveMessage" || r["max"] != 10 || r["visibility"] != 90 || r["wait"] != 5) {
			t.Errorf("the first request is %v", r)
		}
	}
}

// Throttling is waited out; what is refused is one line that says what and why.
func TestSQSErrors(t *testing.T) {
	memory := newMemory(created("1"))
	server, endpoint := serve(t, memory)
	q, err := OpenSQS(config(endpoint), endpoint+"/123456789012/dead")
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	server.answer = func(operation string) (int, string) {
		if times++; operation == "ReceiveMessage" && times <= 2 {
			return 400, "RequestThrottled"
		}
		return 0, ""
	}
	c := counter{}
	if s, err := Drain(t.Context(), q, Config{}, c.convert); err != nil || s.Deleted != 1 || times < 4 {
		t.Errorf("%+v, error %v, %d requests", s, err, times)
	}

	server.answer = func(string) (int, string) { return 400, "QueueDoesNotExist" }
	_, err = Drain(t.Context(), q, Config{}, c.convert)
	var missing *types.QueueDoesNotExist
	if want := "receive from queue " + endpoint + "/123456789012/dead: QueueDoesNotExist: it is so"; err == nil || err.Error() != want || !errors.As(err, &missing) {
		t.Errorf("error %v, want %s", err, want)
	}
	server.answer = func(string) (int, string) { return 400, "MessageNotInflight" }
	if err := q.Hide(t.Context(), "handle", 0); err != nil {
		t.Errorf("to show what is visible gives %v", err)
	}
	if err := q.Hide(t.Context(), "handle", time.Minute); err == nil {
		t.Error("to hide what is visible gives nil")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Receive(ctx, 1, time.Minute); err != context.Canceled {
		t.Errorf("interrupted: error %v", err)
	}
}

func TestQueueURLs(t *testing.T) {
	for url, want := range map[string]bool{
		"https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dead-letters": true,
		"https://eu-west-1.queue.amazonaws.com/123456789012/dead.fifo":           true,
		"http://127.0.0.1:5000/123456789012/dead":                                true,
		"https://sqs.us-east-1.amazonaws.com/dead":                               false,
		"https://sqs.us-east-1.amazonaws.com/123456789012/a/b":                   false,
		"s3://123456789012/dead":                                                 false,
		"123456789012/dead":                                                      false,
		"arn:aws:sqs:us-east-1:123456789012:dead":                                false,
	} {
		if got := IsQueueURL(url); got != want {
			t.Errorf("%s: %t", url, got)
		}
		if _, err := OpenSQS(config(""), url); (err == nil) != want {
			t.Errorf("open %s: %v", url, err)
		}
	}
}

// moto's SQS, which others wrote, has the same rules: what is done with is gone, the rest is visible.
func TestMoto(t *testing.T) {
	endpoint := mototest.Start(t, os.Getenv)
	client := sqs.NewFromConfig(config(endpoint))
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	if err != nil {
		t.Fatal(err)
	}
	const messages = 25
	for i := range messages {
		body := created(fmt.Sprint(i))
		if i == 7 {
			body = `{"hello":"world"}`
		}
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	q, err := OpenSQS(config(endpoint), *made.QueueUrl)
	if err != nil {
		t.Fatal(err)
	}
	q.poll = time.Second
	c := counter{fails: map[string]error{"3": errors.New("no")}, takes: 10 * time.Millisecond}
	s, err := Drain(t.Context(), q, Config{Messages: 4}, c.convert)
	if err != nil || s.Received != messages || s.Deleted != messages-2 || s.Left != 2 || s.NotUnderstood != 1 || len(c.times) != messages-1 {
		t.Errorf("%+v, error %v, %d objects", s, err, len(c.times))
	}
	left, err := q.Receive(t.Context(), 10, time.Minute)
	if err != nil || len(left) != 2 {
		t.Errorf("%d messages are visible, error %v", len(left), err)
	}
	var again counter
	if s, err := Drain(t.Context(), q, Config{}, again.convert); err != nil || s.Received != 0 || again.times != nil {
		t.Errorf("of a queue whose messages others have: %+v, error %v", s, err)
	}
}
