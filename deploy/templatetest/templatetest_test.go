package templatetest

import (
	"strings"
	"testing"
)

const sample = `
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Name: {Type: String, AllowedPattern: '[a-z]+'}
  Size: {Type: Number, Default: 3, MinValue: 2, MaxValue: 5}
  Kind: {Type: String, Default: small, AllowedValues: [small, large]}
  List: {Type: CommaDelimitedList, Default: 'a, b'}
Conditions:
  Large: !Equals [!Ref Kind, large]
  Odd: !And [!Not [!Condition Large], !Or [!Equals [!Ref Size, 3], !Equals [!Ref Size, '5']]]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties: {BucketName: !If [Large, !Ref Name, !Ref 'AWS::NoValue'], On: true}
  Queue:
    Type: AWS::SQS::Queue
    Condition: Odd
    Properties:
      QueueName: !Sub '${AWS::StackName}-${Name}'
      Values:
        - !GetAtt Bucket.Arn
        - !Sub ['${Own}/${Bucket}/${!Literal}', {Own: !Join ['+', !Ref List]}]
        - !Select [1, !Split ['-', 'x-y']]
        - !If [Large, large, !Ref 'AWS::NoValue']
        - Fn::Sub: '${Bucket.Arn}/*'
        - !Ref Queue2
  Queue2: {Type: AWS::SQS::Queue}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: p
          PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: [a, b]}]}
Outputs:
  Url: {Value: !Ref Queue2}
  Odd: {Condition: Odd, Value: !GetAtt Queue.QueueName}
`

func TestEvaluate(t *testing.T) {
	tmpl, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	s, err := tmpl.Evaluate(map[string]string{"Name": "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := JSON(s.Resources["Queue"].Properties), `{"QueueName":"flowlake-mine","Values":["arn:aws:s3:::flowlake-bucket","a+b/flowlake-bucket/${Literal}","y",`+
		`"arn:aws:s3:::flowlake-bucket/*","https://sqs.eu-west-1.amazonaws.com/123456789012/flowlake-queue2"]}`; got != want {
		t.Errorf("have %s\nwant %s", got, want)
	}
	if b := s.Resources["Bucket"]; JSON(b.Properties) != `{"On":true}` || b.DeletionPolicy != "Retain" {
		t.Errorf("%+v", b)
	}
	if got := JSON(s.Outputs); got != `{"Odd":"flowlake-mine","Url":"https://sqs.eu-west-1.amazonaws.com/123456789012/flowlake-queue2"}` {
		t.Errorf("outputs %s", got)
	}
	policies, err := s.Policies("Role")
	if err != nil || JSON(policies) != `[{"Name":"p","Statements":[{"Effect":"Allow","Actions":["s3:GetObject"],"Resources":["a","b"],"Condition":null}]}]` {
		t.Errorf("policies %s, %v", JSON(policies), err)
	}
	if _, err := s.Policies("Queue"); err == nil {
		t.Error("a queue has policies")
	}

	s, err = tmpl.Evaluate(map[string]string{"Name": "mine", "Kind": "large"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Resources["Queue"]; ok || s.Outputs["Odd"] != nil || s.Resources["Bucket"].Properties["BucketName"] != "mine" {
		t.Errorf("%+v", s)
	}
	if ids := s.Of("AWS::SQS::Queue"); len(ids) != 1 || ids[0] != "Queue2" {
		t.Errorf("queues %q", ids)
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		parameters map[string]string
		find       string // is replaced
		by         string
		want       string
	}{
		{nil, "", "", "parameter Name is missing"},
		{map[string]string{"Name": "x", "Other": "y"}, "", "", "no parameter Other"},
		{map[string]string{"Name": "X"}, "", "", "does not match"},
		{map[string]string{"Name": "x", "Size": "1"}, "", "", "less than 2"},
		{map[string]string{"Name": "x", "Size": "6"}, "", "", "more than 5"},
		{map[string]string{"Name": "x", "Kind": "huge"}, "", "", "none of"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!GetAtt Bucket.Colour", "attribute Colour"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!Ref Missing", "no resource or parameter Missing"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!Sub '${Missing}'", "no resource or parameter Missing"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!Sub '${List}'", "is a list"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!Base64 x", "Fn::Base64"},
		{map[string]string{"Name": "x"}, "!GetAtt Bucket.Arn", "!If [Missing, 1, 2]", "no condition Missing"},
		{map[string]string{"Name": "x"}, "Condition: Odd\n    Prop", "Condition: Missing\n    Prop", "no condition Missing"},
		{map[string]string{"Name": "x"}, "'${AWS::StackName}-${Name}'", "'${Queue}'", "in a circle"},
		{map[string]string{"Name": "x", "Kind": "large"}, "{Value: !Ref Queue2}", "{Value: !Ref Queue}", "condition of Queue does not hold"},
		{map[string]string{"Name": "x"}, "  Queue2: {Type: AWS::SQS::Queue}", "  Queue2: {Type: AWS::New::Thing}", "AWS::New::Thing is called is not known"},
		{map[string]string{"Name": "x"}, "  Queue2: {", "  Bucket: {", "Bucket stands there twice"},
		{map[string]string{"Name": "x"}, "Action: 's3:GetObject'", "Action: &a 's3:GetObject', Other: *a", "no aliases"},
	} {
		tmpl, err := Parse([]byte(strings.Replace(sample, test.find, test.by, 1)))
		if err == nil {
			_, err = tmpl.Evaluate(test.parameters)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, %q for %q: error %v, want %s", test.parameters, test.by, test.find, err, test.want)
		}
	}
}
