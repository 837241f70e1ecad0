package gluecatalog_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/catalog/catalogtest"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
)

// TestMoto runs the contract suite on moto's server, which others wrote, so that the fake of the
// package gluetest cannot drift from Glue unseen. moto knows neither pages nor limits of batches,
// checks no partition's values, and keeps no partition indexes, of which the suite does not tell.
//
// FLOWLAKE_MOTO_SERVER is the path of the program moto_server, from the Python package moto[server].
// Where FLOWLAKE_CI is set the test must run.
func TestMoto(t *testing.T) {
	program := os.Getenv("FLOWLAKE_MOTO_SERVER")
	if program == "" {
		if os.Getenv("FLOWLAKE_CI") != "" {
			t.Fatal("FLOWLAKE_MOTO_SERVER is not set, though FLOWLAKE_CI is")
		}
		t.Skip("FLOWLAKE_MOTO_SERVER is not set")
	}
	url := startMoto(t, program)
	var databases atomic.Int64 // moto keeps what it is told
	catalogtest.Run(t, func(t *testing.T) catalogtest.Catalog {
		c, err := gluecatalog.New(gluecatalog.NewClient(config(url)), gluecatalog.Options{
			Database: fmt.Sprintf("lake_%d", databases.Add(1)),
			LakeURL:  lakeURL,
			Create:   true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

// startMoto starts moto's server on a free port, which it chooses, and gives its URL. It ends with the
// test.
func startMoto(t *testing.T, program string) string {
	t.Helper()
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
