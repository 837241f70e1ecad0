package runtimeapi

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// handler serves the API to the process.
func (e *Environment) handler() http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", e.next)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { e.response(w, r, false) })
	mux.HandleFunc("POST "+base+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { e.response(w, r, true) })
	mux.HandleFunc("POST "+base+"init/error", e.initFailed)
	return mux
}

// next gives the process its next invocation, when there is one.
func (e *Environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	busy := e.current != nil
	e.mu.Unlock()
	if busy {
		answer(w, http.StatusForbidden, "InvalidStateTransition", "the current invocation has no response yet")
		return
	}
	select {
	case e.asked <- struct{}{}:
	default:
	}
	select {
	case i := <-e.pending:
		e.mu.Lock()
		e.current = i
		e.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", e.function.arn())
		h.Set("Lambda-Runtime-Trace-Id", i.trace)
		_, _ = w.Write(i.payload) // a process that is gone is noticed by its end
	case <-r.Context().Done():
	}
}

// response takes the outcome of the current invocation.
func (e *Environment) response(w http.ResponseWriter, r *http.Request, isError bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the process was killed while it sent it
	}
	arrived := time.Now()
	e.mu.Lock()
	i := e.current
	e.mu.Unlock()
	if i == nil || i.id != r.PathValue("id") {
		answer(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	if hook := e.function.OnResponse; hook != nil {
		hook(e, Before)
	}
	result := Result{RequestID: i.id, Payload: body, Duration: arrived.Sub(i.begin)}
	status := http.StatusAccepted
	switch {
	case len(body) > maxPayload:
		status = http.StatusRequestEntityTooLarge
		result.Payload = nil
		result.FunctionError = &FunctionError{"Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (" + strconv.Itoa(maxPayload) + " bytes)."}
	case isError:
		kind, message := parseError(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
		result.FunctionError = &FunctionError{kind, message}
	}
	e.PeakRSS()
	if !e.take(i, result) {
		panic(http.ErrAbortHandler) // it is as if the process had been killed before it sent it
	}
	if hook := e.function.OnResponse; hook != nil {
		hook(e, After)
	}
	if status != http.StatusAccepted {
		answer(w, status, "RequestEntityTooLarge", "Exceeded maximum allowed payload size ("+strconv.Itoa(maxPayload)+" bytes).")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

// take makes a result the outcome of an invocation, unless it is over already.
func (e *Environment) take(i *invocation, result Result) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.killed || i.over {
		return false
	}
	i.over, i.result, e.current = true, result, nil
	close(i.done)
	return true
}

// initFailed takes why the process cannot start. It is expected to end then.
func (e *Environment) initFailed(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxPayload)) // what came is what there is to tell
	e.mu.Lock()
	e.initError = body
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

// answer gives an error to the process.
func answer(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

// parseError gives type and message of an error that a process sent. What is no JSON is the message.
func parseError(body []byte, kind string) (string, string) {
	var e struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(body, &e) != nil {
		return kind, string(body)
	}
	if e.ErrorType == "" {
		e.ErrorType = kind
	}
	return e.ErrorType, e.ErrorMessage
}
