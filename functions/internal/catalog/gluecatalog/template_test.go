package gluecatalog_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/schema"
)

// The tables of the template are those that the catalog would create, to the last property.
func TestTemplateTables(t *testing.T) {
	tmpl, err := templatetest.Load("../../../../deploy/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := tmpl.Evaluate(map[string]string{"FlowLogBucket": "logs", "LakeBucketName": "lake", "CodeBucket": "code", "CodeKey": "zip"})
	if err != nil {
		t.Fatal(err)
	}
	log := schema.Tables()[0]
	for id, table := range map[string]*schema.Table{"FlowLogTable": log, "RejectsTable": log.Rejects()} {
		var input types.TableInput // its fields are named as the template's properties are
		if err := json.Unmarshal([]byte(templatetest.JSON(s.Resources[id].Properties["TableInput"])), &input); err != nil {
			t.Fatal(err)
		}
		have, want := templatetest.JSON(input), templatetest.JSON(gluecatalog.TableInput(table, "s3://lake/lake"))
		if have != want {
			t.Errorf("%s: the template has\n%s\nwant\n%s", id, have, want)
		}
		if database := s.Resources[id].Properties["DatabaseName"]; database != "flowlake" {
			t.Errorf("%s is in %v", id, database)
		}
	}
	if ids := s.Of("AWS::Glue::Table"); len(ids) != 2 {
		t.Errorf("tables %q", ids)
	}
}
