package deploy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/schema"
)

// required are values for the parameters that have no default.
var required = map[string]string{"FlowLogBucket": "logs", "CodeBucket": "code", "CodeKey": "convert-arm64.zip"}

// The tables are those of schema/.
func TestTemplateHasTheTables(t *testing.T) {
	log := schema.Tables()[0]
	generated(t, "template.yaml", "tables", tableResource("FlowLogTable", log)+"\n"+tableResource("RejectsTable", log.Rejects()))
}

// tableResource writes a table as a resource of the template.
func tableResource(id string, t *schema.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, `  %s:
    Type: AWS::Glue::Table
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !If [NewDatabase, !Ref Database, !Ref DatabaseName]
      TableInput:
        Name: %s
        Description: %s
        TableType: EXTERNAL_TABLE
        Parameters:
          EXTERNAL: 'TRUE'
`, id, t.Name, t.Comment)
	for _, p := range t.Properties() {
		fmt.Fprintf(&b, "          %s: '%s'\n", p.Key, p.Value)
	}
	b.WriteString("        PartitionKeys:\n")
	columns(&b, "          ", schema.PartitionKeys())
	fmt.Fprintf(&b, `        StorageDescriptor:
          Location: !Sub 's3://${LakeBucket}/lake/%s/'
          InputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat
          OutputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat
          SerdeInfo:
            SerializationLibrary: org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe
            Parameters: {serialization.format: '1'}
          Columns:
`, t.Name)
	columns(&b, "            ", t.Columns)
	return b.String()
}

func columns(b *strings.Builder, indent string, columns []schema.Column) {
	for _, c := range columns {
		fmt.Fprintf(b, "%s- {Name: %s, Type: %s, Comment: %s}\n", indent, c.Name, c.Type.Hive(), quoted(c.Comment))
	}
}

// quoted writes a text in single quotes, as YAML has them.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// The named queries are those of deploy/queries.
func TestTemplateHasTheNamedQueries(t *testing.T) {
	all, err := queries.All()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, q := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		id := ""
		for word := range strings.SplitSeq(q.Name, "-") {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
		fmt.Fprintf(&b, `  %sQuery:
    Type: AWS::Athena::NamedQuery
    Properties:
      Name: %s
      Description: %s
      WorkGroup: !Ref WorkGroup
      Database: !If [NewDatabase, !Ref Database, !Ref DatabaseName]
      QueryString: |
`, id, q.Name, quoted(q.Description))
		for line := range strings.Lines(q.SQL) {
			b.WriteString("        " + line)
		}
	}
	generated(t, "template.yaml", "queries", b.String())
}

// The state machine is that of deploy/replay.
func TestTemplateHasTheStateMachine(t *testing.T) {
	definition, err := os.ReadFile("replay/statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("        - |\n")
	for line := range strings.Lines(string(definition)) {
		b.WriteString("          " + line)
	}
	generated(t, "template.yaml", "state machine", b.String())
}

// mostBatchingWindow is the longest time that a batch of messages may be waited for, in seconds.
const mostBatchingWindow = 300

// What must hold whatever the parameters.
func TestTemplatePromises(t *testing.T) {
	for _, parameters := range []map[string]string{
		nil,
		{"CreateFlowLogBucket": "true", "FlowLogPrefix": "mine/AWSLogs/", "LakeVersioning": "true", "LakeFormation": "true", "AlarmEmail": "ops@example.com"},
		{"CreateDatabase": "false", "DatabaseName": "sampledb", "SilentMinutes": "0", "LakeBucketName": "my-lake",
			"KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/lake", "FlowLogKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/logs"},
	} {
		s := evaluate(t, "template.yaml", parameters)
		timeout := number(t, s.Resources["Convert"].Properties["Timeout"])
		if visibility := number(t, s.Resources["Queue"].Properties["VisibilityTimeout"]); visibility != 6*timeout+mostBatchingWindow {
			t.Errorf("messages are hidden for %d s, want six times the %d s of the function and the batching window", visibility, timeout)
		}
		if alarm := number(t, s.Resources["DurationAlarm"].Properties["Threshold"]); alarm != timeout*1000*4/5 {
			t.Errorf("the alarm on the duration is at %d ms, want four fifths of the function's %d s", alarm, timeout)
		}
		if got := templatetest.Get(s.Resources["Queue"].Properties, "RedrivePolicy", "maxReceiveCount"); got != 5 {
			t.Errorf("messages are received %v times", got)
		}
		for _, id := range s.Of("AWS::S3::Bucket") {
			r := s.Resources[id]
			if r.DeletionPolicy != "RetainExceptOnCreate" {
				t.Errorf("bucket %s goes with the stack", id)
			}
			for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if templatetest.Get(r.Properties, "PublicAccessBlockConfiguration", block) != true {
					t.Errorf("bucket %s: no %s", id, block)
				}
			}
			algorithm := templatetest.Get(r.Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "SSEAlgorithm")
			key := "KmsKeyArn"
			if id != "LakeBucket" {
				key = "FlowLogKmsKeyArn"
			}
			if want := map[bool]string{false: "AES256", true: "aws:kms"}[parameters[key] != ""]; algorithm != want {
				t.Errorf("bucket %s is encrypted by %v, want %s", id, algorithm, want)
			}
			if !strings.Contains(templatetest.JSON(templatetest.Get(r.Properties, "LifecycleConfiguration")), `"AbortIncompleteMultipartUpload"`) {
				t.Errorf("bucket %s keeps incomplete uploads", id)
			}
		}
		want := []string{"DeadLettersAlarm", "DurationAlarm", "ErrorsAlarm", "FailuresAlarm", "QueueAgeAlarm", "RejectsAlarm", "SilenceAlarm", "ThrottlesAlarm"}
		if parameters["SilentMinutes"] == "0" {
			want = slices.DeleteFunc(want, func(id string) bool { return id == "SilenceAlarm" })
		}
		if alarms := s.Of("AWS::CloudWatch::Alarm"); !slices.Equal(alarms, want) {
			t.Errorf("alarms %q, want %q", alarms, want)
		}
		for _, id := range s.Of("AWS::CloudWatch::Alarm") {
			p := s.Resources[id].Properties
			if actions := templatetest.JSON(p["AlarmActions"]); actions != `["arn:aws:sns:eu-west-1:123456789012:flowlake-alarms"]` {
				t.Errorf("%s tells %s", id, actions)
			}
			if p["TreatMissingData"] == nil || p["AlarmDescription"] == nil {
				t.Errorf("%s does not say what a missing value means, or what to do", id)
			}
		}
		wantTLSOnly(t, s)
		wantLeastPrivilege(t, s)
	}
}

// Every parameter says what it is for, and has its place in the console.
func TestTemplateParametersAreDocumented(t *testing.T) {
	for _, file := range []string{"template.yaml", "quicksight.yaml"} {
		tmpl, err := templatetest.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		grouped := templatetest.JSON(templatetest.Get(tmpl.Document, "Metadata", "AWS::CloudFormation::Interface", "ParameterGroups"))
		parameters, _ := tmpl.Document["Parameters"].(map[string]any)
		for name, p := range parameters {
			if d, _ := templatetest.Get(p, "Description").(string); d == "" {
				t.Errorf("%s: %s has no description", file, name)
			}
			if !strings.Contains(grouped, `"`+name+`"`) {
				t.Errorf("%s: %s is in no group", file, name)
			}
			checked := false
			for _, bound := range []string{"AllowedPattern", "AllowedValues", "MinValue", "MinLength"} {
				checked = checked || templatetest.Get(p, bound) != nil
			}
			if !checked {
				t.Errorf("%s: any value is allowed for %s", file, name)
			}
		}
		if len(parameters) == 0 {
			t.Errorf("%s has no parameters", file)
		}
	}
}

// evaluate gives the stack of a template with those parameters, and with values for those that have
// no default.
func evaluate(t *testing.T, file string, parameters map[string]string) *templatetest.Stack {
	t.Helper()
	all := map[string]string{}
	for name, value := range required {
		all[name] = value
	}
	for name, value := range parameters {
		all[name] = value
	}
	tmpl, err := templatetest.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tmpl.Evaluate(all)
	if err != nil {
		t.Fatalf("%s with %v: %v", file, parameters, err)
	}
	return s
}

func number(t *testing.T, v any) int {
	t.Helper()
	n, ok := v.(int)
	if !ok {
		t.Fatalf("%v is no integer", v)
	}
	return n
}

// The indexes that deploy.sh makes are those of the schema.
func TestDeployMakesThePartitionIndexes(t *testing.T) {
	name, keys := schema.PartitionIndex()
	tables := "for table in " + schema.Tables()[0].Name + " " + schema.Tables()[0].Rejects().Name + "; do"
	for _, file := range []string{"deploy.sh", "README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := "IndexName=" + name + ",Keys=" + strings.Join(keys, ","); !strings.Contains(string(text), want) || !strings.Contains(string(text), tables) {
			t.Errorf("%s makes other indexes than %s, %s", file, want, tables)
		}
	}
}
