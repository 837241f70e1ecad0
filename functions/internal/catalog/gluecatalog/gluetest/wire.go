package gluetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	contentType = "application/x-amz-json-1.1"
	target      = "AWSGlue."
)

// apiError is an error that Glue answers with.
type apiError struct {
	status        int
	code, message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func notFound(what, name string) error {
	return &apiError{400, "EntityNotFoundException", fmt.Sprintf("%s %s not found.", what, name)}
}

func alreadyExists(what string) error {
	return &apiError{400, "AlreadyExistsException", what + " already exists."}
}

func invalid(format string, args ...any) error {
	return &apiError{400, "InvalidInputException", fmt.Sprintf(format, args...)}
}

func tooMany(format string, args ...any) error {
	return &apiError{400, "ResourceNumberLimitExceededException", fmt.Sprintf(format, args...)}
}

// outOfRange is the error of what does not reach an operation, because the model of the API forbids
// it.
func outOfRange(field, constraint string) error {
	return &apiError{400, "ValidationException", fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must %s", field, constraint)}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	op, err := operationOf(r)
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	s.mu.Lock()
	hook := s.hook
	s.calls[op]++
	s.requests[op] = append(s.requests[op], body)
	s.mu.Unlock()
	if hook == nil {
		hook = func(string, When) *Fault { return nil }
	}

	before := hook(op, Before)
	if before != nil && before.item == nil {
		s.fail(w, r, before)
		return
	}
	out, err := s.call(op, body, before)
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	if after := hook(op, After); after != nil {
		if after.item == nil {
			s.fail(w, r, after)
			return
		}
		out = blame(out, body, after)
	}
	s.answer(w, out, nil)
}

// operationOf gives the operation that a request is for.
func operationOf(r *http.Request) (string, error) {
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		return "", &apiError{404, "UnknownOperationException", "want POST /"}
	case r.Header.Get("Content-Type") != contentType:
		return "", &apiError{400, "SerializationException", "want " + contentType}
	}
	authorization := r.Header.Get("Authorization")
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=") || !strings.Contains(authorization, "/glue/aws4_request,") {
		return "", &apiError{400, "MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	op, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if _, known := operations[op]; !ok || !known {
		return "", &apiError{400, "UnknownOperationException", ""}
	}
	return op, nil
}

// call does what a request is there for, except for the partitions that the fault exempts.
func (s *Server) call(op string, body []byte, exempt *Fault) (any, error) {
	in := input{exempt: exempt}
	if err := json.Unmarshal(body, &in.fields); err != nil {
		return nil, &apiError{400, "SerializationException", err.Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := operations[op](s, &in)
	if err == nil {
		err = in.err
	}
	return out, err
}

// fail answers as the fault says.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f *Fault) {
	if f.instead != nil {
		f.instead(s, w, r)
		return
	}
	s.answer(w, nil, &apiError{f.status, f.code, f.message})
}

func (s *Server) answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	var api *apiError
	if errors.As(err, &api) {
		status = api.status
		out = map[string]string{"__type": api.code, "Message": api.message}
	}
	data, err := json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("gluetest: answer: %v", err)) // a mistake in this package
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client may be gone
}

// object is a JSON object.
type object = map[string]any

// input is the body of a request. Its fields are taken one by one, and what is left over is an error:
// a field that this server does not know must not be ignored.
type input struct {
	fields map[string]json.RawMessage
	exempt *Fault // whose partitions fail
	table  string // that it is about, once that was taken
	err    error  // the first
}

// take gives a field, and whether it is there.
func take[T any](in *input, name string) (v T, ok bool) {
	raw, ok := in.fields[name]
	delete(in.fields, name)
	if !ok || string(raw) == "null" {
		return v, false
	}
	if err := json.Unmarshal(raw, &v); err != nil && in.err == nil {
		in.err = &apiError{400, "SerializationException", fmt.Sprintf("%s: %v", name, err)}
	}
	return v, true
}

// need is take for a field that must be there.
func need[T any](in *input, name string) T {
	v, ok := take[T](in, name)
	if !ok && in.err == nil {
		in.err = outOfRange(name, "not be null")
	}
	return v
}

// end gives the first error of the fields that were taken, and else one for a field that was not.
func (in *input) end() error {
	if in.err != nil {
		return in.err
	}
	for name := range in.fields {
		return &apiError{400, "UnknownOperationException", "gluetest does not know the field " + name}
	}
	return nil
}
