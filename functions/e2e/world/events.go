package world

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The shapes in which an event can arrive in a queue are made by hand after the documentation of S3, SNS
// and EventBridge.

// S3Event gives the event of a log, as S3 sends it.
func S3Event(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-01-09T00:05:00.000Z","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","configurationId":"flowlake","bucket":{"name":%q,"arn":"arn:aws:s3:::%[1]s"},"object":{"key":%q,"size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055AED6DCD90281E5"}}}]}`,
		LogBucket, strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"))
}

// SNSEvent gives it in the envelope of SNS.
func SNSEvent(key string) string {
	message, _ := json.Marshal(S3Event(key))
	return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:123456789012:logs","Subject":"Amazon S3 Notification","Message":%s,"Timestamp":"2026-01-09T00:05:00.000Z","SignatureVersion":"1"}`, message)
}

// BridgeEvent gives it as EventBridge sends it.
func BridgeEvent(key string) string {
	return fmt.Sprintf(`{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-01-09T00:05:00Z","region":"eu-west-1","resources":["arn:aws:s3:::%s"],"detail":{"version":"0","bucket":{"name":%[1]q},"object":{"key":%q,"size":1024,"etag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"00617F08299329D189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","reason":"PutObject"}}`,
		LogBucket, key)
}
