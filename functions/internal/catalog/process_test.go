package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"

	"github.com/flowlake/flowlake/functions/internal/catalog"
)

// processDir, if set, makes the test binary a process that adds partitions to the catalog there.
const processDir = "FLOWLAKE_TEST_CATALOG_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(processDir); dir != "" {
		if err := addDays(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const processDays = 60

// addDays adds the partitions of some days, one call each, starting somewhere among them. It writes
// a line when it is ready, and then the number of partitions that were new.
func addDays(dir string, w io.Writer) error {
	c, err := catalog.OpenLocal(dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "ready")
	sum := 0
	for i := range processDays {
		added, err := c.AddPartitions(context.Background(), example(), day((os.Getpid()*20+i)%processDays))
		if err != nil {
			return err
		}
		sum += added
	}
	fmt.Fprintln(w, sum)
	return nil
}

// TestProcesses has two processes add the same partitions at the same time: none is lost, and each
// is new to one of them only.
func TestProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The lock holds both back until both are there.
	if err := os.Mkdir(filepath.Join(dir, "_catalog"), 0o777); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(dir, "_catalog", "example.lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	var processes []*exec.Cmd
	var outputs []*bufio.Reader
	for range 2 {
		p := exec.CommandContext(t.Context(), self)
		p.Env = append(os.Environ(), processDir+"="+dir)
		p.Stderr = os.Stderr
		stdout, err := p.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		processes, outputs = append(processes, p), append(outputs, bufio.NewReader(stdout))
	}
	for _, output := range outputs {
		if line, err := output.ReadString('\n'); line != "ready\n" {
			t.Fatal(line, err)
		}
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}

	sum := 0
	for i, p := range processes {
		var added int
		if _, err := fmt.Fscan(outputs[i], &added); err != nil {
			t.Error(err)
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
		t.Logf("process %d added %d", i+1, added)
		sum += added
	}
	partitions, err := openLocal(t, dir).Partitions(t.Context(), example())
	if err != nil || len(partitions) != processDays || sum != processDays {
		t.Errorf("%d partitions (%v), of which %d were new to a process, want %d", len(partitions), err, sum, processDays)
	}
}
