package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/mototest"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

// The whole way, over moto's S3 and SQS: objects in a bucket, messages about them in a queue of dead
// letters, a lake, and the queue empty but for what cannot be converted.
func TestDeadLettersOverMoto(t *testing.T) {
	endpoint := mototest.Start(t, os.Getenv)
	withoutAWS(t, map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": endpoint})
	t.Chdir(t.TempDir())
	var cloud cloud
	cfg, err := cloud.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages := sqs.NewFromConfig(cfg)
	queue, err := messages.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("logs-bucket")}); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "3", "--accelerators", "1")
	var keys []string
	for path := range files(t, "logs") {
		keys = append(keys, path)
	}
	slices.Sort(keys)
	keys = keys[:3]
	for i, key := range keys {
		text, err := os.ReadFile(filepath.Join("logs", filepath.FromSlash(key)))
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			text = text[:len(text)/2]
		}
		if _, err := cloud.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("logs-bucket"), Key: &key, Body: bytes.NewReader(text), ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc32}); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"bucket":"logs-bucket","keys":[%q]}`, key)
		if _, err := messages.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	options := lakeOptions{url: "lake"}
	lake, err := options.open(t.Context(), &cloud)
	if err != nil {
		t.Fatal(err)
	}
	table := schema.GlobalAccelerator()
	if err := lake.ensure(t.Context(), []*schema.Table{table, table.Rejects()}); err != nil {
		t.Fatal(err)
	}
	converter, err := etl.New(etl.Config{Table: table}, lake, lake.catalog)
	if err != nil {
		t.Fatal(err)
	}
	redrive := redriveOptions{failed: []string{*queue.QueueUrl}}
	_, letters, err := redrive.lister(t.Context(), &cloud, lake)
	if err != nil || letters == nil {
		t.Fatal(err, letters)
	}
	s, err := letters.replay(t.Context(), converter, replay.Config{Limits: replay.Limits{Workers: 2}})
	if err != nil || s.Converted != 2 || s.Failed != 1 || letters.summary.Deleted != 2 || letters.summary.Left != 1 {
		t.Errorf("%+v, messages %+v, error %v", s, letters.summary, err)
	}
	if n := len(files(t, "lake/aga_flow_logs")); n < 2 {
		t.Errorf("%d outputs", n)
	}
	left, err := messages.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
	if err != nil || len(left.Messages) != 1 || !strings.Contains(*left.Messages[0].Body, keys[2]) {
		t.Errorf("left %+v, error %v", left, err)
	}
}
