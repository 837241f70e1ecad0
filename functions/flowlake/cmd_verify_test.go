package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

func TestVerifyRefusesWrongFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "2", "--single", "a.log.gz")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	for _, test := range []struct {
		code   exitCode
		stderr string
		args   string
	}{
		{exitUsage, "requires at least 1 arg", "verify --lake lake"},
		{exitUsage, "--lake: want a directory", "verify logs"},
		{exitUsage, `--from: want a date such as 2026-01-09 or an instant`, "verify logs --lake lake --from today"},
		{exitUsage, `--to: want a date such as 2026-01-09 or an instant`, "verify logs --lake lake --to 2026-1-9"},
		{exitUsage, "--to: want 2026-01-09 or later, as --from says, have 2026-01-08", "verify logs --lake lake --from 2026-01-09 --to 2026-01-08"},
		{exitUsage, `sum: want a column of integers of aga_flow_logs, have "clientip"`, "verify logs --lake lake --sum bytes,clientip"},
		{exitUsage, `--format: want text or json, have "xml"`, "verify logs --lake lake --format xml"},
		{exitUsage, "--workers: want at least 1, have 0", "verify logs --lake lake --workers 0"},
		{exitUsage, "--max-line: want at least 1, have 0", "verify logs --lake lake --max-line 0"},
		{exitUsage, "--findings: want at least 1, have 0", "verify logs --lake lake --findings 0"},
		{exitUsage, "--codec: want --fix with it", "verify logs --lake lake --codec snappy"},
		{exitUsage, "--sort-rows: want --fix with it", "verify logs --lake lake --sort-rows 5"},
		{exitUsage, "--row-group-rows: want --fix with it", "verify logs --lake lake --row-group-rows 5"},
		{exitUsage, "--standard-gunzip: want --fix with it", "verify logs --lake lake --standard-gunzip"},
		{exitUsage, "--kms-key: want --fix with it", "verify logs --lake lake --kms-key alias/key"},
		{exitUsage, "--late: want a duration such as 24h, have -1s", "verify logs --lake lake --late -1s"},
		{exitUsage, "--late: want --from and --to with it", "verify logs --lake lake --late 1h --from 2026-01-09"},
		{exitUsage, `--account: want 12 digits, have "1"`, "verify logs --lake lake --account 1"},
		{exitUsage, "--accelerator: want the identifier", "verify logs --lake lake --accelerator a/b"},
		{exitUsage, `codec: want one of`, "verify logs --lake lake --fix --codec lzo"},
		{exitUsage, "want a path or an s3:// URL", "verify gs://bucket --lake lake"},
		{exitFailed, "is no lake", "verify logs --lake elsewhere"},
		{exitFailed, "stat missing: no such file", "verify missing --lake lake"},
	} {
		_, stderr := flowlake(t, test.code, strings.Fields(test.args)...)
		if !strings.Contains(stderr, test.stderr) {
			t.Errorf("flowlake %s: %q, want %q", test.args, stderr, test.stderr)
		}
	}
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("verify made a lake")
	}
}

func TestVerifyEndsWhenInterruptedAndSaysWhenItCannotPrint(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "2000")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	before := files(t, ".")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"verify", "logs", "--lake", "lake", "--fix"}, strings.NewReader(""), &stdout, &stderr)
	if code != int(exitInterrupted) || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d, %s%s", code, &stdout, &stderr)
	}
	for _, format := range []string{formatText, formatJSON} {
		stderr.Reset()
		code = run(t.Context(), []string{"verify", "logs", "--lake", "lake", "--format", format}, strings.NewReader(""), full{}, &stderr)
		if code != int(exitFailed) || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("exit code %d, %s", code, &stderr)
		}
	}
	if after := files(t, "."); len(after) != len(before) {
		t.Errorf("%d files, before %d", len(after), len(before))
	}
}

// What ends verify early is said, with what was verified until then.
func TestVerifySaysHowFarItCame(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "20", "--single", "a.log.gz")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	stdout, stderr := flowlake(t, exitFailed, "verify", "logs", "missing", "--lake", "lake", "--workers", "1")
	for _, want := range []string{"\nobjects     1 found:", "incomplete  find source \"missing\": ", "findings    none in what was verified, which is not all\n"} {
		if !strings.Contains("\n"+stdout, want) {
			t.Errorf("says\n%swant %q", stdout, want)
		}
	}
	if !strings.Contains(stderr, "missing") {
		t.Errorf("says %q", stderr)
	}
	stdout, _ = flowlake(t, exitFailed, "verify", "logs", "missing", "--lake", "lake", "--format", "json")
	if !strings.HasPrefix(stdout, `{"summary":{"incomplete":"find source \"missing\": `) {
		t.Errorf("says %s", stdout)
	}
}

// A day that is registered as another one, too, is named, with what to do: --fix cannot.
func TestVerifyFindsADayThatIsRegisteredTwice(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "20", "--single", "a.log.gz")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	c, err := catalog.OpenLocal("lake")
	if err != nil {
		t.Fatal(err)
	}
	table := schema.GlobalAccelerator()
	const at = "aga_flow_logs/year=2026/month=01/day=09/"
	if _, err := c.AddPartitions(t.Context(), table, []schema.Partition{{Values: []string{"2026", "01", "19"}, Location: at}}); err != nil {
		t.Fatal(err)
	}
	for _, fix := range []string{"--fix=false", "--fix"} {
		stdout, _ := flowlake(t, exitDiffers, "verify", "logs", "--lake", "lake", fix)
		for _, want := range []string{
			"misplaced: " + at + ": want partition 2026/01/19 at aga_flow_logs/year=2026/month=01/day=19/, have partition 2026/01/19 of aga_flow_logs at " + at + "\n",
			"Remove the misplaced ones, and verify again with --fix: their entries in ",
			"findings    1 misplaced\n",
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("says\n%swant %q", stdout, want)
			}
		}
	}
}

func TestVerifyProgress(t *testing.T) {
	for _, test := range []struct {
		json bool
		want string
	}{
		{false, "3 objects verified, 3.0 kB gzip, 2 findings\n"},
		{true, `{"progress":{"objects":3,"gzip_bytes":3000,"findings":2}}` + "\n"},
	} {
		var b bytes.Buffer
		now := time.Unix(0, 0)
		p := &verifyProgress{w: &b, now: func() time.Time { return now }, last: now, json: test.json}
		for _, findings := range []int{0, 2, 0, 1} {
			now = now.Add(2 * time.Second)
			p.done(1000, findings)
		}
		if b.String() != test.want {
			t.Errorf("prints %q, want %q", b.String(), test.want)
		}
	}
}

// A day of logs is broken in every way at once; what can be mended is, and the lake is then, byte for byte,
// what it was.
func TestVerifyFixMendsALake(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "4000")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	want := files(t, "lake")
	outputs, err := filepath.Glob("lake/aga_flow_logs/year=2026/month=01/day=09/*.parquet")
	if err != nil || len(outputs) < 500 {
		t.Fatalf("%d outputs, error %v", len(outputs), err)
	}
	for i, name := range outputs[:30] {
		switch i % 3 {
		case 0:
			err = os.Remove(name)
		case 1:
			err = os.Truncate(name, 1000)
		case 2:
			err = os.Rename(name, outputs[100+i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	stdout, _ := flowlake(t, exitDiffers, "verify", "logs", "--lake", "lake", "--format", "json", "--workers", "4")
	kinds := map[string]int{}
	for line := range strings.Lines(stdout) {
		var f struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		kinds[f.Kind]++
	}
	if kinds["missing"] != 20 || kinds["different"] != 20 || len(kinds) != 3 {
		t.Errorf("findings %v", kinds)
	}
	if again, _ := flowlake(t, exitDiffers, "verify", "logs", "--lake", "lake", "--format", "json", "--workers", "1"); again != stdout {
		t.Errorf("with one worker\n%swith four\n%s", again, stdout)
	}
	stdout, _ = flowlake(t, exitOK, "verify", "logs", "--lake", "lake", "--fix")
	if !strings.Contains(stdout, "findings    none: the lake holds what its sources say; mended 20 missing, 20 different\n") ||
		!strings.Contains(stdout, "fixed       40 sources converted again") {
		t.Errorf("says\n%s", stdout)
	}
	got := files(t, "lake")
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}
