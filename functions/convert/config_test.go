package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/columnar"
)

// good is a complete environment.
var good = []string{
	"FLOWLAKE_LAKE=s3://lake-bucket/lake", "FLOWLAKE_DATABASE=flowlake", "FLOWLAKE_SOURCES=s3://log-bucket/AWSLogs/, s3://other",
	"AWS_LAMBDA_FUNCTION_NAME=flowlake-convert", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1000",
}

func TestConfig(t *testing.T) {
	c, err := readConfig(good)
	if err != nil {
		t.Fatal(err)
	}
	if c.lake != (location{"lake-bucket", "lake/"}) || c.database != "flowlake" || c.function != "flowlake-convert" {
		t.Errorf("configuration %+v", c)
	}
	if len(c.sources) != 2 || c.sources[0] != (location{"log-bucket", "AWSLogs/"}) || c.sources[1] != (location{"other", ""}) {
		t.Errorf("sources %v", c.sources)
	}
	if c.memoryLimit != 800<<20 || c.concurrency != 5 {
		t.Errorf("with 1000 MB: limit %d MB, concurrency %d", c.memoryLimit>>20, c.concurrency)
	}
	c, err = readConfig(append(good, "FLOWLAKE_CODEC=snappy", "FLOWLAKE_SORT_ROWS=5000", "FLOWLAKE_ROW_GROUP_ROWS=1000", "FLOWLAKE_MAX_LINE=2000", "FLOWLAKE_STANDARD_GUNZIP=true", "FLOWLAKE_CONCURRENCY=3",
		"FLOWLAKE_KMS_KEY=arn:aws:kms:eu-west-1:123456789012:key/1", "FLOWLAKE_LAKE_OWNER=123456789012", "FLOWLAKE_SOURCE_OWNER=210987654321",
		"FLOWLAKE_CATALOG_ID=123456789012", "FLOWLAKE_LOG_LEVEL=debug", "GOMEMLIMIT=1GiB"))
	if err != nil {
		t.Fatal(err)
	}
	if c.conversion.Codec != columnar.Snappy || c.conversion.SortRows != 5000 || c.conversion.RowGroupRows != 1000 || !c.conversion.StandardGunzip || c.conversion.MaxLine != 2000 || c.concurrency != 3 ||
		c.kmsKey == "" || c.lakeOwner != "123456789012" || c.sourceOwner != "210987654321" || c.catalogID != "123456789012" || c.logLevel != -4 || c.memoryLimit != 0 {
		t.Errorf("configuration %+v", c)
	}
}

func TestConfigWithLittleOrMuchMemory(t *testing.T) {
	for memory, want := range map[string]int{"": 1, "128": 1, "320": 1, "512": 2, "10240": 8} {
		c, err := readConfig(append(good, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+memory))
		if err != nil || c.concurrency != want {
			t.Errorf("%s MB: concurrency %d, want %d; error %v", memory, c.concurrency, want, err)
		}
	}
	c, err := readConfig(append(good, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769", "FLOWLAKE_SORT_ROWS=2000000"))
	if err != nil || c.concurrency != 3 {
		t.Errorf("with many rows to sort: concurrency %d, error %v", c.concurrency, err)
	}
}

// Every problem is in one message.
func TestConfigReportsAllProblems(t *testing.T) {
	_, err := readConfig([]string{
		"FLOWLAKE_LAKE=/tmp/lake", "FLOWLAKE_DATABASE=FlowLake", "FLOWLAKE_SOURCES=s3://bucket,http://other", "FLOWLAKE_CODEC=lz4", "FLOWLAKE_SORT_ROWS=-5", "FLOWLAKE_ROW_GROUP_ROWS=0", "FLOWLAKE_STANDARD_GUNZIP=perhaps", "FLOWLAKE_MAX_LINE=x",
		"FLOWLAKE_CONCURRENCY=-1", "FLOWLAKE_LAKE_OWNER=me", "FLOWLAKE_LOG_LEVEL=loud", "FLOWLAKE_CODECC=zstd",
	})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := readConfig(nil); err == nil || strings.Count(err.Error(), "not set; want") != 3 {
		t.Errorf("an empty environment gives %v", err)
	}
	for _, want := range []string{
		`FLOWLAKE_LAKE: want an S3 URL such as s3://bucket/prefix, have "/tmp/lake"`, `FLOWLAKE_DATABASE: database: want lower-case letters, digits, _ and -, have "FlowLake"`, `FLOWLAKE_SOURCES: want an S3 URL`,
		`FLOWLAKE_CODEC: codec: want one of ["zstd" "snappy"], have "lz4"`, `FLOWLAKE_ROW_GROUP_ROWS: want an integer of at least 1, have "0"`, "FLOWLAKE_MAX_LINE:", "FLOWLAKE_SORT_ROWS:", `FLOWLAKE_STANDARD_GUNZIP: want true or false, have "perhaps"`,
		"FLOWLAKE_CONCURRENCY:", `FLOWLAKE_LAKE_OWNER: want an account of 12 digits, have "me"`, "FLOWLAKE_LOG_LEVEL: want DEBUG", "FLOWLAKE_CODECC: no such variable",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not tell of %q:\n%v", want, err)
		}
	}
}

// Outputs must not trigger the function that writes them.
func TestConfigRefusesLoops(t *testing.T) {
	for _, test := range []struct {
		lake, sources string
		loops         bool
	}{
		{"s3://bucket/lake", "s3://bucket", true},
		{"s3://bucket/lake", "s3://bucket/la", true},
		{"s3://bucket/lake", "s3://bucket/lake", true},
		{"s3://bucket/lake", "s3://bucket/lake/aga_flow_logs/year=2026/", true},
		{"s3://bucket/lake", "s3://bucket/lake/aga_flow_logs_rejects/", true},
		{"s3://bucket", "s3://bucket", true},
		{"s3://bucket/AWSLogs/lake", "s3://other,s3://bucket/AWSLogs/", true},
		{"s3://bucket/lake", "s3://bucket/lakes/", false},
		{"s3://bucket/lake", "s3://bucket/lake/AWSLogs/", false},
		{"s3://bucket", "s3://bucket/AWSLogs/", false},
		{"s3://bucket/lake", "s3://buckets", false},
		{"s3://bucket/lake", "s3://bucket/AWSLogs/", false},
	} {
		_, err := readConfig([]string{"FLOWLAKE_LAKE=" + test.lake, "FLOWLAKE_DATABASE=d", "FLOWLAKE_SOURCES=" + test.sources})
		if (err != nil) != test.loops || err != nil && !strings.Contains(err.Error(), "would trigger the function") {
			t.Errorf("lake %s, sources %s: error %v, want one: %t", test.lake, test.sources, err, test.loops)
		}
	}
}

// The README has a row for every variable, and none besides.
func TestReadmeNamesTheVariables(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (FLOWLAKE_[A-Z_]+) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(string(readme), -1)
	if len(rows) != len(variables()) {
		t.Errorf("README has %d variables, the function %d", len(rows), len(variables()))
	}
	for i, v := range variables() {
		standard := v.standard
		if v.required {
			standard = "required"
		}
		if i < len(rows) && (rows[i][1] != v.name || rows[i][2] != standard || rows[i][3] != v.meaning) {
			t.Errorf("README has\n%s\nwant\n| %s | %s | %s |", rows[i][0], v.name, standard, v.meaning)
		}
	}
}
