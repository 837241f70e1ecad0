package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

// openStore gives the S3 store of a bucket.
func openStore(t *testing.T, g *Gateway, bucket, prefix string, o s3store.Options) *s3store.Store {
	t.Helper()
	s, err := s3store.New(s3store.NewClient(g.Config()), bucket, prefix, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestS3StoreContract runs the contract suite of stores, unchanged, on the S3 store and the gateway. Each
// store has a bucket of its own, and something beside its prefix that it must not see.
func TestS3StoreContract(t *testing.T) {
	for name, attributes := range map[string]bool{"attributes": true, "sidecar": false} {
		t.Run(name, func(t *testing.T) {
			g := started(t, t.TempDir(), attributes)
			buckets := 0
			storetest.Run(t, func(t *testing.T) storetest.Store {
				buckets++
				bucket := fmt.Sprintf("bucket-%d", buckets)
				if err := g.MakeBucket(t.Context(), bucket); err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{"lake-2/a", "lak", "z/a"} {
					_, err := g.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("of others"))})
					if err != nil {
						t.Fatal(err)
					}
				}
				return openStore(t, g, bucket, "lake/", s3store.Options{})
			})
		})
	}
}

// TestS3StoreInParts writes an object of three parts, and gives up another one: S3 wants parts of 5 MB,
// which the contract suite has not.
func TestS3StoreInParts(t *testing.T) {
	g := withBucket(t)
	s := openStore(t, g, "lake", "", s3store.Options{PartSize: 5 << 20})
	data := make([]byte, 11<<20)
	for i := range data {
		data[i] = byte(i >> 8)
	}
	for _, commit := range []bool{true, false} {
		key := fmt.Sprintf("commit=%t", commit)
		w, err := s.Create(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		for piece := data; len(piece) > 0; piece = piece[min(len(piece), 100_000):] {
			if _, err := w.Write(piece[:min(len(piece), 100_000)]); err != nil {
				t.Fatal(err)
			}
		}
		if !commit {
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
			if _, _, err := s.Open(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Abort, Open gives %v", err)
			}
			continue
		}
		if err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, o, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) || o.Size != int64(len(data)) {
			t.Errorf("%d bytes read back as %d, %v, %+v", len(data), len(got), err, o)
		}
	}
	left, err := g.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("lake")})
	if err != nil || len(left.Uploads) > 0 {
		t.Errorf("%d uploads are left (%v)", len(left.Uploads), err)
	}
}
