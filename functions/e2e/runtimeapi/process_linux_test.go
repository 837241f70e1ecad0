package runtimeapi_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestProcessDiesWithTheTest kills a process that runs a function, and looks for the function.
func TestProcessDiesWithTheTest(t *testing.T) {
	f := function(t)
	parent := exec.Command(f.Bootstrap)
	parent.Env = append(os.Environ(), initVariable+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	_, err = fmt.Fscan(out, &child)
	if err != nil || child == 0 || !runs(child) {
		t.Errorf("no child was started: process %d, %v", child, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = parent.Wait() // it was killed
	for deadline := time.Now().Add(20 * time.Second); runs(child); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d runs after its parent was killed", child)
		}
	}
}

// runs says whether a process is there and not a zombie that nobody has waited for.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := stat[bytes.LastIndexByte(stat, ')')+1:]
	return !bytes.HasPrefix(state, []byte(" Z")) && !bytes.HasPrefix(state, []byte(" X"))
}
