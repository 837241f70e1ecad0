package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every kind of mistake has the exit code that the help promises, and a message that says what was
// expected.
func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "2", "--accelerators", "1")
	flowlake(t, exitOK, "replay", "logs", "--lake", "lake")
	for _, test := range []struct {
		code   exitCode
		stderr string
		args   string
	}{
		{exitUsage, `unknown command "frobnicate"`, "frobnicate"},
		{exitUsage, `unknown command "frobnicate"`, "help frobnicate"},
		{exitUsage, "completion", "completion bash too many"},
		{exitUsage, "unknown flag: --wrong", "replay logs --wrong"},
		{exitUsage, "requires at least 1 arg", "replay --lake lake"},
		{exitUsage, "--lake: want a directory or s3://bucket/prefix", "replay logs"},
		{exitUsage, "have a gs URL: gs://bucket/prefix", "replay logs --lake gs://bucket/prefix"},
		{exitUsage, "--lake: ", "replay logs --lake s3://"},
		{exitUsage, `--catalog: want local or glue, have "hive"`, "replay logs --lake lake --catalog hive"},
		{exitUsage, "--catalog: a lake in a directory has its catalog there", "replay logs --lake lake --catalog glue"},
		{exitUsage, "--catalog: a lake in S3 has its catalog in Glue", "query --lake s3://bucket/lake --catalog local top-talkers-by-bytes"},
		{exitUsage, "--database: want the name of the Glue database", "table create --lake s3://bucket/lake"},
		{exitUsage, "--kms-key: want a lake in S3, have lake", "replay logs --lake lake --kms-key k"},
		{exitUsage, "--bucket-owner: want a lake in S3, have lake", "replay logs --lake lake --bucket-owner 123456789012"},
		{exitUsage, `"gs://bucket": want a path or an s3:// URL`, "replay gs://bucket --lake lake"},
		{exitUsage, `"s3://b": parse "s3://b": bucket`, "replay logs s3://b --lake lake"},
		{exitUsage, `unknown command "show"`, "table show"},
		{exitUsage, `unknown command "lake"`, "table create lake"},
		{exitUsage, "--workers: want at least 1, have 0", "replay logs --lake lake --workers 0"},
		{exitUsage, "--max-line: want at least 1, have 0", "replay logs --lake lake --max-line 0"},
		{exitUsage, `codec: want one of ["zstd" "snappy"], have "lzo"`, "replay logs --lake lake --codec lzo"},
		{exitFailed, "stat missing: no such file", "replay missing --lake lake"},
		{exitFailed, "no file matches", "replay missing/*.gz --lake lake"},
		{exitFailed, "find source: no object in", "replay empty --lake lake"},
		{exitUsage, "want the name of a query, SQL, or --list", "query --lake lake"},
		{exitUsage, `no query is named "top-takers"`, "query --lake lake top-takers"},
		{exitUsage, `unknown format "xml"`, "query --lake lake top-talkers-by-bytes --format xml"},
		{exitUsage, "DuckDB has for itself", "query --lake lake top-talkers-by-bytes --database temp"},
		{exitUsage, `--from: want a date such as 2026-01-09, have "today"`, "query --lake lake top-talkers-by-bytes --from today"},
		{exitUsage, `--to: want a date such as 2026-01-09, have "2026-1-9"`, "query --lake lake top-talkers-by-bytes --to 2026-1-9"},
		{exitUsage, "--to: want 2026-01-09 or later, as --from says, have 2026-01-08",
			"query --lake lake top-talkers-by-bytes --from 2026-01-09 --to 2026-01-08"},
		{exitFailed, "is no lake", "query --lake elsewhere top-talkers-by-bytes"},
		{exitUsage, "inspect: requires at least 1 arg", "inspect"},
		{exitFailed, "inspect missing.parquet: open", "inspect missing.parquet"},
		{exitUsage, "want an S3 URL", "ddl --location /local"},
		{exitUsage, "want an S3 URL", "ddl --location s3:///prefix"},
		{exitUsage, `want a date such as 2026-01-09, have ""`, "ddl --location s3://b --day="},
		{exitUsage, `want a date such as 2026-01-09, have "today"`, "synth --out x --day today"},
		{exitUsage, "accelerators: want", "synth --out x --day 2026-01-09 --accelerators 0"},
	} {
		_, stderr := flowlake(t, test.code, strings.Fields(test.args)...)
		if !strings.Contains(stderr, test.stderr) {
			t.Errorf("flowlake %s: %q, want %q", test.args, stderr, test.stderr)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a wrong command line made a directory")
	}
}

func TestInterruptedCommandsSaySo(t *testing.T) {
	dir := t.TempDir()
	logs, lake := filepath.Join(dir, "logs"), filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--records", "2000")
	flowlake(t, exitOK, "replay", logs, "--lake", lake)
	before := files(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"replay", logs, "--lake", lake},
		{"query", "--lake", lake, "top-talkers-by-bytes"},
		{"synth", "--out", filepath.Join(dir, "more"), "--day", "2026-01-09"},
		{"synth", "--out", filepath.Join(dir, "more"), "--day", "2026-01-09", "--single", "one.log.gz"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(ctx, args, strings.NewReader(""), &stdout, &stderr); code != int(exitInterrupted) || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("flowlake %s: exit code %d, %s", strings.Join(args, " "), code, &stderr)
		}
	}
	after := files(t, dir)
	if len(after) != len(before) {
		t.Errorf("%d files, before %d", len(after), len(before))
	}
}

// full is a device that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFullOutputIsAFailure(t *testing.T) {
	dir := t.TempDir()
	flowlake(t, exitOK, "synth", "--out", dir, "--day", "2026-01-09", "--records", "20", "--single", "one.log.gz")
	for _, args := range [][]string{
		{"ddl", "--location", "s3://bucket/lake"}, {"query", "--list"}, {"version"}, {"--help"},
		{"replay", dir, "--lake", filepath.Join(dir, "lake")},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), full{}, &stderr); code != int(exitFailed) || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("flowlake %s: exit code %d, %s", strings.Join(args, " "), code, &stderr)
		}
	}
}

// A catalog that refuses the table is found before anything is written.
func TestRefusingCatalogLeavesTheLakeAlone(t *testing.T) {
	dir := t.TempDir()
	logs, more, lake := filepath.Join(dir, "logs"), filepath.Join(dir, "more"), filepath.Join(dir, "lake")
	flowlake(t, exitOK, "synth", "--out", logs, "--day", "2026-01-09", "--records", "200")
	flowlake(t, exitOK, "synth", "--out", more, "--day", "2026-01-10", "--records", "200")
	flowlake(t, exitOK, "replay", logs, "--lake", lake)
	name := filepath.Join(lake, "_catalog", "aga_flow_logs.json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(data, []byte("bigint"), []byte("int"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	before := files(t, lake)
	_, stderr := flowlake(t, exitFailed, "replay", more, "--lake", lake)
	if !strings.Contains(stderr, "packets") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("stderr: %s", stderr)
	}
	if after := files(t, lake); len(after) != len(before) {
		t.Errorf("%d files in the lake, before %d", len(after), len(before))
	}
}

// What lies in the lake is no source; what merely has a similar name, or lies beside the tables, is.
func TestSourcesAroundTheLake(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "lake-logs", "--day", "2026-01-09", "--records", "50", "--single", "a.log.gz")
	for _, args := range [][]string{
		{"replay", "lake-logs", "--lake", "lake"}, // similar name
		{"replay", ".", "--lake", "lake"},         // the lake is below the source
		{"replay", "lake-logs", "--lake", "."},    // the source is below the lake
		{"replay", ".", "--lake", "."},
	} {
		stdout, _ := flowlake(t, exitOK, args...)
		if !strings.Contains(stdout, "1 converted") {
			t.Errorf("flowlake %s:\n%s", strings.Join(args, " "), stdout)
		}
	}
	answer, _ := flowlake(t, exitOK, "query", "--lake", ".", "--format", "csv", "SELECT count(*) AS n FROM aga_flow_logs")
	if answer != "n\n50\n" {
		t.Errorf("the lake answers %q", answer)
	}
}
