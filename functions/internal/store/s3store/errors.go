package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Codes of S3's errors, see
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const (
	codeNoSuchKey      = "NoSuchKey"
	codeNoSuchUpload   = "NoSuchUpload"
	codeArchived       = "InvalidObjectState"
	codeOtherRegion    = "PermanentRedirect"
	headerBucketRegion = "X-Amz-Bucket-Region"
)

// requestError is how S3, or the way to it, failed a request. The SDK's own error is wrapped, but
// not printed: it says everything three times.
type requestError struct {
	url      string // the object's
	code     string // S3's; "" if S3 gave no answer
	message  string
	status   int // HTTP's; 0 if there was no answer
	request  string
	attempts int
	kind     error // fs.ErrNotExist or fs.ErrPermission; nil for others
	err      error
}

func (e *requestError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.url)
	if e.code != "" {
		fmt.Fprintf(&b, "%s: ", e.code)
	}
	b.WriteString(strings.TrimSuffix(e.message, "."))
	var details []string
	if e.status != 0 {
		details = append(details, fmt.Sprintf("HTTP %d", e.status))
	}
	if e.request != "" {
		details = append(details, "request "+e.request)
	}
	if e.attempts > 1 {
		details = append(details, fmt.Sprintf("%d attempts", e.attempts))
	}
	if len(details) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, ", "))
	}
	return b.String()
}

func (e *requestError) Unwrap() error { return e.err }

// Is says whether the error is fs.ErrNotExist or fs.ErrPermission.
func (e *requestError) Is(target error) bool { return e.kind != nil && target == e.kind }

// Throttled says that S3, or the key's KMS, was asked too often: the same request fares better later,
// and all requests do if there are fewer of them.
func (e *requestError) Throttled() bool {
	if e.status == http.StatusServiceUnavailable || e.status == http.StatusTooManyRequests {
		return true
	}
	_, known := retry.DefaultThrottleErrorCodes[e.code]
	return known || strings.Contains(e.code, "Throttl")
}

// failure gives the store's error for one of the SDK's. If ctx is done, that is the cause, whatever
// the SDK makes of it.
func (s *Store) failure(ctx context.Context, op, key string, err error) *store.Error {
	if done := ctx.Err(); done != nil {
		return &store.Error{Op: op, Key: key, Err: done}
	}
	return s.wrap(op, key, err)
}

// wrap gives the store's error for one of the SDK's, of a context, or of another call.
func (s *Store) wrap(op, key string, err error) *store.Error {
	if err == context.Canceled || err == context.DeadlineExceeded {
		return &store.Error{Op: op, Key: key, Err: err}
	}
	var other *store.Error
	if errors.As(err, &other) {
		return &store.Error{Op: op, Key: key, Err: other.Err, Permanent: other.Permanent}
	}
	var tooLarge *tooLargeError
	if errors.As(err, &tooLarge) {
		return &store.Error{Op: op, Key: key, Err: fmt.Errorf("%s: %w", s.URL(key), err), Permanent: true}
	}
	return s.requestError(op, key, err)
}

func (s *Store) requestError(op, key string, err error) *store.Error {
	e := &requestError{url: s.URL(key), err: err, message: reason(err).Error()}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		e.status, e.request = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.code, e.message = api.ErrorCode(), api.ErrorMessage()
		if e.code == codeOtherRegion && response != nil && response.Response != nil {
			e.message = "the bucket is in another region: " + response.Response.Header.Get(headerBucketRegion)
		}
	}
	var spent *retry.MaxAttemptsError
	if errors.As(err, &spent) {
		e.attempts = spent.Attempt
	}
	e.kind = kind(e.status, e.code)
	return &store.Error{Op: op, Key: key, Err: e, Permanent: permanent(e.status, e.code)}
}

// reason gives the part of an SDK's error that is not its noise.
func reason(err error) error {
	var slow *slowError
	var sent *url.Error
	var send *smithyhttp.RequestSendError
	var answer *smithy.DeserializationError
	var operation *smithy.OperationError
	switch {
	case errors.As(err, &slow):
		return slow
	case errors.As(err, &sent):
		return sent.Err
	case errors.As(err, &send):
		return send.Err
	case errors.As(err, &answer):
		return fmt.Errorf("read answer: %w", answer.Err)
	case errors.As(err, &operation):
		return operation.Err
	}
	return err
}

// kind gives what the error is for callers that know nothing of S3. An upload that is gone is not a
// missing object.
func kind(status int, code string) error {
	switch {
	case status == http.StatusNotFound && code != codeNoSuchUpload:
		return fs.ErrNotExist
	case status == http.StatusForbidden && code != codeArchived && !transient(code):
		return fs.ErrPermission
	}
	return nil
}

// permanent says that the same request fails again, later too: S3 has answered that it is at fault.
func permanent(status int, code string) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooManyRequests:
		return false
	}
	return status >= 300 && status < 500 && code != codeNoSuchUpload && !transient(code)
}

// transient knows the codes of requests that are in order although the status says 4xx: what was
// damaged on its way, came too slowly or too often, crossed another, or was signed with a wrong clock
// or credentials that have run out and are renewed.
func transient(code string) bool {
	switch code {
	case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody",
		"RequestTimeout", "SlowDown", "OperationAborted", "ConditionalRequestConflict",
		"RequestTimeTooSkewed", "ExpiredToken":
		return true
	}
	return strings.Contains(code, "Throttl")
}

// errorCode gives S3's code of an error, "" if it has none.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// status gives the HTTP status of a failed request, 0 if there was no answer.
func status(err error) int {
	var e *requestError
	if errors.As(err, &e) {
		return e.status
	}
	return 0
}
