package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog/gluetest"
	"github.com/flowlake/flowlake/schema"
)

// Tables that a template or Athena's DDL made get the partition index that they lack, and a table whose
// index Athena would not use is told of, until somebody mends it.
func TestTableCreateAddsPartitionIndexes(t *testing.T) {
	const lake = "s3://bucket/lake"
	server := gluetest.Start()
	t.Cleanup(server.Close)
	withoutAWS(t, map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL_GLUE": server.URL(),
	})
	create := func(code exitCode) (stdout, stderr string) {
		t.Helper()
		return flowlake(t, code, "table", "create", "--lake", lake, "--database", "sampledb")
	}
	want := func(logs, rejects string) {
		t.Helper()
		text := "table aga_flow_logs in Glue database sampledb, over " + lake + "/aga_flow_logs/: " + logs + "\n" +
			"table aga_flow_logs_rejects in Glue database sampledb, over " + lake + "/aga_flow_logs_rejects/: " + rejects + "\n"
		if got, _ := create(exitOK); got != text {
			t.Errorf("says\n%swant\n%s", got, text)
		}
	}
	want("created", "created")
	if n := server.Calls("GetPartitionIndexes") + server.Calls("CreatePartitionIndex"); n != 0 {
		t.Errorf("%d requests for indexes of tables that were made with theirs", n)
	}
	want("there already", "there already")

	server.DropIndexes("sampledb", "aga_flow_logs")
	want("there already; partition index year_month_day added", "there already")
	want("there already", "there already")

	// The rejects table as Athena made it by the DDL of an earlier version.
	server.DropTable("sampledb", "aga_flow_logs_rejects")
	rejects := gluecatalog.TableInput(schema.GlobalAccelerator().Rejects(), lake)
	delete(rejects.Parameters, schema.PartitionFiltering().Key)
	cfg, err := new(cloud).load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	input := &glue.CreateTableInput{DatabaseName: aws.String("sampledb"), TableInput: rejects}
	if _, err := gluecatalog.NewClient(cfg).CreateTable(t.Context(), input); err != nil {
		t.Fatal(err)
	}
	const hint = "; for Athena to use the partition index, run there: " +
		"ALTER TABLE `sampledb`.`aga_flow_logs_rejects` SET TBLPROPERTIES ('partition_filtering.enabled' = 'true');"
	want("there already", "there already; partition index year_month_day added"+hint)
	want("there already", "there already"+hint)

	server.SetHook(func(op string, _ gluetest.When) *gluetest.Fault {
		if op != "GetPartitionIndexes" {
			return nil
		}
		return gluetest.Denied()
	})
	stdout, stderr := create(exitFailed)
	if !strings.HasPrefix(stderr, "flowlake: read partition indexes of sampledb.aga_flow_logs: access denied: GetPartitionIndexes: ") ||
		strings.Count(stderr, "\n") != 1 || stdout != "" {
		t.Errorf("denied, it says %s%s", stdout, stderr)
	}
}
