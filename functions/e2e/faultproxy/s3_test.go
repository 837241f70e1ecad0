package faultproxy_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
	"github.com/flowlake/flowlake/functions/e2e/gateway"
)

// s3Through gives a client that reaches a gateway through a proxy, and tries each call that often.
func s3Through(t *testing.T, attempts int) (*s3.Client, *faultproxy.Proxy) {
	t.Helper()
	g, err := gateway.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := g.MakeBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	p := proxy(t, g.URL, nil)
	config := g.Config()
	config.BaseEndpoint = &p.URL
	return s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = true
		o.HTTPClient = client(t)
		o.RetryMaxAttempts = attempts
	}), p
}

// TestSignaturesStayValid sends all forms of request that the SDK signs over HTTP, with keys that are
// hard to spell, through the proxy to a server that checks signatures.
func TestSignaturesStayValid(t *testing.T) {
	c, p := s3Through(t, 1)
	ctx, bucket := t.Context(), aws.String("lake")
	for i, key := range []string{"a/year=2026/month=01/x.parquet", "a b+c/d%20e%2Ff", "ä/日本", "~!$&'()*,;:@/x", "a//b"} {
		data := bytes.Repeat([]byte{byte(i)}, 3<<20) // over 2 MB, the SDK expects 100-continue
		if key == "a//b" {
			continue // the gateway has no such keys
		}
		for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmSha256} {
			_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm})
			if err != nil {
				t.Errorf("PutObject(%q): %v", key, err)
			}
		}
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key, Range: aws.String("bytes=1-")})
		if err != nil {
			t.Errorf("GetObject(%q): %v", key, err)
			continue
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || !bytes.Equal(got, data[1:]) {
			t.Errorf("GetObject(%q) gives %d bytes, %v", key, len(got), err)
		}
		if last := p.Log()[p.Count()-1]; last.Key != key || last.Operation != "GetObject" || last.Status != 206 {
			t.Errorf("the log has %+v", last)
		}
	}

	key := aws.String("parts")
	upload, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for n := range int32(2) {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: upload.UploadId, PartNumber: aws.Int32(n + 1), Body: bytes.NewReader(make([]byte, 5<<20))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, PartNumber: aws.Int32(n + 1)})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	if err != nil || len(list.Contents) != 5 {
		t.Errorf("ListObjectsV2 gives %d objects, %v", len(list.Contents), err)
	}
	if n := p.Counts(); n["UploadPart"] != 2 || n["CreateMultipartUpload"] != 1 || n["CompleteMultipartUpload"] != 1 || n["ListObjectsV2"] != 1 {
		t.Errorf("counted %v", n)
	}
}

// TestErrorsAsTheSDKSeesThem has the SDK read the errors, and repeat what can be repeated.
func TestErrorsAsTheSDKSeesThem(t *testing.T) {
	c, p := s3Through(t, 1)
	in := func() *s3.PutObjectInput {
		return &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("k"), Body: bytes.NewReader([]byte("data"))}
	}
	exists := func() bool {
		p.SetDecide(nil)
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("lake"), Key: aws.String("k")})
		return err == nil
	}
	for _, when := range []faultproxy.When{faultproxy.Before, faultproxy.After} {
		p.SetDecide(always(faultproxy.Fail(when, 503, "SlowDown")))
		_, err := c.PutObject(t.Context(), in())
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "SlowDown" {
			t.Errorf("PutObject gives %v", err)
		}
		if exists() != (when == faultproxy.After) {
			t.Errorf("failed %v, the object exists: %t", when, exists())
		}
	}
	p.SetDecide(always(faultproxy.Fail(faultproxy.Before, 403, "AccessDenied")))
	if _, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("lake"), Key: aws.String("k")}); err == nil {
		t.Error("HeadObject succeeds")
	}
}

// TestHalfAnUploadIsNotVisible cuts a PUT of 1 MB at several bytes; the older object stays.
func TestHalfAnUploadIsNotVisible(t *testing.T) {
	c, p := s3Through(t, 1)
	data := bytes.Repeat([]byte("x"), 1<<20)
	send := func(b []byte) error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("k"), Body: bytes.NewReader(b)})
		return err
	}
	if err := send([]byte("older")); err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 1, 4096, 500_000, 1<<20 - 1, 1 << 20} {
		p.SetDecide(always(faultproxy.CutRequest(offset)))
		if err := send(data); err == nil {
			t.Errorf("cut at %d, PutObject succeeds", offset)
		}
		p.SetDecide(nil)
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("k")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		want := []byte("older")
		if offset == 1<<20 {
			want = data
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("cut at %d, the object is %d bytes (%x), %v", offset, len(got), md5.Sum(got), err)
		}
	}
}

// TestCutResponseReachesTheCaller reads what came before the cut, for many offsets.
func TestCutResponseReachesTheCaller(t *testing.T) {
	c, p := s3Through(t, 1)
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("k"), Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
	for _, offset := range slices.Concat([]int64{0, 1, 100_000}, []int64{299_999}) {
		p.SetDecide(always(faultproxy.CutResponse(offset)))
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("k")})
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, data[:offset]) {
			t.Errorf("cut at %d, %d bytes arrive, and %v", offset, len(got), fmt.Sprint(err))
		}
	}
}
