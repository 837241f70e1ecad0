package commands

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/world"
)

// differs is the exit code of a lake that is not what its sources say.
const differs = 6

// TestVerify proves a lake in S3 and Glue with the compiled flowlake, breaks it, and mends it.
func TestVerify(t *testing.T) {
	c := newCLI(t)
	const lake = "s3://lake/flows"
	keys := []string{world.KeyOf("mine/", "one"), world.KeyOf("mine/", "two"), world.KeyOf("mine/", "three")}
	for i, key := range keys {
		c.put(world.LogBucket, key, world.LogOf(3000, i))
	}
	c.run(done, "table", "create", "--lake", lake)
	const rejected = 3 // the exit code of replay
	c.run(rejected, "replay", "s3://logs/mine", "--lake", lake)
	says := func(t *testing.T, stdout string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(stdout, want) {
				t.Errorf("does not say %q:\n%s", want, stdout)
			}
		}
	}
	verify := []string{"verify", "s3://logs/mine", "--lake", lake, "--sum", "bytes", "--from", "2026-01-09", "--to", "2026-01-09"}

	stdout, stderr := c.run(done, verify...)
	says(t, stdout, "objects     3 found: 3 verified", "lines       9,012 = 9,000 rows + 9 rejects + 3 headers + 0 blank",
		"outputs     9,000 rows + 9 rejects in 9 objects", "partitions  3 registered, 0 not", "lake        9 objects listed, 0 of them of other sources",
		"findings    none: the lake holds what its sources say")
	if stderr != "" {
		t.Errorf("stderr: %s", stderr)
	}

	var gone, cut, kept string
	for name := range c.tree(world.LakeBucket) {
		switch {
		case strings.Contains(name, "/day=10/") && strings.Contains(name, "_one-"):
			gone = name
		case strings.Contains(name, "aga_flow_logs/") && strings.Contains(name, "/day=09/") && strings.Contains(name, "_two-"):
			cut = name
		case strings.Contains(name, "aga_flow_logs/") && strings.Contains(name, "/day=10/") && strings.Contains(name, "_three-"):
			kept = name
		}
	}
	bucket := world.LakeBucket
	if _, err := c.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &gone}); err != nil {
		t.Fatal(err)
	}
	c.put(world.LakeBucket, cut, []byte("PAR1 and no more"))
	if !c.glue.DropPartition("sampledb", "aga_flow_logs", "2026", "01", "10") {
		t.Fatal("no partition was dropped")
	}
	logs := world.LogBucket
	if _, err := c.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &logs, Key: &keys[2]}); err != nil {
		t.Fatal(err)
	}
	below := func(name string) string { return strings.TrimPrefix(name, "flows/") }
	stdout, _ = c.run(differs, verify...)
	says(t, stdout,
		"missing: "+below(gone)+" of s3://logs/"+keys[0]+": want 1500 rows, have no such output\n",
		"different: "+below(cut)+" of s3://logs/"+keys[1]+": want 1500 rows, have read footer: ",
		"unregistered: aga_flow_logs/year=2026/month=01/day=10/", " of s3://logs/"+keys[1]+": want a partition at aga_flow_logs/year=2026/month=01/day=10/, have no such partition\n",
		"extra: "+below(kept)+" of s3://logs/"+keys[2]+": want no output: there is no such source today, have 1500 rows\n",
		"do so: aws s3 rm s3://lake/flows/OUTPUT\n", "findings    1 missing, 1 different, 1 unregistered, 3 extra\n")

	c.put(world.LogBucket, keys[2], world.LogOf(3000, 2))
	stdout, _ = c.run(done, append(verify, "--fix")...)
	says(t, stdout, "fixed       3 sources converted again, 0 of them without success", "partitions  3 registered, 0 not",
		"findings    none: the lake holds what its sources say; mended 1 missing, 1 different, 2 unregistered")
	c.run(done, verify...)
	if left, _ := filepath.Glob(filepath.Join(c.dir, "flowlake-*")); len(left) > 0 {
		t.Errorf("%q stay behind", left)
	}
}
