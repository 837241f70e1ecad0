package sqs

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// event is what Lambda gives a function whose source is a queue, as the Lambda Developer Guide shows it.
type event struct {
	Records []record
}

type record struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

// Event gives the payload for a batch of messages of a queue.
func Event(q *Queue, batch []Message) ([]byte, error) {
	e := event{Records: make([]record, len(batch))}
	for i, m := range batch {
		sum := md5.Sum([]byte(m.Body))
		e.Records[i] = record{
			MessageID: m.ID, ReceiptHandle: m.ReceiptHandle, Body: m.Body,
			Attributes: map[string]string{
				"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
				"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
				"SenderId":                         sender,
				"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived.UnixMilli(), 10),
			},
			MD5OfBody:   hex.EncodeToString(sum[:]),
			EventSource: "aws:sqs", EventSourceARN: q.ARN(), AWSRegion: q.options.Region,
		}
		if m.Source != "" {
			e.Records[i].Attributes["DeadLetterQueueSourceArn"] = m.Source
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // AWS does not
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("make event of %s: %w", q.options.Name, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// failures gives the ids that a response says have failed. An error means that all have. The guide does
// not tell what a response is that is JSON but no object, or whose list is none; it counts as invalid
// here, which is the answer that a function must not rely on.
func failures(response []byte, batch []Message) (map[string]bool, error) {
	if len(bytes.TrimSpace(response)) == 0 {
		return nil, nil
	}
	var r struct {
		BatchItemFailures []map[string]json.RawMessage `json:"batchItemFailures"`
	}
	var exact map[string]json.RawMessage // encoding/json does not mind the case of names
	if err := json.Unmarshal(response, &exact); err != nil {
		return nil, fmt.Errorf("response is invalid: %w", err)
	}
	if list, found := exact["batchItemFailures"]; found {
		if err := json.Unmarshal(list, &r.BatchItemFailures); err != nil {
			return nil, fmt.Errorf("response is invalid: %w", err)
		}
	}
	known := map[string]bool{}
	for _, m := range batch {
		known[m.ID] = true
	}
	failed := map[string]bool{}
	for _, item := range r.BatchItemFailures {
		var id string
		if err := json.Unmarshal(item["itemIdentifier"], &id); err != nil || !known[id] {
			return nil, fmt.Errorf("response names the item %q, which is not of the batch", item["itemIdentifier"])
		}
		failed[id] = true
	}
	return failed, nil
}
