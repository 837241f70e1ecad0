package deadletter

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// SQS is a queue of Amazon SQS. It is a [Queue].
type SQS struct {
	client *sqs.Client
	url    string
	poll   time.Duration
}

// poll is how long a call waits for a message. With any wait SQS asks all its servers, so that an empty
// answer means an empty queue.
const poll = 5 * time.Second

// attempts is how often a request is sent at most, with up to 20 s in between.
const attempts = 8

// queuePath is the path of a queue's URL: account and name.
var queuePath = regexp.MustCompile(`^/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?$`)

// queueHost is the host of a queue's URL in AWS.
var queueHost = regexp.MustCompile(`^(sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(\.cn)?$`)

// IsQueueURL says whether a text is the URL of a queue and not the path or URL of something else.
func IsQueueURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && queuePath.MatchString(u.Path)
}

// OpenSQS gives the queue of that URL, such as https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dlq.
// It sends no request. The Region is the URL's if that is one of AWS, and otherwise the configuration's.
func OpenSQS(cfg aws.Config, queueURL string) (*SQS, error) {
	if !IsQueueURL(queueURL) {
		return nil, fmt.Errorf("open queue %s: want a URL such as https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dead-letters", queueURL)
	}
	u, err := url.Parse(queueURL)
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", queueURL, err)
	}
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if m := queueHost.FindStringSubmatch(u.Hostname()); m != nil {
			o.Region = m[2] + m[3]
		}
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = attempts })
		o.Logger = logging.Nop{}
	})
	return &SQS{client: client, url: queueURL, poll: poll}, nil
}

// Receive is that of [Queue].
func (q *SQS) Receive(ctx context.Context, max int, hidden time.Duration) ([]Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(max), VisibilityTimeout: seconds(hidden), WaitTimeSeconds: seconds(q.poll),
	})
	if err != nil {
		return nil, q.fail(ctx, "receive from", err)
	}
	messages := make([]Message, len(out.Messages))
	for i, m := range out.Messages {
		messages[i] = Message{ID: aws.ToString(m.MessageId), Handle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body)}
	}
	return messages, nil
}

// Delete is that of [Queue].
func (q *SQS) Delete(ctx context.Context, handle string) error {
	if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &handle}); err != nil {
		return q.fail(ctx, "delete message of", err)
	}
	return nil
}

// Hide is that of [Queue].
func (q *SQS) Hide(ctx context.Context, handle string, hidden time.Duration) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: &handle, VisibilityTimeout: seconds(hidden),
	})
	if errors.As(err, new(*types.MessageNotInflight)) && hidden == 0 {
		return nil // it is visible
	}
	if err != nil {
		return q.fail(ctx, "hide message of", err)
	}
	return nil
}

func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// callError is how a call failed, in one line: the SDK's own error says everything twice.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }

// fail gives the error of a call. If ctx is done, that is the cause, whatever the SDK makes of it.
func (q *SQS) fail(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := err.Error()
	var api smithy.APIError
	var sent *url.Error
	switch {
	case errors.As(err, &api):
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.As(err, &sent):
		text = sent.Error()
	}
	var spent *retry.MaxAttemptsError
	if errors.As(err, &spent) && spent.Attempt > 1 {
		text += fmt.Sprintf(" (%d attempts)", spent.Attempt)
	}
	return &callError{fmt.Sprintf("%s queue %s: %s", op, q.url, strings.Join(strings.Fields(text), " ")), err}
}
