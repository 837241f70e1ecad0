package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever is wrong with a file: the others are converted, the message names the file and what was
// expected, and nothing of the file is visible in the lake, not even a temporary file.
func TestBadInput(t *testing.T) {
	const day = "AWSLogs/123456789012/globalaccelerator/us-west-2/2026/01/09/"
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	flowlake(t, exitOK, "synth", "--out", good, "--day", "2026-01-09", "--records", "5000", "--single", day+"good.log.gz")
	content, err := os.ReadFile(filepath.Join(good, day, "good.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "replay", good, "--lake", filepath.Join(dir, "clean"))
	clean := files(t, filepath.Join(dir, "clean"))

	flipped := slices.Clone(content)
	flipped[len(flipped)/2] ^= 4
	var text bytes.Buffer
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := text.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		content []byte
		code    exitCode
		stdout  string // a part of the summary
	}{
		{"truncated", content[:len(content)/2], exitObjects, "gzip stream is cut off"},
		{"one byte short", content[:len(content)-1], exitObjects, "gzip stream is cut off"},
		{"bit-flipped", flipped, exitObjects, "gzip stream is damaged"},
		{"empty", nil, exitOK, "1: empty object (0 bytes)"},
		{"plain text", text.Bytes(), exitObjects, "want a gzip stream: no gzip header"},
		{"a line of 1 MiB alone", compress(strings.Repeat("x", 1<<20)), exitRejects, "1 rejects"},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs, lake := filepath.Join(t.TempDir(), "logs"), filepath.Join(t.TempDir(), "lake")
			if err := os.CopyFS(logs, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(logs, day, "bad.log.gz"), test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			stdout, stderr := flowlake(t, test.code, "replay", logs, "--lake", lake)
			if !strings.Contains(stdout, test.stdout) {
				t.Errorf("the summary does not say %q:\n%s", test.stdout, stdout)
			}
			if test.code == exitObjects && !(strings.Contains(stderr, "bad.log.gz") && strings.Contains(stderr, test.stdout)) {
				t.Errorf("stderr: %s", stderr)
			}
			got := 0
			for name := range files(t, lake) {
				switch {
				case strings.HasPrefix(name, "_catalog/"):
				case strings.HasPrefix(name, "aga_flow_logs/") && strings.Contains(name, "/good-"):
					got++
				case test.code == exitRejects && strings.HasPrefix(name, "aga_flow_logs_rejects/") && strings.Contains(name, "/bad-"):
				default:
					t.Errorf("the lake holds %s", name)
				}
			}
			want := 0
			for name := range clean {
				if strings.HasPrefix(name, "aga_flow_logs/") {
					want++
				}
			}
			if got != want {
				t.Errorf("%d objects of the good file, want %d", got, want)
			}
			answer, _ := flowlake(t, exitOK, "query", "--lake", lake, "--format", "csv", "SELECT count(*) AS n FROM aga_flow_logs")
			if answer != "n\n5000\n" {
				t.Errorf("the lake answers %q", answer)
			}
		})
	}
}

func compress(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}
