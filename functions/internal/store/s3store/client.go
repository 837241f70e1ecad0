package s3store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// attempts is how often a request is sent at most, unless the configuration says otherwise.
	attempts = 8
	// dialTimeout and headerTimeout bound what takes milliseconds.
	dialTimeout   = 5 * time.Second
	headerTimeout = 20 * time.Second
	// attemptLimit bounds one attempt, besides the time for its body at slowest bytes a second. It
	// leaves room for CompleteMultipartUpload, which is the slowest.
	attemptLimit = 60 * time.Second
	slowest      = 64 << 10
	// idleConns is above the number of requests that are ever in flight, so that no connection is
	// closed only to be opened again.
	idleConns = 64
)

// NewClient gives a client for stores. Credentials, region and endpoint come from cfg; an endpoint
// that is an IP address makes path style by itself.
//
// The client repeats a request that failed for the network's or S3's sake, 8 times at most or as
// cfg.RetryMaxAttempts says, and waits a random time in between that grows to 10 s; after SlowDown it
// waits longer. An attempt that takes too long counts as failed, so that a server which never answers
// does not cost the whole time that there is. It logs nothing.
//
// The checksum of what it sends is sent along. The checksum of what it reads is not checked: a range
// has none, and sources are gzip, whose own checksum covers the whole.
func NewClient(cfg aws.Config) *s3.Client {
	return newClient(cfg, nil, attemptLimit)
}

// newClient is NewClient with another backoff, if it is not nil, and another limit.
func newClient(cfg aws.Config, backoff retry.BackoffDelayer, limit time.Duration) *s3.Client {
	transport, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if cfg.HTTPClient == nil {
		transport, ok = awshttp.NewBuildableClient(), true
	}
	if ok {
		cfg.HTTPClient = transport.
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
			WithTransportOptions(func(t *http.Transport) {
				t.ResponseHeaderTimeout = headerTimeout
				t.MaxIdleConns = idleConns
				t.MaxIdleConnsPerHost = idleConns
			})
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.Retryer = newRetryer(backoff)
		o.Logger = logging.Nop{}
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if o.RequestChecksumCalculation == aws.RequestChecksumCalculationUnset {
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		}
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(&attemptLimiter{limit}, "Retry", middleware.After)
		})
	})
}

// newRetryer gives the SDK's standard retries. The SDK's quota of retries is switched off: it would
// turn one bad minute of S3 into failures of all objects at hand, and attempts are bounded anyway.
func newRetryer(backoff retry.BackoffDelayer) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.BaseDelay = 100 * time.Millisecond // 1 s after SlowDown
		o.MaxBackoff = 10 * time.Second
		o.Backoff = backoff
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(retryAlso))
	})
}

// retryAlso knows failures of S3 that the standard retries do not: an answer that broke off, and the
// codes of what went wrong on the way.
func retryAlso(err error) aws.Ternary {
	var answer *smithy.DeserializationError
	if errors.As(err, &answer) || transient(errorCode(err)) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// attemptLimiter is a middleware that bounds the time of each attempt. The body of an object is not
// part of it: it is read long after GetObject has returned.
type attemptLimiter struct{ limit time.Duration }

func (l *attemptLimiter) ID() string { return "AttemptLimit" }

func (l *attemptLimiter) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	limit := l.limit
	if r, ok := in.Request.(*smithyhttp.Request); ok && r.ContentLength > 0 {
		limit += time.Duration(r.ContentLength) * time.Second / slowest
	}
	attempt, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(limit, cancel)
	out, metadata, err := next.HandleFinalize(attempt, in)
	inTime := timer.Stop()
	if object, ok := out.Result.(*s3.GetObjectOutput); ok && err == nil {
		if inTime {
			return out, metadata, nil // the body lives in the attempt's context, which ends with ctx
		}
		_ = object.Body.Close()
		err = attempt.Err()
	}
	cancel()
	if err != nil && !inTime && ctx.Err() == nil {
		err = &slowError{limit}
	}
	return out, metadata, err
}

// slowError is an attempt that took too long. It does not wrap the error of the context, which the
// SDK takes for the caller's wish to stop.
type slowError struct{ limit time.Duration }

func (e *slowError) Error() string { return fmt.Sprintf("no answer within %v", e.limit) }

// RetryableError says to the SDK that the request may be sent again.
func (e *slowError) RetryableError() bool { return true }
