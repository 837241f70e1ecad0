package commands

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReplayKilled kills a replay five times, at any moment, and has its journal go on with it. Then the
// lake is what an undisturbed replay makes, and verify finds nothing missing and nothing twice.
//
// FLOWLAKE_REPLAY_OBJECTS is the number of objects, for those who want it on a larger scale.
func TestReplayKilled(t *testing.T) {
	objects := 576
	if n := os.Getenv("FLOWLAKE_REPLAY_OBJECTS"); n != "" {
		var err error
		if objects, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	const perAccelerator = 288 // a log in five minutes
	records := 50 * objects
	c := newCLI(t)
	c.run(done, "synth", "--out", "s3://logs/many", "--day", "2026-01-09", "--records", fmt.Sprint(records), "--accelerators", fmt.Sprint(objects/perAccelerator))
	const lake = "s3://lake/killed"
	c.run(done, "table", "create", "--lake", lake)
	journal := filepath.Join(c.dir, "journal")
	replay := []string{"replay", "s3://logs/many", "--lake", lake, "--workers", "2", "--journal", journal}

	random := rand.New(rand.NewPCG(6, 5))
	for killed := 0; killed < 5; killed++ {
		cmd, _, stderr := c.command(replay...)
		before := c.written()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		// After some objects, so that there is something to go on with, and then at any moment; but twice
		// while it may not have got as far as that.
		for wait := 1 + random.IntN(objects/10); killed%2 == 0 && c.written() < before+wait && len(ended) == 0; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		_ = cmd.Process.Kill()
		if err := <-ended; cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("run %d ended by itself: %v\n%s", killed, err, stderr)
		}
	}
	out, _ := c.run(done, replay...)
	if !strings.Contains(out, " done before") {
		t.Errorf("the last run says\n%s", out)
	}
	t.Logf("the last run says\n%s", out)

	c.run(done, "table", "create", "--lake", "s3://lake/whole", "--database", "whole")
	whole, _ := c.run(done, "replay", "s3://logs/many", "--lake", "s3://lake/whole", "--database", "whole")
	t.Logf("an undisturbed one says\n%s", whole)
	killed, undisturbed := map[string][32]byte{}, map[string][32]byte{}
	for key, sum := range c.tree("lake") {
		if rest, ok := strings.CutPrefix(key, "killed/"); ok {
			killed[rest] = sum
		} else if rest, ok := strings.CutPrefix(key, "whole/"); ok {
			undisturbed[rest] = sum
		}
	}
	for key, sum := range undisturbed {
		if killed[key] != sum {
			t.Errorf("%s is missing or another", key)
		}
		delete(killed, key)
	}
	for key := range killed {
		t.Errorf("%s is too much", key)
	}

	proof, _ := c.run(done, "verify", "s3://logs/many", "--lake", lake)
	t.Logf("verify says\n%s", proof)
	if answer, _ := c.run(done, "query", "--lake", lake, "--cache", filepath.Join(c.dir, "cache"), "--format", "csv", "SELECT count(*) AS n FROM aga_flow_logs"); answer != fmt.Sprintf("n\n%d\n", records) {
		t.Errorf("the lake answers %q, want %d", answer, records)
	}
}

// written counts the outputs that were written so far.
func (c *cli) written() int { return c.proxy.Count("PutObject") }
