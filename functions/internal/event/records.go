package event

import (
	"cmp"
	"fmt"
)

// The sources of records, by their names in eventSource.
const (
	sourceS3  = "aws:s3"
	sourceSQS = "aws:sqs"
	sourceSNS = "aws:sns"
)

// record is one of Records.
type record struct {
	object
	source string
	err    error // why there is no source
}

// records decodes what has Records: a notification of S3, messages of SQS, or notifications of SNS.
func records(o object, depth int) (Batch, error) {
	list, err := o.get("Records").list()
	if err != nil {
		return Batch{}, err
	}
	if len(list) == 0 {
		return single(KindS3, Message{Skipped: []string{skipNoRecords}}, nil), nil
	}
	all := make([]record, len(list))
	source := ""
	for i, v := range list {
		all[i] = newRecord(v)
		// All are of one source. A broken one does not hide it, unless all are broken.
		source = cmp.Or(source, all[i].source)
	}
	var kind Kind
	var decodeRecord func(o object, depth int) (Message, error)
	switch source {
	case sourceS3:
		kind, decodeRecord = KindS3, s3Record
	case sourceSNS:
		kind, decodeRecord = KindSNS, snsRecord
	case sourceSQS:
		if depth > 0 {
			return Batch{}, o.get("Records").wrong("no messages of a queue inside a message")
		}
		kind, decodeRecord = KindSQS, sqsRecord
	default:
		return Batch{}, all[0].err
	}
	b := Batch{Kind: kind, Messages: make([]Message, len(all))}
	for i, r := range all {
		m, err := Message{}, r.err
		switch {
		case err != nil:
		case r.source != source:
			err = r.wrong("a record of " + source + " as its neighbours are")
		default:
			m, err = decodeRecord(r.object, depth)
		}
		if err != nil {
			m = Message{Err: err}
		}
		if kind == KindSQS {
			// Without an id the answer cannot say which message failed.
			if m.ID, err = r.get("messageId").text(); err != nil {
				return Batch{}, err
			}
		}
		b.Messages[i] = m
	}
	return b, nil
}

// newRecord gives a record with its source, if that is one of the known.
func newRecord(v value) record {
	o, err := v.object()
	if err != nil {
		return record{object: o, err: err}
	}
	// SNS alone starts its names with capitals.
	name, err := o.either("eventSource", "EventSource")
	if err != nil {
		return record{object: o, err: err}
	}
	switch s, err := name.text(); {
	case err != nil:
		return record{object: o, err: err}
	case s != sourceS3 && s != sourceSQS && s != sourceSNS:
		return record{object: o, err: name.wrong(fmt.Sprintf("%s, %s or %s", sourceS3, sourceSQS, sourceSNS))}
	default:
		return record{object: o, source: s}
	}
}

// sqsRecord decodes a message of a queue.
func sqsRecord(o object, depth int) (Message, error) { return open(o.get("body"), depth) }

// snsRecord decodes a notification that a topic gave to Lambda.
func snsRecord(o object, depth int) (Message, error) {
	sns, err := o.get("Sns").object()
	if err != nil {
		return Message{}, err
	}
	return open(sns.get("Message"), depth)
}

// notification decodes the envelope of SNS, as a topic gives it to a queue. A queue also gets a
// confirmation of its subscription if somebody else made that: a person has to act on it.
func notification(o object, depth int) (Batch, error) {
	if err := o.get("Type").is("Notification"); err != nil {
		return Batch{}, err
	}
	m, err := open(o.get("Message"), depth)
	return single(KindSNS, m, err), nil
}

// open decodes the payload that a text of an envelope holds, as one message.
func open(v value, depth int) (Message, error) {
	if depth >= maxDepth {
		return Message{}, v.wrong(fmt.Sprintf("%d envelopes at most", maxDepth))
	}
	text, err := v.text()
	if err != nil {
		return Message{}, err
	}
	inner, err := parse(v.path, []byte(text))
	if err != nil {
		return Message{}, err
	}
	b, err := decode(inner, depth+1)
	if err != nil {
		return Message{}, err
	}
	return flatten(b.Messages)
}
