package gateway

import (
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// started starts a gateway with a bucket "lake", which ends with the test.
func started(t *testing.T, dir string, attributes bool) *Gateway {
	t.Helper()
	g, err := start(dir, attributes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func withBucket(t *testing.T) *Gateway {
	t.Helper()
	g := started(t, t.TempDir(), true)
	if err := g.MakeBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	return g
}

func put(t *testing.T, g *Gateway, key, data string) error {
	t.Helper()
	_, err := g.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: &key, Body: strings.NewReader(data)})
	return err
}

func get(t *testing.T, g *Gateway, key string) (string, error) {
	t.Helper()
	out, err := g.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	return string(data), err
}

// code gives the code of an error of S3, or "" for none.
func code(err error) string {
	var e smithy.APIError
	if err == nil {
		return ""
	}
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return err.Error()
}

// TestStartAndStop starts two gateways, one after the other, on one directory.
func TestStartAndStop(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for n, attributes := range []bool{true, true} {
		g := started(t, dir, attributes)
		if n == 0 {
			if err := g.MakeBucket(t.Context(), "lake"); err != nil {
				t.Fatal(err)
			}
			if err := put(t, g, "a b/ä+c", "data"); err != nil {
				t.Fatal(err)
			}
		}
		if data, err := get(t, g, "a b/ä+c"); data != "data" || err != nil {
			t.Errorf("gateway %d has %q, %v", n, data, err)
		}
		if data, err := os.ReadFile(filepath.Join(g.Dir, "lake", "a b", "ä+c")); string(data) != "data" || err != nil {
			t.Errorf("gateway %d keeps %q in the file, %v", n, data, err)
		}
		for range 2 {
			if err := g.Stop(); err != nil {
				t.Error(err)
			}
		}
		if after, err := os.Getwd(); after != before || err != nil {
			t.Errorf("after Stop the working directory is %s, was %s (%v)", after, before, err)
		}
		if _, err := http.Get(g.URL); err == nil {
			t.Error("after Stop somebody answers")
		}
	}
}

func TestOneAtATime(t *testing.T) {
	g := withBucket(t)
	if other, err := Start(t.TempDir()); !errors.Is(err, errRunning) {
		t.Errorf("a second gateway gives %v", err)
		if err == nil {
			_ = other.Stop()
		}
	}
	if err := put(t, g, "a", "data"); err != nil {
		t.Errorf("after that, the first one gives %v", err)
	}
}

func TestStartFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if g, err := Start(file); err == nil {
		t.Error("a file is taken for a directory")
		_ = g.Stop()
	}
	withBucket(t) // the failure left nothing that is in the way
}

func TestCredentials(t *testing.T) {
	g := withBucket(t)
	for want, keys := range map[string][2]string{
		"":                      {g.AccessKey, g.SecretKey},
		"SignatureDoesNotMatch": {g.AccessKey, "another"},
		"InvalidAccessKeyId":    {"AKIAANOTHER", g.SecretKey},
	} {
		config := g.Config()
		config.Credentials = credentials.NewStaticCredentialsProvider(keys[0], keys[1], "")
		_, err := s3.NewFromConfig(config).ListBuckets(t.Context(), nil)
		if code(err) != want {
			t.Errorf("with %q the gateway gives %v, want %q", keys, err, want)
		}
	}
	env := g.Env(map[string]string{"LAKE": "s3://lake/", "AWS_ENDPOINT_URL_S3": "http://proxy"})
	if env["AWS_ACCESS_KEY_ID"] != g.AccessKey || env["LAKE"] != "s3://lake/" || env["AWS_ENDPOINT_URL_S3"] != "http://proxy" || env["AWS_REGION"] != Region {
		t.Errorf("Env gives %v", env)
	}
}

// TestQuiet looks at what is written to the standard output and error from start to stop.
func TestQuiet(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout, stderr := os.Stdout, os.Stderr
	t.Cleanup(func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(stderr)
	})
	for _, attributes := range []bool{true, false} {
		os.Stdout, os.Stderr = file, file
		log.SetOutput(file)
		g := started(t, t.TempDir(), attributes)
		if err := g.MakeBucket(t.Context(), "lake"); err != nil {
			t.Error(err)
		}
		if err := put(t, g, "a", "data"); err != nil {
			t.Error(err)
		}
		if _, err := get(t, g, "missing"); code(err) != "NoSuchKey" {
			t.Errorf("a missing object gives %v", err)
		}
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		os.Stdout, os.Stderr = stdout, stderr
	}
	if out, err := os.ReadFile(file.Name()); len(out) > 0 || err != nil {
		t.Errorf("the gateway writes %q (%v)", out, err)
	}
}

// TestDeviations holds what the package comment says of the differences from S3.
func TestDeviations(t *testing.T) {
	g := withBucket(t)
	for _, key := range []string{"file", "dir/x", "e//f", "g/./h", "i/../j", "a+b%20c", strings.Repeat("k", 255), "o\x01p", ".sgwtmp/q", "r/.s.sgwtmp.1"} {
		if err := put(t, g, key, "data"); err != nil {
			t.Errorf("PutObject(%q) gives %v", key, err)
		}
	}
	for key, want := range map[string]string{
		"file/x":                 "ObjectParentIsFile",
		"dir":                    "ExistingObjectIsDirectory",
		strings.Repeat("k", 256): "KeyTooLongError",
	} {
		if err := put(t, g, key, "data"); code(err) != want {
			t.Errorf("PutObject(%q) gives %v, want %s", key, err, want)
		}
	}
	ctx, bucket := t.Context(), aws.String("lake")
	list, err := g.Client().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, EncodingType: types.EncodingTypeUrl})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
	}
	if want := []string{"a+b%20c", "dir/x", "e/f", "file", "g/h", "j", strings.Repeat("k", 255), "o\ufffdp", "r/.s.sgwtmp.1"}; !slices.Equal(keys, want) || list.EncodingType != "" {
		t.Errorf("the list has %q, encoded as %q", keys, list.EncodingType)
	}

	for _, key := range keys {
		if Temporary(key) != (key == "r/.s.sgwtmp.1") {
			t.Errorf("Temporary(%q) is %v", key, Temporary(key))
		}
	}

	_, err = g.Client().PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("secret"), Body: strings.NewReader("data"),
		ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: aws.String("alias/no-such-key"),
	})
	if err != nil {
		t.Errorf("a KMS key gives %v", err)
	}
	_, err = g.Client().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, ExpectedBucketOwner: aws.String("123456789012")})
	if code(err) != "AccessDenied" {
		t.Errorf("an expected owner gives %v", err)
	}
	config := g.Config()
	config.Credentials = credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, "token")
	if _, err := s3.NewFromConfig(config).ListBuckets(ctx, nil); code(err) != "InvalidToken" {
		t.Errorf("a session token gives %v", err)
	}
}
