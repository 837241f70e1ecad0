package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// document gives a policy of statements, in which 'arn:' stands for the bucket "lake".
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.ReplaceAll(strings.Join(statements, ","), `"arn:`, `"arn:aws:s3:::lake`) + `]}`
}

// calls are what the tests of policies do with the bucket "lake", or with a key of it.
var calls = map[string]func(t *testing.T, c *s3.Client, key string) error{
	"get": func(t *testing.T, c *s3.Client, key string) error {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: &key})
		if err == nil {
			err = out.Body.Close()
		}
		return err
	},
	"head": func(t *testing.T, c *s3.Client, key string) error {
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("lake"), Key: &key})
		return err
	},
	"put": func(t *testing.T, c *s3.Client, key string) error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader("data")})
		return err
	},
	"put encrypted": func(t *testing.T, c *s3.Client, key string) error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader("data"), ServerSideEncryption: types.ServerSideEncryptionAwsKms})
		return err
	},
	"upload": func(t *testing.T, c *s3.Client, key string) error {
		out, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: &key})
		if err != nil {
			return err
		}
		part, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String("lake"), Key: &key, UploadId: out.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("data")})
		if err != nil {
			return err
		}
		_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: aws.String("lake"), Key: &key, UploadId: out.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}})
		return err
	},
	"abort": func(t *testing.T, c *s3.Client, key string) error {
		_, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: aws.String("lake"), Key: &key, UploadId: aws.String("none")})
		if code(err) == "NoSuchUpload" {
			err = nil // what is asked for is not there, but may be asked for
		}
		return err
	},
	"delete": func(t *testing.T, c *s3.Client, key string) error {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: &key})
		return err
	},
	"list": func(t *testing.T, c *s3.Client, prefix string) error {
		_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("lake"), Prefix: &prefix})
		return err
	},
	"uploads": func(t *testing.T, c *s3.Client, _ string) error {
		_, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("lake")})
		return err
	},
	"buckets": func(t *testing.T, c *s3.Client, _ string) error {
		_, err := c.ListBuckets(t.Context(), nil)
		return err
	},
}

// allowing gives a statement.
func allowing(action, resource string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q}`, action, resource)
}

// denying gives a statement.
func denying(action, resource string) string {
	return strings.Replace(allowing(action, resource), "Allow", "Deny", 1)
}

// when gives a statement with a condition.
func when(statement, condition string) string {
	return strings.TrimSuffix(statement, "}") + `,"Condition":` + condition + "}"
}

// TestPolicies holds that policies are enforced as IAM's user guide has it ("Policy evaluation logic",
// "IAM JSON policy elements"), and actions as S3's has it ("Required permissions for Amazon S3 API
// operations"). What is asked for is a call and a key of the bucket, where one has to be.
func TestPolicies(t *testing.T) {
	g := withBucket(t)
	for _, key := range []string{"abc", "a/c", "ABC", "a/b/c", "a/b/x/c", "ac", "other/abc"} {
		if err := put(t, g, key, "data"); err != nil {
			t.Fatal(err)
		}
	}
	everything := []string{"get abc", "head abc", "put new", "upload up", "abort abc", "delete new", "list a/", "uploads", "buckets"}
	for _, test := range []struct {
		name     string
		policies []string
		allowed  []string
		denied   []string
	}{
		{"no policy", nil, nil, everything},
		{"of another bucket", []string{document(allowing("*", "arn:s/*"))}, nil, everything},
		{"everything", []string{document(allowing("*", "*"))}, everything, nil},
		{"everything of S3", []string{document(allowing("s3:*", "*"))}, everything, nil},
		{"everything of Glue", []string{document(allowing("glue:*", "*"))}, nil, everything},
		{"of objects, not of the bucket", []string{document(allowing("s3:*", "arn:/*"))},
			[]string{"get abc", "put new", "upload up", "abort abc", "delete new"}, []string{"list ", "uploads", "buckets"}},
		{"of the bucket, not of objects", []string{document(allowing("s3:*", "arn:"))},
			[]string{"list ", "uploads"}, []string{"get abc", "put new", "upload up", "abort abc", "delete abc", "buckets"}},

		// Actions.
		{"s3:GetObject", []string{document(allowing("s3:GetObject", "*"))}, []string{"get abc", "head abc"}, []string{"put new", "upload up", "abort abc", "delete abc", "list ", "uploads", "buckets"}},
		{"s3:PutObject", []string{document(allowing("s3:PutObject", "*"))}, []string{"put new", "upload up"}, []string{"get abc", "head abc", "abort abc", "delete abc", "list ", "uploads"}},
		{"s3:AbortMultipartUpload", []string{document(allowing("s3:AbortMultipartUpload", "*"))}, []string{"abort abc"}, []string{"get abc", "put new", "upload up", "delete abc", "uploads"}},
		{"s3:DeleteObject", []string{document(allowing("s3:DeleteObject", "*"))}, []string{"delete new"}, []string{"get abc", "put new", "abort abc"}},
		{"s3:ListBucket", []string{document(allowing("s3:ListBucket", "arn:"))}, []string{"list ", "list a/"}, []string{"get abc", "uploads", "buckets"}},
		{"wildcards in actions", []string{document(allowing("s3:Get*", "*"), allowing("s3:?utObject", "*"))}, []string{"get abc", "put new"}, []string{"delete abc", "abort abc"}},
		{"case of actions", []string{document(allowing("S3:getOBJECT", "*"))}, []string{"get abc"}, []string{"put new"}},
		{"several actions and resources", []string{document(`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:/abc","arn:/new"]}`)},
			[]string{"get abc", "put abc", "get new", "put new"}, []string{"get a/c", "put a/c"}},
		{"NotAction", []string{document(`{"Effect":"Allow","NotAction":"s3:DeleteObject","Resource":"arn:/*"}`)}, []string{"get abc", "put new"}, []string{"delete abc"}},

		// Resources.
		{"* goes over slashes", []string{document(allowing("s3:GetObject", "arn:/a/*/c"))}, []string{"get a/b/c", "get a/b/x/c"}, []string{"get a/c", "get abc", "get other/abc"}},
		{"* stands for nothing, too", []string{document(allowing("s3:GetObject", "arn:/a*c"))}, []string{"get ac", "get abc", "get a/c", "get a/b/x/c"}, []string{"get other/abc"}},
		{"? is one character", []string{document(allowing("s3:GetObject", "arn:/a?c"))}, []string{"get abc", "get a/c"}, []string{"get ac", "get a/b/c"}},
		{"case of resources", []string{document(allowing("s3:GetObject", "arn:/abc"))}, []string{"get abc"}, []string{"get ABC"}},
		{"a prefix is no key", []string{document(allowing("s3:GetObject", "arn:/a"))}, nil, []string{"get abc", "get a/c"}},
		{"NotResource", []string{document(`{"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:/a*"}`)}, []string{"get other/abc"}, []string{"get abc", "get a/c"}},

		// Deny.
		{"Deny after Allow", []string{document(allowing("s3:*", "arn:/*"), denying("s3:GetObject", "arn:/a/*"))}, []string{"get abc", "put a/n"}, []string{"get a/c", "head a/b/c"}},
		{"Deny before Allow", []string{document(denying("s3:GetObject", "arn:/a/*"), allowing("s3:*", "arn:/*"))}, []string{"get abc", "put a/n"}, []string{"get a/c"}},
		{"Deny in another policy", []string{document(denying("s3:*", "arn:/a/*")), document(allowing("s3:*", "arn:/*"))}, []string{"get abc"}, []string{"get a/c", "put a/n"}},
		{"two policies", []string{document(allowing("s3:GetObject", "arn:/abc")), document(allowing("s3:GetObject", "arn:/a/*"))}, []string{"get abc", "get a/c"}, []string{"get ac"}},

		// Conditions.
		{"condition on the prefix", []string{document(when(allowing("s3:ListBucket", "arn:"), `{"StringLike":{"s3:prefix":"a/*"}}`))}, []string{"list a/", "list a/b"}, []string{"list ", "list other/"}},
		{"condition that holds", []string{document(when(allowing("s3:GetObject", "*"), `{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"Bool":{"aws:SecureTransport":"false"}}`))}, []string{"get abc"}, nil},
		{"one condition of two holds", []string{document(when(allowing("s3:GetObject", "*"), `{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"Bool":{"aws:SecureTransport":"true"}}`))}, nil, []string{"get abc"}},
		{"one value of two holds", []string{document(when(allowing("s3:GetObject", "*"), `{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8"]}}`))}, []string{"get abc"}, nil},
		{"Deny without TLS", []string{document(allowing("s3:*", "*"), when(denying("s3:*", "*"), `{"Bool":{"aws:SecureTransport":"false"}}`))}, nil, everything},
		{"condition on what is not there", []string{document(when(allowing("s3:GetObject", "*"), `{"StringEquals":{"aws:nothing":"1"}}`))}, nil, []string{"get abc"}},
		{"IfExists of what is not there", []string{document(when(allowing("s3:GetObject", "*"), `{"StringEqualsIfExists":{"aws:nothing":"1"}}`))}, []string{"get abc"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := asking(t, g, test.policies...)
			for _, what := range test.allowed {
				if got := ask(what); got != "" {
					t.Errorf("%s gives %s", what, got)
				}
			}
			for _, what := range test.denied {
				if got := ask(what); got != "AccessDenied" && got != "403" {
					t.Errorf("%s gives %q, want that access is denied", what, got)
				}
			}
		})
	}
	ask := asking(t, g, document(allowing("*", "*")))
	for _, what := range everything {
		if got := ask(what); got != "" {
			t.Errorf("at last, %s gives %s: the tests before did not test policies", what, got)
		}
	}
}

// asking gives a function that has a user with policies do something, a call and a key, and gives the
// code of the error: "403" from HEAD, which has no body, and "" for none.
func asking(t *testing.T, g *Gateway, policies ...string) func(what string) string {
	t.Helper()
	u, err := g.AddUser(policies...)
	if err != nil {
		t.Fatal(err)
	}
	return func(what string) string {
		t.Helper()
		for _, name := range slices.Backward(slices.Sorted(maps.Keys(calls))) { // the longer name first
			if key, ok := strings.CutPrefix(what+" ", name+" "); ok {
				err := calls[name](t, u.Client(), strings.TrimSuffix(key, " "))
				var answer *awshttp.ResponseError
				if name == "head" && errors.As(err, &answer) {
					return fmt.Sprint(answer.HTTPStatusCode())
				}
				return code(err)
			}
		}
		t.Fatalf("no call %q", what)
		return ""
	}
}

// TestPolicyDeviations holds what the package comment says of where policies are not what they are in
// AWS.
func TestPolicyDeviations(t *testing.T) {
	g := withBucket(t)
	for _, key := range []string{"abc", "aäc"} {
		if err := put(t, g, key, "data"); err != nil {
			t.Fatal(err)
		}
	}
	// Who may not list is told by S3 that access is denied, whether the object exists or not.
	ask := asking(t, g, document(allowing("s3:GetObject", "*")))
	if got := ask("get missing"); got != "NoSuchKey" {
		t.Errorf("a missing object gives %s", got)
	}
	if got := ask("head missing"); got != "404" {
		t.Errorf("HEAD of a missing object gives %s", got)
	}

	// A character of two bytes is two of them.
	if got := asking(t, g, document(allowing("s3:GetObject", "arn:/a?c")))("get aäc"); got != "AccessDenied" {
		t.Errorf("? for a character of two bytes gives %q", got)
	}
	if got := asking(t, g, document(allowing("s3:GetObject", "arn:/a??c")))("get aäc"); got != "" {
		t.Errorf("?? for a character of two bytes gives %q", got)
	}

	// Conditions on these keys, which S3 knows, do not hold, and their negations do.
	for key, value := range map[string]string{
		"aws:ResourceAccount": "123456789012", "aws:PrincipalAccount": "123456789012", "aws:PrincipalArn": "arn:aws:iam::123456789012:user/u", "aws:username": "u",
		"s3:x-amz-server-side-encryption": "aws:kms", "s3:signatureversion": "AWS4-HMAC-SHA256",
	} {
		pair, _ := json.Marshal(map[string]string{key: value})
		if got := asking(t, g, document(when(allowing("s3:PutObject", "*"), `{"StringEquals":`+string(pair)+`}`)))("put encrypted new"); got != "AccessDenied" {
			t.Errorf("StringEquals %s gives %q", pair, got)
		}
		if got := asking(t, g, document(allowing("s3:PutObject", "*"), when(denying("s3:PutObject", "*"), `{"StringNotEquals":`+string(pair)+`}`)))("put encrypted new"); got != "AccessDenied" {
			t.Errorf("Deny with StringNotEquals %s gives %q", pair, got)
		}
	}
}

// TestAddUser holds that accounts do not mix, and that documents which IAM would refuse are refused.
func TestAddUser(t *testing.T) {
	g := withBucket(t)
	if err := put(t, g, "abc", "data"); err != nil {
		t.Fatal(err)
	}
	reader, err := g.AddUser(document(allowing("s3:GetObject", "*")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"get": "", "put": "AccessDenied"} {
		if err := calls[name](t, reader.Client(), "abc"); code(err) != want {
			t.Errorf("%s gives %v, want %q", name, err, want)
		}
	}
	env := g.Env(reader.Env())
	if env["AWS_ACCESS_KEY_ID"] != reader.AccessKey || env["AWS_SECRET_ACCESS_KEY"] != reader.SecretKey || env["AWS_ENDPOINT_URL_S3"] != g.URL {
		t.Errorf("Env gives %v", env)
	}
	if err := put(t, g, "abc", "data"); err != nil {
		t.Errorf("the gateway's own account gives %v", err)
	}

	for name, bad := range map[string]string{
		"no JSON":               `{`,
		"no statement":          `{"Version":"2012-10-17"}`,
		"effect":                document(`{"Effect":"Perhaps","Action":"s3:*","Resource":"*"}`),
		"no resource":           document(`{"Effect":"Allow","Action":"s3:*"}`),
		"action without prefix": document(allowing("GetObject", "*")),
		"resource without ARN":  document(allowing("s3:GetObject", "lake/*")),
		"principal":             document(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`),
		"mistyped element":      document(`{"Effect":"Allow","Action":"s3:*","Resource":"*","Conditions":{}}`),
		"mistyped operator":     document(when(allowing("s3:*", "*"), `{"StringEqual":{"s3:prefix":"a"}}`)),
	} {
		if _, err := g.AddUser(document(allowing("s3:*", "*")), bad); err == nil || !strings.Contains(err.Error(), "policy 2") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
