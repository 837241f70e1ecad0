// Package mototest starts moto's server, which others wrote, as a stand-in for services of AWS that
// know nothing of ours.
//
// It is the program moto_server of the Python package moto[server], which make ci installs.
package mototest

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// Start starts moto's server on a free port of the loopback interface, which it chooses, and gives its
// URL. It ends with the test. FLOWLAKE_MOTO_SERVER, of the environment that getenv reads, is the
// program's path. Without it the test is skipped, or fails where FLOWLAKE_CI is set.
func Start(t *testing.T, getenv func(name string) string) string {
	t.Helper()
	program := getenv("FLOWLAKE_MOTO_SERVER")
	if program == "" {
		if getenv("FLOWLAKE_CI") != "" {
			t.Fatal("FLOWLAKE_MOTO_SERVER is not set, though FLOWLAKE_CI is")
		}
		t.Skip("FLOWLAKE_MOTO_SERVER is not set")
	}
	cmd := exec.CommandContext(t.Context(), program, "-H", "127.0.0.1", "-p", "0")
	cmd.WaitDelay = 5 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { <-ended }) // after t.Context, which kills it
	url := make(chan string, 1)
	go func() {
		defer close(ended)
		defer close(url)
		// It listens already when it says so.
		running := regexp.MustCompile(`Running on (http://[0-9.:]+)`)
		lines := bufio.NewScanner(stderr)
		said := ""
		for lines.Scan() {
			if m := running.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
				break
			}
			said += lines.Text() + "\n"
		}
		_, _ = io.Copy(io.Discard, stderr) // it logs every request
		if err := cmd.Wait(); t.Context().Err() == nil {
			t.Errorf("%s ended: %v\n%s", program, err, said)
		}
	}()
	select {
	case u := <-url:
		if u == "" {
			t.FailNow()
		}
		return u
	case <-time.After(time.Minute):
		t.Fatalf("%s does not listen after a minute", program)
	}
	return ""
}
