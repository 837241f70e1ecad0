package commands

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/programs"
	"github.com/flowlake/flowlake/functions/e2e/world"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
)

// Exit codes of flowlake, as its help has them.
const (
	done        = 0
	failed      = 1
	wrong       = 2
	objects     = 4
	interrupted = 5
)

// cli is the compiled command line and the services that it is pointed at.
type cli struct {
	*testing.T
	*world.World
	dir   string
	proxy *faultproxy.Proxy
	glue  *gluetest.Server
	env   map[string]string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	c := &cli{T: t, World: world.New(t), dir: t.TempDir(), glue: gluetest.Start()}
	t.Cleanup(c.glue.Close)
	c.proxy = world.StartProxy(t, c.Gateway.URL)
	c.env = c.Gateway.Env(map[string]string{
		"AWS_ENDPOINT_URL_S3": c.proxy.URL, "AWS_ENDPOINT_URL_GLUE": c.glue.URL(), "AWS_EC2_METADATA_DISABLED": "true",
		"HOME": filepath.Join(c.dir, "home"), "TMPDIR": c.dir,
	})
	return c
}

// with gives the same for a part of the test, with an environment of its own.
func (c *cli) with(t *testing.T) *cli {
	part := *c
	part.T, part.env = t, maps.Clone(c.env)
	return &part
}

// command prepares a run. The database is sampledb, where the arguments name none.
func (c *cli) command(args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	if slices.Contains(args, "--lake") && !slices.Contains(args, "--database") {
		args = append(slices.Clone(args), "--database", "sampledb")
	}
	cmd = exec.CommandContext(c.Context(), programs.Flowlake(c), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, stdout, stderr
	for name, value := range c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd, stdout, stderr
}

// run runs a command line, which must end with that code.
func (c *cli) run(code int, args ...string) (stdout, stderr string) {
	c.Helper()
	cmd, out, errs := c.command(args...)
	if got := programs.ExitCode(c.T, cmd.Run()); got != code {
		c.Fatalf("flowlake %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errs)
	}
	return out.String(), errs.String()
}

// fails runs a command line that must fail with a message of one line that holds those texts.
func (c *cli) fails(args []string, texts ...string) {
	c.Helper()
	_, stderr := c.run(failed, args...)
	for _, text := range texts {
		if !strings.Contains(stderr, text) || strings.Count(stderr, "\n") != 1 {
			c.Errorf("flowlake %s: want a line with %q, have %s", strings.Join(args, " "), text, stderr)
		}
	}
}

// fetched counts the outputs that were read so far.
func (c *cli) fetched() int {
	n := 0
	for _, r := range c.proxy.Log() {
		if r.Operation == "GetObject" && strings.HasSuffix(r.Key, ".parquet") {
			n++
		}
	}
	return n
}

// tree gives the SHA-256 of every object of a bucket, by its key.
func (c *cli) tree(bucket string) map[string][32]byte {
	c.Helper()
	return tree(c.T, filepath.Join(c.Gateway.Dir, bucket))
}

// put stores an object.
func (c *cli) put(bucket, key string, data []byte) {
	c.Helper()
	_, err := c.Client.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		c.Fatal(err)
	}
}

// tree gives the SHA-256 of every file below a directory, by its path there.
func tree(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		sums[filepath.ToSlash(name)] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
