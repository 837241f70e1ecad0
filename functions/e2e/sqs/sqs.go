// Package sqs models an SQS queue with its event source mapping to a Lambda function, for tests.
//
// It is a model and not AWS: what it holds is what these documents say, and a test that passes here
// says no more than that the function is right under these rules.
//
// Of standard queues, from the Amazon SQS Developer Guide and the SQS API Reference:
//   - A message that was received stays in the queue, hidden until its visibility timeout is over, and
//     then can be received again ("Amazon SQS visibility timeout").
//   - Each receipt gives another receipt handle, and only the newest deletes the message; with an older
//     one the call succeeds and nothing is deleted (DeleteMessage).
//   - Order is not kept, and a message may be delivered more than once ("At-least-once delivery"): see
//     [Options].
//   - A message that would be received more than maxReceiveCount times is moved to the dead-letter
//     queue instead ("Using dead-letter queues"), with its message id and its time of sending.
//   - A redrive sends what is in the dead-letter queue to the source queue as new messages, with new
//     message ids and receive counts ("Configuring a dead-letter queue redrive").
//   - A call receives 10 messages at most (ReceiveMessage).
//
// Of mappings, from the AWS Lambda Developer Guide ("Using Lambda with Amazon SQS", "Handling errors for
// an SQS event source"):
//   - Messages are given to the function in batches, in at most MaximumConcurrency invocations at once.
//   - If the function fails, all of the batch stays in the queue until its visibility timeout is over.
//   - With ReportBatchItemFailures the messages named in batchItemFailures stay and the others are
//     deleted. An empty or null list, an empty or null response is full success. A response that is not
//     JSON, an itemIdentifier that is empty, null, missing or not of the batch is full failure.
//
// Not modelled: FIFO queues, retention, delays, limits of size and number, message attributes, batching
// windows, filters, the scaling of pollers, and the backoff of a mapping whose function fails.
//
// Decisions: time is the queue's own and stands still while a function runs. When there is nothing else
// to do, [Mapping.Run] moves it on to the next message that becomes visible. So no test waits, and a
// visibility timeout passes during an invocation only if a test says so, by [Queue.Advance]. A real
// clock would make tests slow, and flaky where the machine is.
package sqs

import "errors"

// ErrReceiptHandle is the cause of the error for a receipt handle that the queue never gave:
// ReceiptHandleIsInvalid.
var ErrReceiptHandle = errors.New("receipt handle is invalid")

const (
	account       = "123456789012"
	sender        = "AIDAIENQZJOLO23YVJ4VO" // of the Developer Guide's example
	mostPerCall   = 10
	mostPerWindow = 10_000 // what a mapping may be set to
)
