package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/world"
	"github.com/flowlake/flowlake/functions/internal/mototest"
)

// TestRedrive has the compiled flowlake drain a queue of dead letters: what can be converted is, and its
// messages are deleted; those about a log that is cut off, and about one from elsewhere, stay with their
// reasons.
func TestRedrive(t *testing.T) {
	c := newCLI(t)
	q := queueOf(t, mototest.Start(t, os.Getenv), c.env["AWS_REGION"])
	c.env["AWS_ENDPOINT_URL_SQS"] = q.endpoint
	const prefix, lake = "AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/09/", "s3://lake/flows"
	c.run(done, "table", "create", "--lake", lake)
	for _, name := range []string{"one", "two", "poison"} {
		c.run(done, "synth", "--out", "s3://logs/"+prefix, "--day", "2026-01-09", "--records", "30", "--single", name+".log.gz")
	}
	poison, err := c.Client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new(world.LogBucket), Key: new(prefix + "poison.log.gz")})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(poison.Body)
	if err != nil {
		t.Fatal(err)
	}
	c.put(world.LogBucket, prefix+"poison.log.gz", data[:len(data)/2])
	c.put(world.LogBucket, "elsewhere/three.log.gz", data)
	for _, keys := range [][]string{{prefix + "one.log.gz"}, {prefix + "one.log.gz", prefix + "two.log.gz"}, {prefix + "poison.log.gz"}, {"elsewhere/three.log.gz"}} {
		body, err := json.Marshal(map[string]any{"bucket": world.LogBucket, "keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		q.call("SendMessage", map[string]any{"MessageBody": string(body)})
	}

	stdout, stderr := c.run(objects, "replay", "--failed", q.url, "--source", "s3://logs/AWSLogs/", "--lake", lake)
	for _, text := range []string{
		"messages    4 received: 2 deleted, 2 stay, 0 of which are not understood\n",
		": convert s3://logs/elsewhere/three.log.gz: not below any --source\n",
		"poison.log.gz: gzip stream is cut off",
	} {
		if !strings.Contains(stdout, text) {
			t.Errorf("want %q in\n%s%s", text, stdout, stderr)
		}
	}
	if n := len(c.tree(world.LakeBucket)); n == 0 {
		t.Error("the lake is empty")
	}
	var left []string
	for _, m := range q.call("ReceiveMessage", map[string]any{"MaxNumberOfMessages": 10}).Messages {
		left = append(left, m.Body)
	}
	if text := strings.Join(left, "\n"); len(left) != 2 || !strings.Contains(text, "poison.log.gz") || !strings.Contains(text, "three.log.gz") {
		t.Errorf("in the queue are still\n%s", text)
	}
}

// queue is a queue of moto's, over the JSON protocol of SQS.
type queue struct {
	*testing.T
	endpoint, region string
	url              string
}

// queueAnswer is what the calls answer.
type queueAnswer struct {
	QueueUrl string
	Messages []struct{ Body string }
}

func queueOf(t *testing.T, endpoint, region string) *queue {
	t.Helper()
	q := &queue{T: t, endpoint: endpoint, region: region}
	q.url = q.call("CreateQueue", map[string]any{"QueueName": "dead"}).QueueUrl
	return q
}

func (q *queue) call(operation string, in map[string]any) (out queueAnswer) {
	q.Helper()
	if q.url != "" {
		in["QueueUrl"] = q.url
	}
	body, err := json.Marshal(in)
	if err != nil {
		q.Fatal(err)
	}
	r, err := http.NewRequestWithContext(q.Context(), http.MethodPost, q.endpoint, bytes.NewReader(body))
	if err != nil {
		q.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	// moto takes the service and the Region from it, and checks no signature.
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIA/20260109/%s/sqs/aws4_request, SignedHeaders=host, Signature=0", q.region))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		q.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		q.Fatalf("%s: %v", operation, err)
	}
	return out
}
