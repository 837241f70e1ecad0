// Package event decodes what a Lambda is invoked with into the objects that are to be converted.
//
// [Decode] knows these payloads: notifications of S3, directly, in SQS and in SNS; the "Object
// Created" of EventBridge, directly and in the same two; and batches of a replay, as AWS Step
// Functions Distributed Map sends them or a person writes them. Whatever may come directly may also
// be the body of an SQS message or the message of an SNS notification, with the notification's
// envelope or without it (raw delivery).
//
// The package opens no object and does not judge whether one is a flow log: it gives all that were
// created, and the converter skips by name and size.
//
// A replay batch has one of two shapes. This is the first, of which Items may also be texts, or
// objects with key for Key; an item's own Bucket or bucket goes before that of BatchInput, and its
// VersionId or versionId is kept:
//
//	{"BatchInput": {"bucket": "logs"}, "Items": [{"Key": "AWSLogs/1.log.gz", "Size": 512}]}
//
// This is the second, in which keys are texts. Both hold 10,000 at most, as does any list here:
//
//	{"bucket": "logs", "keys": ["AWSLogs/1.log.gz", "AWSLogs/2.log.gz"]}
//
// Decisions. The event types of aws-lambda-go lost: they refuse a whole payload for one odd time or
// one key that cannot be decoded, and names that differ only in case are one to them, so that an
// item's Key and key, or a shape and its look-alike, could not be told apart. Here nothing is read
// that is not needed, names are exact, and of a name that comes twice the last counts.
//
// Where there is no queue, each record of a notification and each item of a replay is a message, so
// that a broken one leaves its neighbours alone; one message for the whole payload lost. In a queue
// the message is what fails, so there it is all or nothing.
//
// A notification with no records, or a batch with no items, holds nothing that could be lost, so it
// is skipped with a reason; an error would send it to the dead letters for nothing. A null where a
// list belongs is an error. An event of S3 that is no creation is skipped; so is one of a kind that
// does not exist yet. But of EventBridge only the events that S3 itself sends are skipped: an API
// call by way of CloudTrail may be a creation, and nobody would see it missing.
//
// A key in S3's notifications is form-encoded, and in a replay batch it is raw, because S3 lists it
// so. EventBridge does not say which; see [Object.AlternateKey].
//
// Formats: Amazon S3 user guide, "Event message structure" and "EventBridge event message
// structure"; AWS Lambda developer guide, "Using Lambda with Amazon SQS" and "... Amazon SNS"; Step
// Functions developer guide, "ItemReader (Map)" and "ItemBatcher (Map)".
package event

// Kind says which way a payload came. It decides what its sender wants for an answer.
type Kind string

// The kinds of payloads, by what Lambda was invoked with and not by what that holds.
const (
	KindS3          Kind = "s3"          // a notification of S3, or its test message
	KindSQS         Kind = "sqs"         // messages of a queue, which fail one by one
	KindSNS         Kind = "sns"         // notifications of a topic
	KindEventBridge Kind = "eventbridge" // one event
	KindReplay      Kind = "replay"      // a batch of keys
)

// Batch is one payload.
type Batch struct {
	// Kind says which way it came.
	Kind Kind
	// Messages are its parts, in order; there is at least one.
	Messages []Message
}

// Message is the smallest part of a payload that can fail alone: a message of a queue, or else a
// record of a notification, an event, or an item of a replay batch. It is taken whole or not at all:
// either Err is set and nothing else but ID, or Objects and Skipped together have an element for
// everything that it holds.
type Message struct {
	// ID is the message's id in its queue, never "" there, and "" for all else.
	ID string
	// Objects are to be converted, in their order. The same object may be there more than once.
	Objects []Object
	// Skipped says, once for each thing that was left out, why that was right, in words that are the
	// same for all such things, so that they can be counted.
	Skipped []string
	// Err says why the message cannot be understood; it is an [*Error]. It is nil otherwise.
	Err error
}

// Object is one object to convert.
type Object struct {
	// Bucket and Key name the object; neither is "". The key is as S3 takes it, decoded.
	Bucket, Key string
	// AlternateKey is the key to try where no object of Key exists, or "". EventBridge does not
	// document whether its keys are encoded, so they are taken as they stand; this is what such a
	// key decodes to, if that is another key.
	AlternateKey string
	// VersionID is the object's version, "" where the sender names none. It is "null" for the
	// version that S3 calls so.
	VersionID string
	// Replayed says that a replay batch names the object, however that came: it may be years old.
	Replayed bool
}

// Decode decodes the payload of one invocation. It gives an [*Error] where the payload as a whole
// has no known shape, or where messages of a queue lack an id, because then the answer could not
// name them. Else a message that cannot be understood carries its own error and leaves its
// neighbours alone. Memory is in proportion to the payload, which Lambda bounds. Decode keeps
// nothing of the payload and may be called by goroutines at the same time.
func Decode(payload []byte) (Batch, error) {
	v, err := parse("", payload)
	if err != nil {
		return Batch{}, err
	}
	return decode(v, 0)
}

// maxDepth bounds the envelopes around what happened. Two are the most that AWS makes: a topic's
// notification in a queue.
const maxDepth = 3

// The reasons to skip, and the beginning of the one that names what happened.
const (
	skipTestEvent   = "test event"
	skipNoRecords   = "no records"
	skipNoItems     = "no items"
	skipNotCreation = "not a creation: "
)

// decode decodes a payload of any shape that is inside depth envelopes.
func decode(v value, depth int) (Batch, error) {
	o, err := v.object()
	if err != nil {
		return Batch{}, err
	}
	shape := ""
	// A field that only one shape has tells the shapes apart.
	for _, name := range []string{"Records", "Type", "Event", "detail-type", "Items", "keys"} {
		switch {
		case !o.has(name):
		case shape == "":
			shape = name
		default:
			return Batch{}, v.wrong("an event of one shape, not with both " + shape + " and " + name)
		}
	}
	switch shape {
	case "Records":
		return records(o, depth)
	case "Type":
		return notification(o, depth)
	case "Event":
		return testEvent(o)
	case "detail-type":
		m, err := bridgeEvent(o)
		return single(KindEventBridge, m, err), nil
	case "Items":
		return items(o)
	case "keys":
		return keys(o)
	}
	return Batch{}, v.wrong("an event with Records, detail-type, Items or keys, a notification of SNS or a test event of S3")
}

// single gives the batch of a payload that is one message, which an error says cannot be understood.
func single(kind Kind, m Message, err error) Batch {
	if err != nil {
		m = Message{Err: err}
	}
	return Batch{Kind: kind, Messages: []Message{m}}
}

// flatten makes one message of many: it has an error if any of them has.
func flatten(messages []Message) (Message, error) {
	var all Message
	for _, m := range messages {
		if m.Err != nil {
			return Message{}, m.Err
		}
		all.Objects = append(all.Objects, m.Objects...)
		all.Skipped = append(all.Skipped, m.Skipped...)
	}
	return all, nil
}
