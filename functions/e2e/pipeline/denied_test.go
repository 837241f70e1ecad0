package pipeline

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/functions/e2e/world"
)

// TestPolicyDenies has somebody with the function's credentials do what the function does not do. The
// gateway's own account may do all of it, so that nothing but the policy is in the way.
func TestPolicyDenies(t *testing.T) {
	const (
		log     = "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/a.log.gz"
		elbLog  = "AWSLogs/012345678910/elasticloadbalancing/us-west-2/2026/01/09/a.log.gz"
		rows    = "lake/aga_flow_logs/year=2026/month=01/day=09/a.parquet"
		rejects = "lake/aga_flow_logs_rejects/year=2026/month=01/day=09/a.parquet"
		results = "athena-results/a.csv"
		other   = "other"
		empty   = "empty"
	)
	var documents []string
	for _, d := range rolePolicies(t) {
		documents = append(documents, templatetest.JSON(d))
	}
	w := world.New(t)
	for _, bucket := range []string{other, empty} {
		if err := w.Gateway.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	user, err := w.Gateway.AddUser(documents...)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string][]string{
		world.LogBucket:  {log, elbLog, "secrets/" + log, "AWSLogs-2/012345678910/globalaccelerator/a.log.gz"},
		world.LakeBucket: {rows, rejects, results},
		other:            {log, rows},
	}
	prepare := func() {
		t.Helper()
		for bucket, keys := range there {
			for _, key := range keys {
				if err := deeds(t)["put"](w.Client, bucket, key); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	tests := []struct {
		name, do, bucket, key string
		allowed               bool
	}{
		{"a log", "get", world.LogBucket, log, true},
		{"a log", "head", world.LogBucket, log, true},
		{"rows", "put", world.LakeBucket, rows, true},
		{"rejects", "put", world.LakeBucket, rejects, true},
		{"rows", "begin an upload of", world.LakeBucket, rows, true},
		{"rejects", "begin an upload of", world.LakeBucket, rejects, true},
		{"rows", "abort an upload of", world.LakeBucket, rows, true},
		{"rejects", "abort an upload of", world.LakeBucket, rejects, true},

		{"from another prefix of the logs' bucket", "get", world.LogBucket, "secrets/" + log, false},
		{"from a prefix that begins the same", "get", world.LogBucket, "AWSLogs-2/012345678910/globalaccelerator/a.log.gz", false},
		{"a log of another service", "get", world.LogBucket, elbLog, false},
		{"from another bucket", "get", other, log, false},
		{"from the lake", "get", world.LakeBucket, rows, false},
		{"from the lake", "head", world.LakeBucket, rows, false},
		{"results of queries", "get", world.LakeBucket, results, false},

		{"a log", "put", world.LogBucket, log, false},
		{"into another bucket", "put", other, rows, false},
		{"results of queries", "put", world.LakeBucket, results, false},
		{"beside the lake", "put", world.LakeBucket, "aga_flow_logs/a.parquet", false},
		{"into another table", "put", world.LakeBucket, "lake/vpc_flow_logs/a.parquet", false},
		{"into a table whose name begins the same", "put", world.LakeBucket, "lake/aga_flow_logs_2/a.parquet", false},
		{"results of queries", "begin an upload of", world.LakeBucket, results, false},
		{"a log", "begin an upload of", world.LogBucket, log, false},
		{"results of queries", "abort an upload of", world.LakeBucket, results, false},
		{"a log", "abort an upload of", world.LogBucket, log, false},
		{"rows", "tag", world.LakeBucket, rows, false},

		{"rows", "delete", world.LakeBucket, rows, false},
		{"rejects", "delete", world.LakeBucket, rejects, false},
		{"a log", "delete", world.LogBucket, log, false},
		{"rows", "delete many", world.LakeBucket, rows, false},
		{"a bucket", "delete bucket", empty, "", false},

		{"rows", "list", world.LakeBucket, "lake/aga_flow_logs/", false},
		{"logs", "list", world.LogBucket, "AWSLogs/", false},
		{"another bucket", "list", other, "", false},
		{"", "list uploads", world.LakeBucket, "", false},
		{"", "list buckets", "", "", false},
		{"of the lake", "set policy", world.LakeBucket, "", false},
	}
	prepare()
	used := map[string]bool{}
	for _, test := range tests {
		used[test.do] = true
		err := deeds(t)[test.do](user.Client(), test.bucket, test.key)
		if test.allowed && err != nil {
			t.Errorf("%s %s: %v", test.do, test.name, err)
		}
		if !test.allowed && !isDenied(err) {
			t.Errorf("%s %s gives %v, want that access is denied", test.do, test.name, err)
		}
	}
	for _, test := range tests {
		prepare() // what was deleted
		if err := deeds(t)[test.do](w.Client, test.bucket, test.key); err != nil {
			t.Errorf("%s %s: the gateway's own account gives %v", test.do, test.name, err)
		}
	}
	for name := range maps.Keys(deeds(t)) {
		if !used[name] {
			t.Errorf("nobody tries to %s", name)
		}
	}
}

// deeds are what may be done to an object, to objects below a prefix, or to a bucket.
func deeds(t *testing.T) map[string]func(c *s3.Client, bucket, key string) error {
	ctx := t.Context()
	return map[string]func(c *s3.Client, bucket, key string) error{
		"get": func(c *s3.Client, bucket, key string) error {
			out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err == nil {
				err = out.Body.Close()
			}
			return err
		},
		"head": func(c *s3.Client, bucket, key string) error {
			_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
			return err
		},
		"put": func(c *s3.Client, bucket, key string) error {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("data")})
			return err
		},
		"tag": func(c *s3.Client, bucket, key string) error {
			tags := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}
			_, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: &bucket, Key: &key, Tagging: tags})
			return err
		},
		"begin an upload of": func(c *s3.Client, bucket, key string) error {
			_, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
			return err
		},
		"abort an upload of": func(c *s3.Client, bucket, key string) error {
			_, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: aws.String("none")})
			var api smithy.APIError
			if errors.As(err, &api) && api.ErrorCode() == "NoSuchUpload" {
				err = nil // it is not there, but would have been aborted
			}
			return err
		},
		"delete": func(c *s3.Client, bucket, key string) error {
			_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
			return err
		},
		"delete many": func(c *s3.Client, bucket, key string) error {
			out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &key}}}})
			if err == nil && len(out.Errors) > 0 { // it succeeds, and says of each object whether it is deleted
				err = &smithy.GenericAPIError{Code: aws.ToString(out.Errors[0].Code), Message: aws.ToString(out.Errors[0].Message)}
			}
			return err
		},
		"delete bucket": func(c *s3.Client, bucket, _ string) error {
			_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
			return err
		},
		"list": func(c *s3.Client, bucket, prefix string) error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
			return err
		},
		"list uploads": func(c *s3.Client, bucket, _ string) error {
			_, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket})
			return err
		},
		"list buckets": func(c *s3.Client, _, _ string) error {
			_, err := c.ListBuckets(ctx, nil)
			return err
		},
		"set policy": func(c *s3.Client, bucket, _ string) error {
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"}]}`
			_, err := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &document})
			return err
		},
	}
}

// isDenied says whether an error is S3's that access is denied, which HEAD tells by its status alone.
func isDenied(err error) bool {
	var api smithy.APIError
	var response *awshttp.ResponseError
	return errors.As(err, &api) && api.ErrorCode() == "AccessDenied" || errors.As(err, &response) && response.HTTPStatusCode() == 403
}
