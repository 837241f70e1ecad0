package commands

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/programs"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
)

// TestCommandLine runs the compiled flowlake against S3 and Glue. Its parts build on each other.
func TestCommandLine(t *testing.T) {
	c := newCLI(t)
	c.run(done, "synth", "--out", "s3://logs/mine/", "--day", "2026-01-09", "--records", "4000", "--single", "AWSLogs/nine.log.gz")
	c.run(done, "synth", "--out", "s3://logs/mine", "--day", "2026-01-11", "--records", "2000", "--single", "AWSLogs/eleven.log.gz")
	c.run(done, "synth", "--out", "s3://logs/mine-too", "--day", "2026-01-20", "--records", "10", "--single", "x.log.gz")
	const lake = "s3://lake/flows"

	t.Run("a table that is missing is not made on the way", func(t *testing.T) {
		c := c.with(t)
		for _, args := range [][]string{{"replay", "s3://logs/mine", "--lake", lake}, {"query", "--lake", lake, "SELECT 1"}} {
			c.fails(args, "table aga_flow_logs: no such table in Glue database sampledb", "flowlake table create")
		}
		if got := c.tree("lake"); len(got) > 0 {
			t.Errorf("the lake holds %q", got)
		}
	})

	t.Run("table create", func(t *testing.T) {
		c := c.with(t)
		for _, what := range []string{"created", "there already"} {
			want := "table aga_flow_logs in Glue database sampledb, over s3://lake/flows/aga_flow_logs/: " + what + "\n" +
				"table aga_flow_logs_rejects in Glue database sampledb, over s3://lake/flows/aga_flow_logs_rejects/: " + what + "\n"
			if got, _ := c.run(done, "table", "create", "--lake", lake, "--catalog", "glue", "--database", "sampledb"); got != want {
				t.Errorf("says\n%swant\n%s", got, want)
			}
		}
	})

	local := filepath.Join(c.dir, "local")
	t.Run("a lake in S3 is that of a directory, byte for byte", func(t *testing.T) {
		c := c.with(t)
		c.run(done, "replay", "s3://logs/mine", "--lake", local)
		stdout, _ := c.run(done, "replay", "s3://logs/mine", "--lake", lake)
		if !strings.Contains(stdout, "objects     2 found: 2 converted") || !strings.Contains(stdout, "partitions  4 registered") {
			t.Errorf("summary:\n%s", stdout)
		}
		want := map[string][32]byte{}
		for name, sum := range tree(t, local) {
			if !strings.HasPrefix(name, "_catalog/") {
				want["flows/"+name] = sum
			}
		}
		if got := c.tree("lake"); len(want) != 4 || !maps.Equal(got, want) {
			t.Errorf("the lake in S3 holds %d objects, that of the directory %d, or others", len(got), len(want))
		}
		var days []string
		for _, p := range c.glue.Partitions("sampledb", "aga_flow_logs") {
			days = append(days, p.Values[2])
		}
		if strings.Join(days, " ") != "08 09 10 11" {
			t.Errorf("days %q are registered", days)
		}

		// An object is the same whichever way it is named; the lake's own are none of the sources.
		stdout, _ = c.run(done, "replay", "s3://logs/mine/AWSLogs/nine.log.gz", "s3://logs/mine/AWSLogs", "s3://lake", "s3://logs/mine/",
			"--lake", lake, "--workers", "4")
		if !strings.Contains(stdout, "objects     2 found: 2 converted") || !strings.Contains(stdout, "partitions  0 registered") {
			t.Errorf("summary:\n%s", stdout)
		}
		if got := c.tree("lake"); !maps.Equal(got, want) {
			t.Errorf("once more, the lake holds %d objects or others", len(got))
		}
	})

	t.Run("sources here and in S3 become a lake in S3", func(t *testing.T) {
		c := c.with(t)
		here := filepath.Join(c.dir, "here")
		c.run(done, "synth", "--out", here, "--day", "2026-01-15", "--records", "500", "--single", "here.log.gz")
		c.run(done, "table", "create", "--lake", "s3://lake/mixed/", "--database", "mixed")
		stdout, _ := c.run(done, "replay", here, "s3://logs/mine-too/x.log.gz", "--lake", "s3://lake/mixed/", "--database", "mixed")
		if !strings.Contains(stdout, "objects     2 found: 2 converted") || !strings.Contains(stdout, " = 510 rows") {
			t.Errorf("summary:\n%s", stdout)
		}
		answer, _ := c.run(done, "query", "--lake", "s3://lake/mixed", "--database", "mixed", "--cache", filepath.Join(c.dir, "mixed"),
			"--format", "csv", "SELECT count(*) AS n FROM mixed.aga_flow_logs")
		if answer != "n\n510\n" {
			t.Errorf("the lake answers %q", answer)
		}
	})

	t.Run("a query copies an object once", func(t *testing.T) {
		c := c.with(t)
		const sql = "SELECT year, month, day, count(*) AS n, sum(bytes) AS bytes FROM aga_flow_logs GROUP BY ALL ORDER BY ALL"
		want, _ := c.run(done, "query", "--lake", local, "--format", "csv", sql)
		cache := filepath.Join(c.dir, "cache")
		for _, test := range []struct {
			cache string
			args  []string
			gets  int
		}{
			{cache, nil, 4},
			{cache, nil, 0},
			{cache + "-new", []string{"--from", "2026-01-09", "--to", "2026-01-10"}, 2},
			{cache + "-new", []string{"--from", "2026-01-09", "--to", "2026-01-10"}, 0},
			{cache + "-new", []string{"--from", "2026-01-10"}, 1},
		} {
			before := c.fetched()
			got, stderr := c.run(done, append([]string{"query", "--lake", lake, "--cache", test.cache, "--format", "csv", sql}, test.args...)...)
			if test.args == nil && got != want {
				t.Errorf("the lake in S3 answers\n%sthat of the directory\n%s", got, want)
			}
			if gets := c.fetched() - before; gets != test.gets || stderr != "" {
				t.Errorf("%q fetched %d objects, want %d; stderr %q", test.args, gets, test.gets, stderr)
			}
		}
		for name := range c.tree("lake") { // somebody replaces an object
			if strings.Contains(name, "flows/aga_flow_logs/year=2026/month=01/day=11/") {
				c.put("lake", name, []byte("no Parquet"))
			}
		}
		c.fails([]string{"query", "--lake", lake, "--cache", cache, sql}, "eleven")
		c.run(done, "query", "--lake", lake, "--cache", cache, "--to", "2026-01-10", sql)
		c.run(done, "replay", "s3://logs/mine", "--lake", lake)
		if got, _ := c.run(done, "query", "--lake", lake, "--cache", cache, "--format", "csv", sql); got != want {
			t.Errorf("mended, the lake answers\n%s", got)
		}
	})

	t.Run("inspect reads a footer", func(t *testing.T) {
		c := c.with(t)
		for name := range c.tree("lake") {
			if strings.HasPrefix(name, "flows/aga_flow_logs/year=2026/month=01/day=09/") {
				stdout, _ := c.run(done, "inspect", "s3://lake/"+name)
				if !strings.Contains(stdout, "flowlake.source.url = s3://logs/mine/AWSLogs/nine.log.gz\n") || !strings.HasPrefix(stdout, "s3://lake/"+name+"\n") {
					t.Errorf("says\n%s", stdout)
				}
			}
		}
	})

	t.Run("mistakes are named in a line", func(t *testing.T) {
		c := c.with(t)
		c.fails([]string{"replay", "s3://nowhere/mine", "--lake", lake}, `find source "s3://nowhere/mine"`, "NoSuchBucket")
		c.fails([]string{"replay", "s3://logs/min", "--lake", lake}, `find source "s3://logs/min": no object of that key`)
		c.fails([]string{"inspect", "s3://lake/missing.parquet"}, "inspect s3://lake/missing.parquet: ")
		c.fails([]string{"table", "create", "--lake", "s3://lake/elsewhere"}, "table aga_flow_logs: ", "its location is")
		c.fails([]string{"query", "--lake", "s3://lake/elsewhere", "SELECT 1"}, "table aga_flow_logs: ", "its location is")
		c.fails([]string{"query", "--lake", lake, "--database", "other", "SELECT 1"}, "no such table in Glue database other")
		c.glue.SetHook(func(string, gluetest.When) *gluetest.Fault { return gluetest.LakeFormationDenied() })
		c.fails([]string{"replay", "s3://logs/mine", "--lake", lake}, "access denied by Lake Formation")
		c.fails([]string{"table", "create", "--lake", lake}, "access denied by Lake Formation")
		c.glue.SetHook(nil)
		c.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
		c.fails([]string{"replay", "s3://logs/mine", "--lake", local}, `find source "s3://logs/mine"`, "HTTP 403")
		c.fails([]string{"inspect", "s3://lake/x.parquet"}, "HTTP 403")
		c.run(wrong, "replay", "s3://", "--lake", lake)
	})

	t.Run("key and owner are those of the lake alone", func(t *testing.T) {
		c := c.with(t)
		var mu sync.Mutex
		headers := map[string]int{}
		c.proxy.SetDecide(func(call faultproxy.Call) faultproxy.Fault {
			mu.Lock()
			defer mu.Unlock()
			headers[strings.Join([]string{call.Method, call.Bucket, call.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
				call.Header.Get("X-Amz-Expected-Bucket-Owner")}, " ")]++
			return faultproxy.Fault{}
		})
		cmd, _, stderr := c.command("replay", "s3://logs/mine/AWSLogs/nine.log.gz", "--lake", lake, "--kms-key", "alias/flows", "--bucket-owner", "123456789012")
		code := programs.ExitCode(t, cmd.Run()) // the gateway may know no such key, and has another owner
		c.proxy.SetDecide(nil)
		if headers["PUT lake alias/flows 123456789012"] == 0 || headers["GET logs  "] == 0 {
			t.Errorf("sent %v; exit code %d, %s", headers, code, stderr)
		}
		for request := range headers {
			if strings.Contains(request, " logs ") != strings.HasSuffix(request, "  ") {
				t.Errorf("sent %s", request)
			}
		}
	})

	// The first signal lets the object in progress come to its end, which here is a multipart upload.
	t.Run("an interruption leaves nothing half", func(t *testing.T) {
		c := c.with(t)
		c.run(done, "synth", "--out", "s3://logs/big", "--day", "2026-02-01", "--records", "1500000", "--single", "a.log.gz")
		c.run(done, "synth", "--out", "s3://logs/big", "--day", "2026-02-01", "--records", "10", "--single", "b.log.gz")
		cmd, stdout, stderr := c.command("replay", "s3://logs/big", "--lake", lake, "--workers", "1", "--codec", "snappy")
		var once sync.Once
		c.proxy.SetDecide(func(call faultproxy.Call) faultproxy.Fault {
			if call.Operation == "UploadPart" {
				once.Do(func() { _ = cmd.Process.Signal(syscall.SIGINT) })
			}
			return faultproxy.Fault{}
		})
		code := programs.ExitCode(t, cmd.Run())
		c.proxy.SetDecide(nil)
		if code != interrupted || !strings.Contains(stdout.String(), "2 found: 1 converted") || !strings.Contains(stderr.String(), "1 of 2 objects were not begun") {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
		uploads, err := c.Client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: new("lake")})
		if err != nil || len(uploads.Uploads) > 0 {
			t.Errorf("%d uploads stay behind (%v)", len(uploads.Uploads), err)
		}
		again, _ := c.run(done, "replay", "s3://logs/big", "--lake", lake)
		if !strings.Contains(again, "2 found: 2 converted") {
			t.Errorf("again:\n%s", again)
		}
	})
}
