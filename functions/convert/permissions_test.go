package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/templatetest"
)

// grant is an action of the function's role.
type grant struct {
	action string
	// by says who else than the code uses it, and for what; "" for the code.
	by string
	// on is what it is for, as far as the stack has it: no more and no less.
	on []string
}

// grants are all actions of the role, with both keys of KMS.
//
// Sources: "Using Lambda with Amazon SQS" in the developer guide of Lambda for the queue;
// AWSLambdaBasicExecutionRole in the reference of AWS managed policies for the log, which the template
// makes itself; "Using server-side encryption with KMS keys" in the user guide of S3; "Actions,
// resources, and condition keys for AWS Glue" for what Glue asks for besides the table.
func grants() []grant {
	glue := []string{
		"arn:aws:glue:eu-west-1:123456789012:catalog",
		"arn:aws:glue:eu-west-1:123456789012:database/flowlake",
		"arn:aws:glue:eu-west-1:123456789012:table/flowlake/aga_flow_logs",
		"arn:aws:glue:eu-west-1:123456789012:table/flowlake/aga_flow_logs_rejects",
	}
	lake := []string{"arn:aws:s3:::lake/lake/aga_flow_logs/*", "arn:aws:s3:::lake/lake/aga_flow_logs_rejects/*"}
	queue := []string{"arn:aws:sqs:eu-west-1:123456789012:flowlake-convert"}
	log := []string{"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/flowlake-convert:*"}
	return []grant{
		{"s3:GetObject", "", []string{"arn:aws:s3:::logs/AWSLogs/*/globalaccelerator/*"}},
		{"s3:PutObject", "", lake},
		{"s3:AbortMultipartUpload", "", lake},
		{"glue:GetTable", "", glue},
		{"glue:BatchCreatePartition", "", glue},
		{"sqs:ReceiveMessage", "Lambda's pollers take messages for the function", queue},
		{"sqs:DeleteMessage", "Lambda's pollers delete the messages that are done with", queue},
		{"sqs:GetQueueAttributes", "Lambda asks for the queue's visibility timeout and depth", queue},
		{"logs:CreateLogStream", "Lambda begins a log stream for each environment", log},
		{"logs:PutLogEvents", "Lambda writes what the function prints", log},
		{"kms:GenerateDataKey", "S3 encrypts an object or an upload", []string{lakeKey}},
		{"kms:Decrypt", "S3 decrypts a log, and the parts of an upload as it goes on with it", []string{lakeKey, logKey}},
	}
}

const (
	lakeKey = "arn:aws:kms:eu-west-1:123456789012:key/lake"
	logKey  = "arn:aws:kms:eu-west-1:123456789012:key/logs"
)

// viaS3 is the condition on the keys: S3 may use them on the function's behalf, and nobody else.
const viaS3 = `{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}`

// TestPermissions holds that the function's role may do what the code does and Lambda and S3 do for it,
// on what they do it to, and nothing else.
func TestPermissions(t *testing.T) {
	code := map[string]bool{}
	for _, p := range readCalls(t) {
		if p.granted {
			code[p.action] = true
		}
	}
	for _, g := range grants() {
		if (g.by == "") != code[g.action] {
			t.Errorf("the code uses %s according to testdata/calls.txt: %t; others do: %q", g.action, code[g.action], g.by)
		}
		delete(code, g.action)
	}
	for action := range code {
		t.Errorf("the code uses %s, which nothing is granted for", action)
	}

	for _, parameters := range []map[string]string{
		nil,
		{"KmsKeyArn": lakeKey},
		{"FlowLogKmsKeyArn": logKey},
		{"KmsKeyArn": lakeKey, "FlowLogKmsKeyArn": logKey, "LakeFormation": "true", "CreateFlowLogBucket": "true"},
	} {
		want := map[string][]string{}
		for _, g := range grants() {
			for _, on := range g.on {
				if on != lakeKey && on != logKey || on == parameters["KmsKeyArn"] || on == parameters["FlowLogKmsKeyArn"] {
					want[g.action] = append(want[g.action], on)
				}
			}
		}
		s := deployed(t, parameters)
		got := granted(t, s.Resources["ConvertRole"].Properties)
		for _, problem := range compareGrants(got, want) {
			t.Errorf("with %v, %s", parameters, problem)
		}
		wantPlantedFound(t, got, want)
		wantNoOtherUses(t, s)
	}
}

// compareGrants says what a role has other than it should.
func compareGrants(got, want map[string][]string) (problems []string) {
	for _, action := range slices.Sorted(maps.Keys(got)) {
		have, need := slices.Sorted(slices.Values(got[action])), slices.Sorted(slices.Values(want[action]))
		if !slices.Equal(have, need) {
			problems = append(problems, fmt.Sprintf("the role has %s on %q, want %q", action, have, need))
		}
	}
	for _, action := range slices.Sorted(maps.Keys(want)) {
		if got[action] == nil {
			problems = append(problems, fmt.Sprintf("the role lacks %s on %q", action, want[action]))
		}
	}
	return problems
}

// wantPlantedFound plants errors into what a role has: each action is missing once, misses each of its
// resources once, and one too many is there.
func wantPlantedFound(t *testing.T, got, want map[string][]string) {
	t.Helper()
	planted := func(action string, on []string, problem string) {
		t.Helper()
		wrong := maps.Clone(got)
		if wrong[action] = on; on == nil {
			delete(wrong, action)
		}
		if found := compareGrants(wrong, want); len(found) != 1 || !strings.HasPrefix(found[0], problem+" "+action) {
			t.Errorf("with %s on %q: %q, want %s %[1]s", action, on, found, problem)
		}
	}
	for action, on := range got {
		planted(action, nil, "the role lacks")
		for i := range on {
			if len(on) > 1 {
				planted(action, slices.Delete(slices.Clone(on), i, i+1), "the role has")
			}
		}
		planted(action, append(slices.Clone(on), "*"), "the role has")
	}
	planted("s3:ListBucket", []string{"arn:aws:s3:::logs"}, "the role has")
}

// granted gives what a role may do, and on what.
func granted(t *testing.T, role map[string]any) map[string][]string {
	t.Helper()
	actions := map[string][]string{}
	for _, policy := range list(role["Policies"]) {
		for _, s := range list(templatetest.Get(policy, "PolicyDocument", "Statement")) {
			statement, condition := s.(map[string]any), "null"
			for _, a := range list(statement["Action"]) {
				action := a.(string)
				for _, on := range list(statement["Resource"]) {
					actions[action] = append(actions[action], on.(string))
				}
				if strings.HasPrefix(action, "kms:") {
					condition = viaS3
				}
			}
			if have := templatetest.JSON(statement["Condition"]); statement["Effect"] != "Allow" || have != condition {
				t.Errorf("a statement has effect %v and condition %s, want to allow on %s: %s", statement["Effect"], have, condition, templatetest.JSON(s))
			}
			for element := range statement {
				if !slices.Contains([]string{"Sid", "Effect", "Action", "Resource", "Condition"}, element) {
					t.Errorf("a statement has %s: %s", element, templatetest.JSON(s))
				}
			}
		}
	}
	for _, more := range []string{"ManagedPolicyArns", "PermissionsBoundary"} {
		if role[more] != nil {
			t.Errorf("the role has %s", more)
		}
	}
	return actions
}

// wantNoOtherUses checks that nothing is turned on for which Lambda would use more of the role.
func wantNoOtherUses(t *testing.T, s *templatetest.Stack) {
	t.Helper()
	for id, properties := range map[string][]string{
		"Convert":      {"DeadLetterConfig", "FileSystemConfigs", "KmsKeyArn", "TracingConfig", "VpcConfig"},
		"ConvertQueue": {"DestinationConfig", "KmsKeyArn"},
		"Queue":        {"KmsMasterKeyId"},
	} {
		if s.Resources[id].Properties == nil {
			t.Errorf("there is no %s", id)
		}
		for _, p := range properties {
			if s.Resources[id].Properties[p] != nil {
				t.Errorf("%s has %s, for which the role lacks permissions", id, p)
			}
		}
	}
	if configured := s.Of("AWS::Lambda::EventInvokeConfig"); configured != nil {
		t.Errorf("%q may send results to where the role may not send them", configured)
	}
}

// list gives what an element stands for that is a list or one thing.
func list(element any) []any {
	if all, ok := element.([]any); ok {
		return all
	}
	return []any{element}
}
