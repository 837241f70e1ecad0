package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

// withoutAWS takes from the environment what configures AWS, but for what is given.
func withoutAWS(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_GLUE"} {
		t.Setenv(name, env[name])
	}
	none := t.TempDir() + "/none"
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// What is missing for AWS is said once, in a line, and before anything is tried.
func TestMissingConfigurationOfAWS(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "2", "--accelerators", "1")
	for _, args := range []string{
		"replay logs --lake s3://bucket/lake --database sampledb",
		"replay s3://bucket/logs --lake lake",
		"query --lake s3://bucket/lake --database sampledb top-talkers-by-bytes",
		"table create --lake s3://bucket/lake --database sampledb",
		"inspect s3://bucket/one.parquet",
		"synth --out s3://bucket/logs --day 2026-01-09",
	} {
		for _, test := range []struct {
			env    map[string]string
			stderr string
		}{
			{nil, "no Region is set; set AWS_REGION"},
			{map[string]string{"AWS_REGION": "eu-west-1"}, "find credentials of AWS (environment, profile or role): "},
			{map[string]string{"AWS_PROFILE": "missing"}, "read the configuration of AWS: "},
		} {
			withoutAWS(t, test.env)
			_, stderr := flowlake(t, exitFailed, strings.Fields(args)...)
			if !strings.Contains(stderr, test.stderr) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("flowlake %s with %v: %s", args, test.env, stderr)
			}
		}
	}
	// An interruption is one, whoever notices it.
	withoutAWS(t, map[string]string{"AWS_REGION": "eu-west-1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if code := run(ctx, []string{"inspect", "s3://bucket/one.parquet"}, strings.NewReader(""), &stderr, &stderr); code != int(exitInterrupted) {
		t.Errorf("interrupted, but exit code %d: %s", code, &stderr)
	}
}

// What is wrong with a value that AWS would refuse is an error of the command line.
func TestFlagsThatAWSWouldRefuse(t *testing.T) {
	withoutAWS(t, map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"})
	for args, want := range map[string]string{
		"replay logs --lake s3://bucket/lake --database sampledb --bucket-owner me": `bucket owner: want 12 digits, have "me"`,
		"table create --lake s3://bucket/lake --database My.Data":                   `have "My.Data"`,
		"table create --lake s3://bucket//lake --database sampledb":                 `have "s3://bucket//lake"`,
	} {
		if _, stderr := flowlake(t, exitUsage, strings.Fields(args)...); !strings.Contains(stderr, want) {
			t.Errorf("flowlake %s: %s, want %s", args, stderr, want)
		}
	}
}

// root is a store whose root has another URL.
type root struct {
	storetest.Memory
	url string // as stores have it, without a slash at its end
}

func (r *root) URL(key string) string {
	if key == "" {
		return r.url
	}
	return r.url + "/" + key
}

// What lies in the lake's tables is no source; what lies beside them, or in another place whose name
// begins alike, is.
func TestLakeOwnsItsTables(t *testing.T) {
	bucket, prefix := &root{url: "s3://bucket"}, &root{url: "s3://bucket/lake"}
	for _, test := range []struct {
		lake, source *root
		key          string
		want         bool
	}{
		{bucket, bucket, "aga_flow_logs/year=2026/x.parquet", true},
		{bucket, bucket, "aga_flow_logs_rejects/year=2026/x.parquet", true},
		{bucket, bucket, "_catalog/aga_flow_logs.json", true},
		{bucket, bucket, "aga_flow_logs_old/x.log.gz", false},
		{bucket, bucket, "AWSLogs/aga_flow_logs/x.log.gz", false},
		{bucket, &root{url: "s3://bucket2"}, "aga_flow_logs/x.log.gz", false},
		{prefix, bucket, "lake/aga_flow_logs/x.parquet", true},
		{prefix, bucket, "lake/logs/x.log.gz", false},
		{prefix, bucket, "lake2/aga_flow_logs/x.log.gz", false},
		{prefix, bucket, "aga_flow_logs/x.log.gz", false},
	} {
		l := &lake{objects: test.lake}
		if got := l.owns(replay.Object{Source: test.source, Key: test.key}); got != test.want {
			t.Errorf("lake %s owns %s: %t", test.lake.url, test.source.URL(test.key), got)
		}
	}
}
