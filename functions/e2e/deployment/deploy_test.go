// Package deployment runs the deployment's script against what stands in for AWS.
package deployment

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/functions/e2e/world"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/functions/internal/mototest"
	"github.com/flowlake/flowlake/schema"
)

// TestDeploy runs deploy.sh with the AWS CLI against moto's server, which makes most of the resources of
// the stacks, and then again with another zip file and another parameter. What moto passes over stays
// unseen here: Glue, whose world.Tables are made in our own fake instead, Athena, alarms, and the policies of
// buckets, queues and topics.
//
// FLOWLAKE_AWS is the path of the AWS CLI, which make ci installs.
func TestDeploy(t *testing.T) {
	cli := os.Getenv("FLOWLAKE_AWS")
	if cli == "" {
		if os.Getenv("FLOWLAKE_CI") != "" {
			t.Fatal("FLOWLAKE_AWS is not set, though FLOWLAKE_CI is")
		}
		t.Skip("FLOWLAKE_AWS is not set")
	}
	// By a name, or the CLI takes an uploaded template's bucket for a host.
	moto := strings.Replace(mototest.Start(t, os.Getenv), "127.0.0.1", "localhost", 1)
	glue := gluetest.Start()
	t.Cleanup(glue.Close)
	d := &deployment{T: t, env: []string{"PATH=" + filepath.Dir(cli) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=secret", "AWS_PAGER=",
		"AWS_ENDPOINT_URL=" + moto, "AWS_ENDPOINT_URL_GLUE=" + glue.URL(), "AWS_ENDPOINT_URL_SQS=" + moto}}
	c, err := gluecatalog.New(gluecatalog.NewClient(aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(glue.URL()), Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}),
		gluecatalog.Options{Database: "sampledb", LakeURL: "s3://any", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range world.Tables() {
		if err := c.EnsureTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
		glue.DropIndexes("sampledb", table.Name) // CloudFormation makes none
	}

	out := d.deploy("first", "CreateFlowLogBucket=true", "DatabaseName=sampledb", "LakeBucketName=lake", "MemorySize=512")
	if strings.Count(out, "partition index of sampledb.") != 2 || !strings.Contains(out, "flowlake attach --bucket logs") {
		t.Errorf("the first deployment says\n%s", out)
	}
	name, _ := schema.PartitionIndex()
	for _, table := range world.Tables() {
		if index, err := c.EnsureIndex(t.Context(), table); err != nil || index.Added || index.Name != name {
			t.Errorf("%s: index %+v, error %v", table.Name, index, err)
		}
	}
	function := d.aws("lambda", "get-function-configuration", "--function-name", "flowlake-convert")
	for path, want := range map[string]any{"Runtime": "provided.al2023", "Timeout": 180.0, "MemorySize": 512.0} {
		if got := function[path]; got != want {
			t.Errorf("the function has %s %v, want %v", path, got, want)
		}
	}
	for variable, want := range map[string]string{"FLOWLAKE_LAKE": "s3://lake/lake", "FLOWLAKE_SOURCES": "s3://logs/AWSLogs/", "FLOWLAKE_DATABASE": "sampledb"} {
		if got := templatetest.Get(function, "Environment", "Variables", variable); got != want {
			t.Errorf("the function has %s %v, want %s", variable, got, want)
		}
	}
	mapping := d.aws("lambda", "list-event-source-mappings", "--function-name", "flowlake-convert")
	if got := templatetest.JSON(templatetest.Get(mapping, "EventSourceMappings", 0, "FunctionResponseTypes")); got != `["ReportBatchItemFailures"]` {
		t.Errorf("the queue's mapping has response types %s", got)
	}
	code, _ := templatetest.Get(d.aws("cloudformation", "describe-stack-resource", "--stack-name", "flowlake-code", "--logical-resource-id", "CodeBucket"),
		"StackResourceDetail", "PhysicalResourceId").(string)
	zips := func() int {
		list, _ := d.aws("s3api", "list-objects-v2", "--bucket", code, "--prefix", "convert-arm64-")["Contents"].([]any)
		return len(list)
	}
	if n := zips(); n != 1 {
		t.Errorf("%d zip files in %s", n, code)
	}

	// Again: the code's bucket is there, the function gets the new code, and what is not named stays.
	out = d.deploy("second", "MemorySize=1024")
	if strings.Contains(out, "partition index") {
		t.Errorf("the second deployment says\n%s", out)
	}
	function = d.aws("lambda", "get-function-configuration", "--function-name", "flowlake-convert")
	if function["MemorySize"] != 1024.0 || templatetest.Get(function, "Environment", "Variables", "FLOWLAKE_DATABASE") != "sampledb" || zips() != 2 {
		t.Errorf("after the second deployment: %d zip files, function %v", zips(), function)
	}

	if out, err := d.run(filepath.Join(d.directory(), "deploy.sh"), "", "", "x.zip", "arm64"); err == nil || !strings.Contains(out, "usage: make deploy") {
		t.Errorf("without a stack and a bucket it says %s, %v", out, err)
	}
}

// deployment runs the AWS CLI, and what runs it.
type deployment struct {
	*testing.T
	env []string
}

func (d *deployment) directory() string {
	d.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "deploy"))
	if err != nil {
		d.Fatal(err)
	}
	return dir
}

// deploy deploys a zip file of that content and gives what was printed.
func (d *deployment) deploy(content string, parameters ...string) string {
	d.Helper()
	zip := filepath.Join(d.TempDir(), "convert.zip")
	if err := os.WriteFile(zip, []byte(content), 0o644); err != nil {
		d.Fatal(err)
	}
	out, err := d.run(filepath.Join(d.directory(), "deploy.sh"), append([]string{"flowlake", "logs", zip, "arm64"}, parameters...)...)
	if err != nil {
		d.Fatalf("deploy.sh: %v\n%s", err, out)
	}
	return out
}

// aws gives the answer to a command of the AWS CLI.
func (d *deployment) aws(args ...string) (answer map[string]any) {
	d.Helper()
	out, err := d.run("aws", append(args, "--output", "json")...)
	if err == nil {
		err = json.Unmarshal([]byte(out), &answer)
	}
	if err != nil {
		d.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return answer
}

func (d *deployment) run(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(d.Context(), "env", append([]string{name}, args...)...) // which looks in the PATH of d.env
	cmd.Env = d.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
