// Package world is what the end-to-end tests run the compiled programs in: a real S3 gateway with a bucket of
// logs and one for lakes, Glue over the wire and a model of SQS, all on the loopback interface.
//
// A process has one world at a time, because of package gateway, which also changes its working directory.
package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/e2e/gateway"
	"github.com/flowlake/flowlake/functions/e2e/programs"
)

// World is S3 with a bucket of logs and a bucket for lakes.
type World struct {
	Gateway *gateway.Gateway
	Client  *s3.Client
	dir     string // for what programs leave behind
	// flowlake is the path of the command line.
	flowlake string
}

// The buckets.
const (
	LogBucket  = "logs"
	LakeBucket = "lake"
)

// New starts a world, which ends with the test.
func New(t testing.TB) *World {
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
	for _, bucket := range []string{LogBucket, LakeBucket} {
		if err := g.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return &World{g, g.Client(), t.TempDir(), programs.Flowlake(t)}
}

// Put stores a log.
func (w *World) Put(t testing.TB, key string, data []byte) {
	t.Helper()
	if _, err := w.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(LogBucket), Key: &key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// Objects gives the SHA-256 of every object that S3 lists below a prefix of the lakes' bucket, by the
// rest of its key. Names of the gateway's own, which are there for a moment, are left out.
func (w *World) Objects(ctx context.Context, prefix string) (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	pages := s3.NewListObjectsV2Paginator(w.Client, &s3.ListObjectsV2Input{Bucket: aws.String(LakeBucket), Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if gateway.Temporary(*o.Key) {
				continue
			}
			out, err := w.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(LakeBucket), Key: o.Key})
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(out.Body)
			if err := errors.Join(err, out.Body.Close()); err != nil {
				return nil, err
			}
			sums[strings.TrimPrefix(*o.Key, prefix)] = sha256.Sum256(data)
		}
	}
	return sums, nil
}
