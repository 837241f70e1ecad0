package gluecatalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/flowlake/flowlake/functions/internal/catalog"
)

// Error is how a call on Glue failed. A table that is missing or that differs from its declaration
// is a [*catalog.TableError] instead.
type Error struct {
	// Op is what was to be done, such as "read table".
	Op string
	// Name is what it was to be done with: a database, or a table as database.table.
	Name string
	// Err is the cause. It is fs.ErrPermission if AWS denies access, and a context's error if that
	// ended the call.
	Err error
	// Permanent says that trying again cannot help.
	Permanent bool
}

// Error gives all of it in one line.
func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Name, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says whether trying again may help. It may against what was still throttled, timed out
// or out of order after all attempts.
func (e *Error) Retryable() bool { return !e.Permanent }

// Throttled says that Glue was asked too often: the same request fares better later, and all requests
// do if there are fewer of them.
func (e *Error) Throttled() bool {
	var item *itemError
	if errors.As(e.Err, &item) {
		return throttling(item.code)
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(e.Err, &status) && (status.HTTPStatusCode() == 503 || status.HTTPStatusCode() == 429) {
		return true
	}
	var api smithy.APIError
	return errors.As(e.Err, &api) && throttling(api.ErrorCode())
}

func throttling(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || strings.Contains(code, "Throttl")
}

// cause is an error of the SDK's with words of our own.
type cause struct {
	text string
	errs []error
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.errs }

// fail gives the error of a call that wanted op done with a table; "" stands for the database. What is
// remembered of a table that is missing is forgotten.
func (c *Catalog) fail(ctx context.Context, op, table string, err error) error {
	e := &Error{Op: op, Name: c.database}
	if table != "" {
		e.Name += "." + table
	}
	var api smithy.APIError
	isAPI := errors.As(err, &api)
	switch {
	case !isAPI && ctx.Err() != nil:
		e.Err = ctx.Err()
	case table != "" && errors.As(err, new(*types.EntityNotFoundException)):
		c.memory(table).drop()
		return &catalog.TableError{Table: table, Err: fmt.Errorf("%w in Glue database %s (%s); flowlake table create makes it",
			catalog.ErrNoTable, c.database, oneLine(api.ErrorMessage()))}
	case isAPI && api.ErrorCode() == "AccessDeniedException":
		e.Err = &cause{denial(describe(err, api), api.ErrorMessage()), []error{fs.ErrPermission, err}}
		e.Permanent = true
	case isAPI:
		e.Err = &cause{describe(err, api), []error{err}}
		e.Permanent = !passing(err, api)
	default:
		// Without its chain, in which an attempt that timed out passes for the end of the context.
		e.Err = errors.New(describeOther(err))
	}
	return e
}

// passing says whether an error that Glue answered with may pass by itself.
func passing(err error, api smithy.APIError) bool {
	if slices.Contains(passingCodes, api.ErrorCode()) || errors.As(err, new(*retry.MaxAttemptsError)) {
		return true
	}
	// Credentials that have run out are new in the next call.
	if strings.HasPrefix(api.ErrorCode(), "ExpiredToken") {
		return true
	}
	var status interface{ HTTPStatusCode() int }
	return errors.As(err, &status) && (status.HTTPStatusCode() >= 500 || status.HTTPStatusCode() == 429)
}

// describe gives an error that Glue answered with in one line: operation, code, message, and what
// AWS wants to know if it is asked.
func describe(err error, api smithy.APIError) string {
	var b strings.Builder
	var op *smithy.OperationError
	if errors.As(err, &op) {
		b.WriteString(op.OperationName + ": ")
	}
	var status interface{ HTTPStatusCode() int }
	if api.ErrorCode() == "UnknownError" && errors.As(err, &status) { // the SDK's word for none
		fmt.Fprintf(&b, "HTTP status %d", status.HTTPStatusCode())
	} else {
		b.WriteString(api.ErrorCode() + ": " + oneLine(api.ErrorMessage()))
	}
	var about []string
	var attempts *retry.MaxAttemptsError
	if errors.As(err, &attempts) {
		about = append(about, fmt.Sprintf("%d attempts", attempts.Attempt))
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(err, &request) && request.ServiceRequestID() != "" {
		about = append(about, "request "+request.ServiceRequestID())
	}
	if about != nil {
		fmt.Fprintf(&b, " (%s)", strings.Join(about, ", "))
	}
	return b.String()
}

// denial gives the text of a denied access: what describes it and, apart from that, AWS's message. A
// denial of Lake Formation's looks like one of IAM's, and no IAM policy mends it; only the message
// tells.
func denial(text, message string) string {
	if !strings.Contains(message, "Lake Formation permission") {
		return "access denied: " + text
	}
	return "access denied by Lake Formation, which no IAM policy can grant: " + text +
		"; grant the caller that permission in Lake Formation, on the table or database that it names, or for an s3:// location DATA_LOCATION_ACCESS"
}

// describeOther gives an error that no answer came with in one line.
func describeOther(err error) string {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return oneLine(err.Error())
	}
	inner := op.Err
	var attempts *retry.MaxAttemptsError
	tries := ""
	if errors.As(err, &attempts) {
		inner = attempts.Err
		tries = fmt.Sprintf(" (%d attempts)", attempts.Attempt)
	}
	var request *url.Error
	if errors.As(inner, &request) {
		inner = request
	}
	return op.OperationName + ": " + oneLine(inner.Error()) + tries
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
