package deploy_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/templatetest"
)

// wantTLSOnly checks that every bucket, queue and topic refuses all calls without TLS.
func wantTLSOnly(t *testing.T, s *templatetest.Stack) {
	t.Helper()
	covered := map[string]bool{}
	for id, r := range s.Resources {
		var of []any
		all := map[string]string{"AWS::S3::BucketPolicy": "s3:*", "AWS::SQS::QueuePolicy": "sqs:*", "AWS::SNS::TopicPolicy": "sns:Publish"}[r.Type]
		switch r.Type {
		case "AWS::S3::BucketPolicy":
			of = []any{r.Properties["Bucket"]}
		case "AWS::SQS::QueuePolicy":
			of, _ = r.Properties["Queues"].([]any)
		case "AWS::SNS::TopicPolicy":
			of, _ = r.Properties["Topics"].([]any)
		default:
			continue
		}
		for _, statement := range statements(r) {
			if statement["Effect"] == "Deny" && statement["Principal"] == "*" && statement["Action"] == all &&
				templatetest.JSON(statement["Condition"]) == `{"Bool":{"aws:SecureTransport":"false"}}` {
				for _, name := range of {
					covered[name.(string)] = true
				}
				on := templatetest.JSON(statement["Resource"])
				if name := of[0].(string); r.Type == "AWS::S3::BucketPolicy" && on != `["arn:aws:s3:::`+name+`","arn:aws:s3:::`+name+`/*"]` || !strings.Contains(on, "arn:aws:") {
					t.Errorf("%s: TLS is wanted for %s alone", id, on)
				}
			}
		}
	}
	for _, kind := range []string{"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"} {
		for _, id := range s.Of(kind) {
			name := s.Names[id]
			if !covered[name] {
				t.Errorf("%s does not insist on TLS", name)
			}
		}
	}
}

// statements gives the statements of a resource's policy document as they stand.
func statements(r templatetest.Resource) (all []map[string]any) {
	list, _ := templatetest.Get(r.Properties, "PolicyDocument", "Statement").([]any)
	for _, s := range list {
		all = append(all, s.(map[string]any))
	}
	return all
}

// wantLeastPrivilege checks that no role may more than it names: no wildcard for actions, and none
// for resources but below what the stack owns or reads.
func wantLeastPrivilege(t *testing.T, s *templatetest.Stack) {
	t.Helper()
	roles := s.Of("AWS::IAM::Role")
	for _, role := range roles {
		if s.Resources[role].Properties["ManagedPolicyArns"] != nil {
			t.Errorf("%s has policies that others write", role)
		}
		policies, err := s.Policies(role)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range policies {
			for _, st := range p.Statements {
				for _, action := range st.Actions {
					if strings.Contains(action, "*") {
						t.Errorf("%s may %s", role, action)
					}
				}
				for _, resource := range st.Resources {
					// arn:partition:service:region:account:resource
					part := strings.SplitN(resource, ":", 6)
					if len(part) < 6 || strings.HasPrefix(part[5], "*") || strings.ContainsAny(strings.Join(part[:5], ""), "*") {
						t.Errorf("%s may %q on %s", role, st.Actions, resource)
					}
				}
				if len(st.Resources) == 0 || st.Effect != "Allow" {
					t.Errorf("%s: statement %+v", role, st)
				}
			}
		}
	}
	if len(roles) == 0 {
		t.Error("no roles")
	}
}

// The rule lets new flow logs through and nothing else.
func TestTemplateRule(t *testing.T) {
	for _, test := range []struct {
		prefix, key string
		want        bool
	}{
		{"AWSLogs/", "AWSLogs/071855492661/globalaccelerator/us-west-2/2020/02/02/071855492661_globalaccelerator_ad530208-6600-4e87-9706-1f89a7e36abc_20200202T0105Z_1fb12345.log.gz", true},
		{"myprefix/AWSLogs/", "myprefix/AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20230221T1305Z_2e13fabb.log.gz", true},
		{"AWSLogs/", "AWSLogs/o-abc/012345678910/globalaccelerator/us-west-2/2023/02/21/x.log.gz", true},
		{"AWSLogs/", "myprefix/AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/x.log.gz", false},
		{"AWSLogs/", "AWSLogs/012345678910/vpcflowlogs/us-west-2/2023/02/21/x.log.gz", false},
		{"AWSLogs/", "AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/x.log", false},
		{"AWSLogs/", "lake/aga_flow_logs/year=2026/month=01/day=09/x.parquet", false},
	} {
		rule := evaluate(t, "template.yaml", map[string]string{"FlowLogPrefix": test.prefix}).Resources["FlowLogRule"].Properties
		pattern := rule["EventPattern"]
		wildcard, _ := templatetest.Get(pattern, "detail", "object", "key", 0, "wildcard").(string)
		matches := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(wildcard), `\*`, ".*") + "$").MatchString
		if matches(test.key) != test.want {
			t.Errorf("%s lets %s through: %t", wildcard, test.key, !test.want)
		}
		rest := map[string]any{"source": []any{"aws.s3"}, "detail-type": []any{"Object Created"},
			"detail": map[string]any{"bucket": map[string]any{"name": []any{"logs"}}, "object": map[string]any{"key": []any{map[string]any{"wildcard": wildcard}}}}}
		if !reflect.DeepEqual(pattern, any(rest)) {
			t.Errorf("the rule has the pattern %s, want %s", templatetest.JSON(pattern), templatetest.JSON(rest))
		}
		if target := templatetest.JSON(templatetest.Get(rule, "Targets", 0, "Arn")); target != `"arn:aws:sqs:eu-west-1:123456789012:flowlake-convert"` {
			t.Errorf("the rule's target is %s", target)
		}
	}
}

// The queues take messages from the rule, the first one also from the bucket, and from no other service.
func TestTemplateQueuePolicies(t *testing.T) {
	const (
		fromRule   = `events.amazonaws.com {"ArnEquals":{"aws:SourceArn":"arn:aws:events:eu-west-1:123456789012:rule/flowlake-flowlogrule"}}`
		fromBucket = `s3.amazonaws.com {"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::logs"},"StringEquals":{"aws:SourceAccount":"123456789012"}}`
	)
	s := evaluate(t, "template.yaml", nil)
	for policy, want := range map[string]struct {
		queue string
		from  []string
	}{
		"QueuePolicy":           {"flowlake-convert", []string{fromRule, fromBucket}},
		"DeadLetterQueuePolicy": {"flowlake-dead-letters", []string{fromRule}},
	} {
		var from []string
		for _, statement := range statements(s.Resources[policy]) {
			if statement["Effect"] != "Allow" {
				continue
			}
			from = append(from, templatetest.Get(statement, "Principal", "Service").(string)+" "+templatetest.JSON(statement["Condition"]))
			if statement["Action"] != "sqs:SendMessage" || statement["Resource"] != "arn:aws:sqs:eu-west-1:123456789012:"+want.queue {
				t.Errorf("%s: statement %s", policy, templatetest.JSON(statement))
			}
		}
		if !slices.Equal(from, want.from) {
			t.Errorf("%s lets in %q, want %q", policy, from, want.from)
		}
	}
}

// usedBy are the actions that the role of the state machine needs for what its definition uses. Source:
// Step Functions developer guide, "IAM policies for using Distributed Map states".
var usedBy = map[string][]string{
	"arn:aws:states:::lambda:invoke":              {"lambda:InvokeFunction"},
	"arn:aws:states:::aws-sdk:sfn:describeMapRun": {"states:DescribeMapRun"},
	"arn:aws:states:::s3:listObjectsV2":           {"s3:ListBucket"},
	"arn:aws:states:::s3:putObject":               {"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"},
	"DISTRIBUTED":                                 {"states:DescribeExecution", "states:RedriveExecution", "states:StartExecution", "states:StopExecution"},
}

// The role of the state machine may do what the definition needs, on what it needs, and nothing else.
func TestTemplateReplayRole(t *testing.T) {
	text, err := os.ReadFile("replay/statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	var definition any
	if err := json.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{}
	walk(definition, nil, func(_ []string, m map[string]any) {
		for _, name := range []string{"Resource", "Mode"} {
			resource, ok := m[name].(string)
			if ok && usedBy[resource] == nil {
				t.Errorf("nothing is known of what %s needs", resource)
			}
			for _, action := range usedBy[resource] {
				needed[action] = true
			}
		}
	})
	const states, key = "arn:aws:states:eu-west-1:123456789012:", "arn:aws:kms:eu-west-1:123456789012:key/lake"
	executions := []string{states + "execution:flowlake-replay:*", states + "execution:flowlake-replay/*"}
	want := map[string][]string{
		"lambda:InvokeFunction": {"arn:aws:lambda:eu-west-1:123456789012:function:flowlake-convert"},
		"s3:ListBucket":         {"arn:aws:s3:::logs"},
		"states:StartExecution": {states + "stateMachine:flowlake-replay"}, "states:DescribeMapRun": {states + "mapRun:flowlake-replay/*"},
		"states:DescribeExecution": executions, "states:StopExecution": executions, "states:RedriveExecution": executions,
	}
	for _, action := range usedBy["arn:aws:states:::s3:putObject"] {
		want[action] = []string{"arn:aws:s3:::my-lake/replay/*"}
	}
	if len(needed) != len(want) {
		t.Errorf("the definition needs %v", needed)
	}
	for _, action := range []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} { // S3 on its behalf
		want[action] = []string{key}
	}
	s := evaluate(t, "template.yaml", map[string]string{"LakeBucketName": "my-lake", "KmsKeyArn": key})
	policies, err := s.Policies("ReplayRole")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range policies {
		for _, statement := range p.Statements {
			condition := "null"
			for _, action := range statement.Actions {
				got[action] = append(got[action], statement.Resources...)
				switch {
				case action == "s3:ListBucket":
					condition = `{"StringLike":{"s3:prefix":"AWSLogs/*"}}`
				case strings.HasPrefix(action, "kms:"):
					condition = `{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}`
				}
			}
			if have := templatetest.JSON(statement.Condition); have != condition {
				t.Errorf("%q has the condition %s, want %s", statement.Actions, have, condition)
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the role has %v, want %v", got, want)
	}
}
