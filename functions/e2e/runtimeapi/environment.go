package runtimeapi

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Environment is an execution environment: a process and the API that it is served by. Its methods
// may be called by several goroutines.
type Environment struct {
	// InitDuration is the time from the start of the process to its first request for an invocation.
	InitDuration time.Duration

	function Function
	server   *http.Server
	command  *exec.Cmd
	output   *output
	exited   chan struct{} // closed when the process has ended
	drained  chan struct{} // closed when all of its output was taken too

	turn    chan struct{}    // held by Invoke
	pending chan *invocation // from Invoke to the request for it
	asked   chan struct{}    // holds a token if the process asked for its next invocation

	mu        sync.Mutex
	current   *invocation // what the process works at
	killed    bool        // nothing that the process still says counts
	initError []byte      // what the process sent to /init/error
	peak      int64
}

// Start starts an execution environment and waits until it asks for an invocation. The context is
// that of the start alone; the environment runs until [Environment.Stop], or until the process of the
// test ends in whatever way. A process that does not get that far is an [*InitError].
func (f Function) Start(ctx context.Context) (*Environment, error) {
	f, err := f.withDefaults()
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, fmt.Errorf("start function %s: %w", f.Name, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start function %s: %w", f.Name, err)
	}
	e := &Environment{
		function: f,
		output:   &output{logs: f.Logs},
		exited:   make(chan struct{}),
		drained:  make(chan struct{}),
		turn:     make(chan struct{}, 1),
		pending:  make(chan *invocation),
		asked:    make(chan struct{}, 1),
	}
	e.server = &http.Server{Handler: e.handler(), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = e.server.Serve(listener) }() // until Close

	begin := time.Now()
	if err := e.run(listener.Addr().String()); err != nil {
		e.server.Close()
		return nil, fmt.Errorf("start function %s: %w", f.Name, err)
	}
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	failed := &InitError{Function: f.Name, Type: "Runtime.ExitError"}
	select {
	case <-e.asked:
		e.InitDuration = time.Since(begin)
		return e, nil
	case <-e.exited:
	case <-limit.C:
		failed.Type, failed.Err = "Sandbox.Timedout", fmt.Errorf("no request for an invocation in %v", initLimit)
	case <-ctx.Done():
		failed.Type, failed.Err = "", ctx.Err()
	}
	e.Stop()
	failed.State, failed.Output = e.end()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		failed.Type, failed.Message = parseError(e.initError, failed.Type)
	}
	return nil, failed
}

// run starts the process.
func (e *Environment) run(api string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	e.command = exec.Command(e.function.Bootstrap)
	e.command.Dir = filepath.Dir(e.function.Bootstrap)
	e.command.Env = e.function.environ(api)
	// A pipe of our own, so that the end of the process is noticed though its output is not yet taken:
	// whoever takes it may be the one that kills the process.
	e.command.Stdout, e.command.Stderr = w, w
	e.command.SysProcAttr = diesWithUs()

	started := make(chan error)
	go func() {
		// The process is killed when the thread that started it ends, so that one must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := e.command.Start()
		started <- err
		if err != nil {
			return
		}
		_ = e.command.Wait() // its result is in ProcessState
		close(e.exited)
	}()
	err = <-started
	w.Close()
	if err != nil {
		r.Close()
		return err
	}
	go func() {
		defer close(e.drained)
		defer r.Close()
		_, _ = io.Copy(e.output, r)
		e.output.flush()
	}()
	return nil
}

// Kill ends the process with SIGKILL. When it returns, the process does nothing more, and an invocation
// whose response was not taken yet has failed. It may be called by any goroutine at any time, by hooks
// too, and again.
func (e *Environment) Kill() {
	e.mu.Lock()
	e.killed = true
	e.mu.Unlock()
	e.PeakRSS()
	_ = e.command.Process.Kill() // an error says that it has ended already
	<-e.exited
}

// Stop kills the process and closes the API. Stopping again does nothing.
func (e *Environment) Stop() {
	e.Kill()
	e.server.Close()
}

// Alive says whether the process runs.
func (e *Environment) Alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// PeakRSS gives the most memory that the process had resident so far, in bytes: VmHWM of
// /proc/<pid>/status. It is taken at every response and before a kill, so that it is known of a process
// that has ended, but for one that ended by itself it may lack what came after its last response. It
// is 0 where there is no such file.
func (e *Environment) PeakRSS() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Alive() {
		e.peak = max(e.peak, peakRSS(e.command.Process.Pid))
	}
	return e.peak
}

// end says how the process has ended and gives the end of its output.
func (e *Environment) end() (state, tail string) {
	<-e.exited
	select {
	case <-e.drained:
	case <-time.After(time.Second): // a child of the process holds its output open
	}
	return e.command.ProcessState.String(), e.output.tailString()
}

// InitError says why an environment did not start.
type InitError struct {
	// Function is the function's name.
	Function string
	// Type and Message are what the process sent to /runtime/init/error. Without that, Type is
	// Runtime.ExitError or Sandbox.Timedout, as Lambda calls them, or "" if the context ended.
	Type, Message string
	// State is how the process ended, such as "exit status 1".
	State string
	// Output is the end of what the process wrote to its standard output and error.
	Output string
	// Err is why it was not waited for any longer, or nil.
	Err error
}

// Error gives all of it.
func (e *InitError) Error() string {
	s := fmt.Sprintf("start function %s: %s", e.Function, e.State)
	if e.Type != "" {
		s += ": " + e.Type
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + withOutput(e.Output)
}

// Unwrap gives the cause.
func (e *InitError) Unwrap() error { return e.Err }

// withOutput gives a process's output as the end of an error message.
func withOutput(output string) string {
	if output == "" {
		return ""
	}
	return "\n" + output
}
