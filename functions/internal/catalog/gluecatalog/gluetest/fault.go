package gluetest

import (
	"fmt"
	"net/http"
)

// Fault is a way in which a call fails.
type Fault struct {
	status        int
	code, message string
	// instead answers in a way of its own; nil gives status, code and message.
	instead func(s *Server, w http.ResponseWriter, r *http.Request)
	// item says which partitions of a batch fail, in an answer that succeeds; nil fails the call.
	item func(values []string) bool
}

// Throttled is Glue's answer to too many requests.
func Throttled() *Fault {
	return &Fault{status: 400, code: "ThrottlingException", message: "Rate exceeded"}
}

// TimedOut is Glue's answer if it took too long itself, a 400 though the request is not at fault.
func TimedOut() *Fault {
	return &Fault{status: 400, code: "OperationTimeoutException", message: "The operation timed out."}
}

// Internal is Glue's answer if it is out of order.
func Internal() *Fault {
	return &Fault{status: 500, code: "InternalServiceException", message: "An internal service error occurred."}
}

// Denied is the answer to what no IAM policy allows.
func Denied() *Fault {
	return &Fault{status: 400, code: "AccessDeniedException",
		message: "User: arn:aws:sts::123456789012:assumed-role/flowlake/convert is not authorized to perform this operation because no identity-based policy allows it"}
}

// LakeFormationDenied is the answer to what IAM allows and Lake Formation does not.
func LakeFormationDenied() *Fault {
	return &Fault{status: 400, code: "AccessDeniedException", message: "Insufficient Lake Formation permission(s): Required Alter on aga_flow_logs"}
}

// Answer is an answer with that status, code and message.
func Answer(status int, code, message string) *Fault {
	return &Fault{status: status, code: code, message: message}
}

// Success is an answer that says that the call succeeded, with that body, which may be anything.
func Success(body string) *Fault {
	return &Fault{instead: func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = fmt.Fprint(w, body)
	}}
}

// Items is an answer that succeeds, with an error for each partition of the batch whose values match
// says; match nil is all of them. Before, these partitions alone are left as they are; after, they were
// changed nonetheless. Operations on anything but batches do not fail.
func Items(code, message string, match func(values []string) bool) *Fault {
	if match == nil {
		match = func([]string) bool { return true }
	}
	return &Fault{code: code, message: message, item: match}
}

// Dropped closes the connection without an answer.
func Dropped() *Fault {
	return &Fault{instead: func(_ *Server, _ http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
	}}
}

// Cut closes the connection in the middle of an answer.
func Cut() *Fault {
	return &Fault{instead: func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprint(w, `{"Errors": [`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}}
}

// Silent does not answer until the client gives up, or the server is closed.
func Silent() *Fault {
	return &Fault{instead: func(s *Server, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		panic(http.ErrAbortHandler)
	}}
}
