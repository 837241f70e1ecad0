package runtimeapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// Result is the outcome of an invocation that the function answered.
type Result struct {
	// RequestID is what the function was told.
	RequestID string
	// Payload is the response, or the error's JSON as the function sent it.
	Payload []byte
	// FunctionError is the error that the function answered with, or nil.
	FunctionError *FunctionError
	// Duration is the time from handing over the payload to the whole response.
	Duration time.Duration
	// InitDuration is how long the environment's start took, if a [Fleet] started it for this
	// invocation, else 0.
	InitDuration time.Duration
}

// FunctionError is an error that a function answered with.
type FunctionError struct {
	Type, Message string
}

// Error gives both.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// ExitError says that the process ended without a response.
type ExitError struct {
	// Function is the function's name.
	Function string
	// RequestID is the invocation's.
	RequestID string
	// Delivered says whether the process had been given the invocation.
	Delivered bool
	// State is how the process ended, such as "exit status 1" or "signal: killed".
	State string
	// Output is the end of what the process wrote to its standard output and error.
	Output string
}

// Error gives all of it.
func (e *ExitError) Error() string {
	return fmt.Sprintf("invoke function %s: request %s: runtime exited: %s%s", e.Function, e.RequestID, e.State, withOutput(e.Output))
}

// TimeoutError says that the function gave no response in time, and was killed.
type TimeoutError struct {
	// Function is the function's name.
	Function string
	// RequestID is the invocation's.
	RequestID string
	// Timeout is the time that it had.
	Timeout time.Duration
}

// Error gives all of it.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("invoke function %s: request %s: timed out after %v", e.Function, e.RequestID, e.Timeout)
}

// invocation is one of them on its way through the environment.
type invocation struct {
	id, trace       string
	payload         []byte
	begin, deadline time.Time
	done            chan struct{} // closed when result is set

	over   bool // no response is taken any more; guarded by the environment
	result Result
}

// Invoke gives the process an invocation and waits for its outcome. Invocations of several goroutines
// wait for each other.
//
// An error that the function answered with is part of the result. An error is returned if there was
// no answer: an [*ExitError] if the process ended, a [*TimeoutError] if it took too long, the context's
// error if that ended; the process is killed then, in the last two cases by Invoke itself.
func (e *Environment) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if len(payload) > maxPayload {
		return Result{}, fmt.Errorf("invoke function %s: payload of %d bytes, Lambda takes %d", e.function.Name, len(payload), maxPayload)
	}
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke function %s: %w", e.function.Name, ctx.Err())
	}
	select {
	case <-e.asked: // left over if the process asked twice
	default:
	}
	i := &invocation{
		id:      uuid(),
		trace:   fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hexadecimal(12), hexadecimal(8)),
		payload: payload,
		done:    make(chan struct{}),
	}
	i.begin = time.Now()
	i.deadline = i.begin.Add(e.function.Timeout)
	timeout := time.NewTimer(e.function.Timeout)
	defer timeout.Stop()
	if !e.Alive() {
		return Result{RequestID: i.id}, e.exit(i, false)
	}
	select {
	case e.pending <- i:
	case <-e.exited:
		return Result{RequestID: i.id}, e.exit(i, false)
	case <-timeout.C: // it does not ask
		e.Kill()
		return Result{RequestID: i.id}, &TimeoutError{e.function.Name, i.id, e.function.Timeout}
	case <-ctx.Done():
		return Result{RequestID: i.id}, fmt.Errorf("invoke function %s: %w", e.function.Name, ctx.Err())
	}
	return e.await(ctx, i, timeout.C)
}

// await waits for the outcome of an invocation, and then until the process is ready again or gone.
func (e *Environment) await(ctx context.Context, i *invocation, timeout <-chan time.Time) (Result, error) {
	var failure error
	select {
	case <-i.done:
	case <-e.exited:
	case <-timeout:
		failure = &TimeoutError{e.function.Name, i.id, e.function.Timeout}
	case <-ctx.Done():
		failure = fmt.Errorf("invoke function %s: request %s: %w", e.function.Name, i.id, ctx.Err())
	}
	e.mu.Lock()
	answered := i.over
	i.over = true
	e.mu.Unlock()
	if !answered {
		if failure == nil {
			return Result{RequestID: i.id}, e.exit(i, true)
		}
		e.Kill()
		return Result{RequestID: i.id}, failure
	}
	if failure != nil { // it came in the same moment
		e.Kill()
		return i.result, nil
	}
	select {
	case <-e.asked:
	case <-e.exited:
	case <-timeout:
		e.Kill()
	case <-ctx.Done():
		e.Kill()
	}
	return i.result, nil
}

// exit says that the process ended before an invocation had a response.
func (e *Environment) exit(i *invocation, delivered bool) error {
	state, tail := e.end()
	return &ExitError{e.function.Name, i.id, delivered, state, tail}
}

// hexadecimal gives n random bytes in hexadecimal.
func hexadecimal(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// uuid gives a random identifier in the form of Lambda's request ids.
func uuid() string {
	h := hexadecimal(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}
