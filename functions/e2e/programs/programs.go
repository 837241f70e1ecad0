// Package programs compiles what the end-to-end tests run: the Lambda's bootstrap and the command line.
//
// Each is compiled when a test asks for it first, into a directory of the process. FLOWLAKE_PROGRAMS, if it
// is set, names a directory of several processes instead, in which what one of them compiled is there for
// the others; whoever sets it removes it.
package programs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// own is the directory of this process.
var own struct {
	sync.Mutex
	dir string // "" before a program was compiled
}

// Main runs the tests of a package, removes what was compiled for them alone, and gives the exit code.
func Main(m *testing.M) int {
	defer func() {
		if own.dir != "" {
			os.RemoveAll(own.dir)
		}
	}()
	return m.Run()
}

// Bootstrap gives the path of the Lambda's program, which has the race detector if the tests have.
func Bootstrap(t testing.TB) string {
	t.Helper()
	if raceEnabled {
		return program(t, "bootstrap-race", "CGO_ENABLED=1", "-race", "-tags", "lambda.norpc", "./functions/convert")
	}
	return program(t, "bootstrap", "CGO_ENABLED=0", "-tags", "lambda.norpc", "-ldflags", "-s -w", "./functions/convert")
}

// Flowlake gives the path of the command line.
func Flowlake(t testing.TB) string {
	t.Helper()
	return program(t, "flowlake", "CGO_ENABLED=1", "./functions/flowlake")
}

// program gives the path of a program, which it compiles if it is not there.
func program(t testing.TB, name, env string, args ...string) string {
	t.Helper()
	own.Lock()
	defer own.Unlock()
	dir := os.Getenv("FLOWLAKE_PROGRAMS")
	if dir == "" {
		if own.dir == "" {
			var err error
			if own.dir, err = os.MkdirTemp("", "flowlake-programs-"); err != nil {
				t.Fatal(err)
			}
		}
		dir = own.dir
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	// Another process may do the same: a program is there whole, or not at all.
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.Command("go", append([]string{"build", "-trimpath", "-o", part}, args...)...)
	build.Dir = root()
	build.Env = append(os.Environ(), env)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	if err := os.Rename(part, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// root gives the directory of the module of what is tested. The working directory would not tell: a
// gateway changes it.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// ExitCode gives the exit code of a program that was run with that error; another error fails the test.
func ExitCode(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}
