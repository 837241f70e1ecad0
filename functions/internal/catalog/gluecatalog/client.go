package gluecatalog

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

const (
	// attempts is how often a request is sent. The waits in between add up to 12 s at most, and
	// to 6 s on average.
	attempts = 8
	// attemptTimeout is how long one of them may take. Glue answers in well under a second.
	attemptTimeout = 10 * time.Second
)

// NewClient gives a client for [New]. Every request is sent up to 8 times, with 10 s for each
// attempt, and exponential backoff with full jitter in between, from 100 ms to 10 s. AWS_MAX_ATTEMPTS
// and whatever else the configuration says of attempts takes the place of that number. The SDK's retry
// quota stands: when most requests fail, the rest is attempted once.
//
// The client logs nothing; what goes wrong is in the errors.
func NewClient(cfg aws.Config) *glue.Client {
	return newClient(cfg, attemptTimeout, defaultBackoff)
}

func newClient(cfg aws.Config, timeout time.Duration, delay backoff) *glue.Client {
	return glue.NewFromConfig(cfg, func(o *glue.Options) {
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(timeout)
		}
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts = attempts
			s.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
				return delay.after(attempt), nil
			})
			s.Retryables = append(s.Retryables, retry.IsErrorRetryableFunc(worthAnother))
		})
		o.Logger = logging.Nop{}
	})
}

// backoff is how long to wait between attempts.
type backoff struct{ base, limit time.Duration }

var defaultBackoff = backoff{100 * time.Millisecond, 10 * time.Second}

// after gives the wait after that many attempts, at least one: any time up to base, doubled with
// each further attempt, but at most limit.
func (b backoff) after(attempt int) time.Duration {
	most := b.limit
	if attempt < 32 {
		most = min(b.limit, b.base<<(attempt-1))
	}
	return rand.N(most + 1)
}

// worthAnother says of what the SDK would give up whether it is to be tried again: answers that broke
// off, and codes of Glue's that come with status 400 but are no fault of the request.
func worthAnother(err error) aws.Ternary {
	var api smithy.APIError
	if errors.As(err, &api) {
		if slices.Contains(passingCodes, api.ErrorCode()) {
			return aws.TrueTernary
		}
		return aws.UnknownTernary
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// passingCodes are the codes of errors, of requests and of single partitions, that pass by
// themselves.
var passingCodes = []string{
	"ConcurrentModificationException",
	"FederationSourceRetryableException",
	"InternalFailure",
	"InternalServerException",
	"InternalServiceException",
	"OperationTimeoutException",
	"ResourceNotReadyException",
	"ServiceUnavailable",
	"ServiceUnavailableException",
	"Throttling",
	"ThrottlingException",
	"TooManyRequestsException",
}
