package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrStopped is given by a [Fleet] that is stopped.
var ErrStopped = errors.New("fleet is stopped")

// Fleet is a function with as many execution environments as are needed at once. An environment is
// used again while it lives, and replaced when it has died, as in Lambda. It may be shared by
// goroutines.
type Fleet struct {
	function Function
	ctx      context.Context // ends when the fleet is stopped
	cancel   context.CancelFunc
	slots    chan struct{} // one for each invocation under way
	stopping sync.Mutex

	mu     sync.Mutex
	idle   []*Environment
	living []*Environment // the idle and the busy ones
	starts int
	peak   int64
}

// NewFleet gives a fleet of at most n environments, and starts none. Its owner stops it.
func NewFleet(f Function, n int) *Fleet {
	if f.Logs == nil {
		f.Logs = io.Discard
	}
	f.Logs = &lockedWriter{w: f.Logs}
	fleet := &Fleet{function: f, slots: make(chan struct{}, max(n, 1))}
	fleet.ctx, fleet.cancel = context.WithCancel(context.Background())
	return fleet
}

// Invoke is [Environment.Invoke] on an environment that is free, or on a new one, for which it may give
// an [*InitError]. While all are busy it waits, where Lambda would refuse: it is for the caller to
// keep within a concurrency. An environment that died while it was idle is not noticed: another one
// gets the invocation.
func (f *Fleet) Invoke(ctx context.Context, payload []byte) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.ctx, func() { cancel(ErrStopped) })()
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke function %s: %w", f.function.Name, context.Cause(ctx))
	}
	for {
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("invoke function %s: %w", f.function.Name, context.Cause(ctx))
		}
		e, cold, err := f.take(ctx)
		if err != nil {
			return Result{}, stopped(ctx, err)
		}
		result, err := e.Invoke(ctx, payload)
		f.giveBack(e)
		var exit *ExitError
		if errors.As(err, &exit) && !exit.Delivered && ctx.Err() == nil {
			continue
		}
		if err == nil && cold {
			result.InitDuration = e.InitDuration
		}
		return result, stopped(ctx, err)
	}
}

// Respond is Invoke as an event source sees it: it gives the response, and an error that the function
// answered with is one like any other, a [*FunctionError].
func (f *Fleet) Respond(ctx context.Context, payload []byte) ([]byte, error) {
	result, err := f.Invoke(ctx, payload)
	if err != nil {
		return nil, err
	}
	if result.FunctionError != nil {
		return nil, fmt.Errorf("invoke function %s: request %s: %w", f.function.Name, result.RequestID, result.FunctionError)
	}
	return result.Payload, nil
}

// stopped says of an error that the fleet was stopped, if that is its reason.
func stopped(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrStopped) {
		return errors.Join(ErrStopped, err)
	}
	return err
}

// take gives the environment that was used last, or a new one.
func (f *Fleet) take(ctx context.Context) (e *Environment, cold bool, err error) {
	f.mu.Lock()
	for len(f.idle) > 0 && e == nil {
		last := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if last.Alive() {
			e = last
		} else {
			f.forget(last)
		}
	}
	f.mu.Unlock()
	if e != nil {
		return e, false, nil
	}
	if e, err = f.function.Start(ctx); err != nil {
		return nil, false, err
	}
	f.mu.Lock()
	f.living = append(f.living, e)
	f.starts++
	f.mu.Unlock()
	return e, true, nil
}

// giveBack makes an environment free, if it lives.
func (f *Fleet) giveBack(e *Environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Alive() {
		f.idle = append(f.idle, e)
		return
	}
	f.forget(e)
}

// forget removes an environment. The fleet is locked.
func (f *Fleet) forget(e *Environment) {
	f.peak = max(f.peak, e.PeakRSS())
	f.living = slices.DeleteFunc(f.living, func(l *Environment) bool { return l == e })
	e.Stop()
}

// Kill kills the processes of all environments, as [Environment.Kill] does. Those that invocations
// need afterwards are new ones.
func (f *Fleet) Kill() {
	f.mu.Lock()
	living := slices.Clone(f.living)
	f.mu.Unlock()
	for _, e := range living {
		e.Kill()
	}
}

// Starts gives how many environments were started.
func (f *Fleet) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// PeakRSS gives the largest [Environment.PeakRSS] of all environments that ever were, in bytes.
func (f *Fleet) PeakRSS() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.living {
		f.peak = max(f.peak, e.PeakRSS())
	}
	return f.peak
}

// Stop ends all environments and waits for the invocations, which fail with [ErrStopped]. Stopping
// again does nothing. Unlike Kill, it is not for hooks: it would wait for itself.
func (f *Fleet) Stop() {
	f.stopping.Lock()
	defer f.stopping.Unlock()
	f.cancel()
	for range cap(f.slots) {
		f.slots <- struct{}{}
	}
	f.mu.Lock()
	for len(f.living) > 0 {
		f.forget(f.living[0])
	}
	f.idle = nil
	f.mu.Unlock()
	for range cap(f.slots) {
		<-f.slots
	}
}
