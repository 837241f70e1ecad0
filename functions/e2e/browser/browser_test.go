package browser

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/flowlake/flowlake/functions/e2e/programs"
)

// done is flowlake's exit code where all went well.
const done = 0

// TestInBrowser looks at the pages of flowlake in a browser.
func TestInBrowser(t *testing.T) {
	browser := startBrowser(t)
	lake := syntheticDay(t)
	t.Run("what a page does wrong is seen", func(t *testing.T) { testTab(t, browser) })
	t.Run("report", func(t *testing.T) { testReport(t, browser, lake) })
	t.Run("strays", func(t *testing.T) { testStrays(t, browser) })
	t.Run("files that have not come", func(t *testing.T) { testMissing(t, browser) })
	t.Run("hostile texts", func(t *testing.T) { testHostileTexts(t, browser) })
	t.Run("serve", func(t *testing.T) { testServe(t, browser, lake) })
}

// stranger is a name that leads to this machine, as somebody else's may. All others lead nowhere, but
// for localhost.
const stranger = "stranger.example"

// startBrowser starts Chromium without a window, which ends with the test, and gives what tabs are
// opened of. FLOWLAKE_CHROMIUM, or one of the usual names, is the program. Without it the test is
// skipped, or fails where FLOWLAKE_CI is set.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	program := os.Getenv("FLOWLAKE_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program == "" {
			program, _ = exec.LookPath(name)
		}
	}
	if program == "" {
		if os.Getenv("FLOWLAKE_CI") != "" {
			t.Fatal("there is no Chromium, though FLOWLAKE_CI is set")
		}
		t.Skip("there is no Chromium; FLOWLAKE_CHROMIUM names one")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program),
		chromedp.Flag("headless", "new"),
		chromedp.NoSandbox, // which root cannot have
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP "+stranger+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop) // waits for the process
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end the browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return ctx
}

// flowlake runs the compiled command line, which must end with that code, and gives what it prints.
func flowlake(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programs.Flowlake(t), args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if got := programs.ExitCode(t, cmd.Run()); got != code {
		t.Fatalf("flowlake %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &stdout, &stderr)
	}
	return stdout.String()
}

// ask gives the rows of an answer of flowlake query, numbers as they are printed.
func ask(t *testing.T, lake string, args ...string) []map[string]any {
	t.Helper()
	out := flowlake(t, done, append([]string{"query", "--lake", lake, "--format", "json"}, args...)...)
	d := json.NewDecoder(strings.NewReader(out))
	d.UseNumber()
	var rows []map[string]any
	if err := d.Decode(&rows); err != nil {
		t.Fatalf("query %q: %v\n%s", args, err, out)
	}
	return rows
}

// syntheticDay makes a lake of a synthetic day of two accelerators, of which some files are missing, and
// of a line that is no record.
func syntheticDay(t *testing.T) (lake string) {
	t.Helper()
	dir := t.TempDir()
	logs, lake := filepath.Join(dir, "logs"), filepath.Join(dir, "lake")
	flowlake(t, done, "synth", "--out", logs, "--day", "2026-01-09", "--accelerators", "2", "--records", "20000", "--seed", "1")
	noon, err := filepath.Glob(filepath.Join(logs, "AWSLogs/*/*/*/*/*/*/*T12[012]?Z_*"))
	if err != nil || len(noon) != 12 {
		t.Fatalf("have files %q of half an hour, error %v", noon, err)
	}
	for _, name := range noon[:7] { // six of one accelerator, one of the other
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	writeLog(t, filepath.Join(logs, "broken.log.gz"), "2.0 123456789012 not-a-record")
	const rejects = 3 // the exit code
	flowlake(t, rejects, "replay", logs, "--lake", lake)
	return lake
}

// startServe starts flowlake serve and gives the URL that it prints. It is interrupted with the test,
// and must then end well.
func startServe(t *testing.T, args ...string) (url string) {
	t.Helper()
	cmd := exec.Command(programs.Flowlake(t), append([]string{"serve"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	if lines.Scan() {
		url = lines.Text()
	}
	kill.Stop()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		more := lines.Scan()
		if code := programs.ExitCode(t, cmd.Wait()); code != done || more || stderr.Len() > 0 {
			t.Errorf("flowlake serve: exit code %d, says more: %v\n%s", code, more, &stderr)
		}
	})
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, "/") {
		t.Fatalf("flowlake serve prints %q", url)
	}
	return strings.TrimSuffix(url, "/")
}

// writeLog writes a log with a header, as AWS does.
func writeLog(t *testing.T, name string, lines ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	const header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status " +
		"globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id reject_reason"
	if _, err := fmt.Fprintf(z, "%s\n%s\n", header, strings.Join(lines, "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}
