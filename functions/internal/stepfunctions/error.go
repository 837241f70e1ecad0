package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
)

// callError is how a call failed, in one line: the SDK's own error says everything twice.
type callError struct {
	text      string
	permanent bool
	kind      error // fs.ErrPermission, or nil
	err       error
}

func (e *callError) Error() string        { return e.text }
func (e *callError) Unwrap() error        { return e.err }
func (e *callError) Is(target error) bool { return e.kind != nil && target == e.kind }

// Retryable says whether trying again may help.
func (e *callError) Retryable() bool { return !e.permanent }

// fail gives the error of a call that wanted op done. If ctx is done, that is the cause, whatever the
// SDK makes of it.
func fail(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &callError{text: err.Error(), err: err}
	var api smithy.APIError
	var sent *url.Error
	switch {
	case errors.As(err, &api):
		e.text = api.ErrorCode() + ": " + api.ErrorMessage()
		e.permanent = !passing(err, api)
		if api.ErrorCode() == "AccessDeniedException" {
			e.kind = fs.ErrPermission
		}
	case errors.As(err, &sent):
		e.text = sent.Error()
	}
	var spent *retry.MaxAttemptsError
	if errors.As(err, &spent) && spent.Attempt > 1 {
		e.text += fmt.Sprintf(" (%d attempts)", spent.Attempt)
	}
	e.text = op + ": " + strings.Join(strings.Fields(e.text), " ")
	return e
}

// passing says whether an error that Step Functions answered with may pass by itself.
func passing(err error, api smithy.APIError) bool {
	if _, throttled := retry.DefaultThrottleErrorCodes[api.ErrorCode()]; throttled {
		return true
	}
	// What was started may not be seen yet: reading is eventually consistent.
	if errors.As(err, new(*types.ExecutionDoesNotExist)) {
		return true
	}
	var status interface{ HTTPStatusCode() int }
	return errors.As(err, &status) && status.HTTPStatusCode() >= 500 || strings.HasPrefix(api.ErrorCode(), "ExpiredToken")
}
