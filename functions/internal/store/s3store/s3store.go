// Package s3store keeps objects in an S3 bucket, under one prefix.
//
// It keeps the contract of the package storetest. What S3 makes of it:
//   - Reading is one GetObject. If its body breaks off or stalls, reading goes on where it stopped,
//     in the same version of the object (If-Match), so that a reader never sees a mixture and a short
//     body never passes for a whole one.
//   - Writing is one PutObject, or a multipart upload if the object is larger than one part. Both
//     publish at once, so that half an object is never visible.
//   - Requests are repeated by the SDK's client, see [NewClient]. What still fails is an error that
//     says whether to come back later.
//
// The package knows nothing of what the objects hold, reads no configuration and makes no bucket.
//
// Decisions: parts are buffered in memory and not on a disk, which a Lambda has little of; most
// objects are some 100 KB, and for the others memory is bounded by [Options]. The transfer manager
// of the SDK lost, because it wants a reader where the contract has writes, and reads in ranges
// where one stream will do. An upload whose CreateMultipartUpload took effect but whose answer was
// lost stays behind, because its id is unknown, and ListMultipartUploads would also find the uploads
// of others: let the bucket have a lifecycle rule AbortIncompleteMultipartUpload.
package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// Options are optional: the zero value of each field stands for its default.
type Options struct {
	// KMSKey is the id, alias or ARN of a KMS key that new objects are encrypted with; default: as
	// the bucket is configured.
	KMSKey string
	// BucketOwner is the id of the account that must own the bucket, 12 digits; S3 denies every call
	// if another one does. Default: any.
	BucketOwner string
	// PartSize is the size in bytes from which on an object is written in parts, and of each part but
	// the last; default 8 MiB, at least 5 MiB, at most 5 GiB. An object has at most 10,000 parts.
	// Every open writer holds one part in memory, besides those that are being uploaded.
	PartSize int64
	// Uploads is the number of parts that are uploaded at the same time, of all writers of the Store
	// together; default 4.
	Uploads int
	// Stall is how long a read waits for a byte before it asks for the rest anew; default 20 s.
	Stall time.Duration
}

const (
	minPartSize = 5 << 20 // S3's bounds
	maxPartSize = 5 << 30
	maxParts    = 10_000
)

// validate reports everything that is wrong, at once.
func (o *Options) validate() error {
	var errs []error
	if o.BucketOwner != "" && (len(o.BucketOwner) != 12 || strings.Trim(o.BucketOwner, "0123456789") != "") {
		errs = append(errs, fmt.Errorf("bucket owner: want 12 digits, have %q", o.BucketOwner))
	}
	if o.PartSize != 0 && (o.PartSize < minPartSize || o.PartSize > maxPartSize) {
		errs = append(errs, fmt.Errorf("part size: want %d to %d bytes, have %d", minPartSize, int64(maxPartSize), o.PartSize))
	}
	if o.Uploads < 0 {
		errs = append(errs, fmt.Errorf("uploads: want at least 1, have %d", o.Uploads))
	}
	if o.Stall < 0 {
		errs = append(errs, fmt.Errorf("stall: want a time above zero, have %v", o.Stall))
	}
	return errors.Join(errs...)
}

// Store keeps objects in one bucket. It may be shared by goroutines.
type Store struct {
	client   *s3.Client
	bucket   string
	prefix   string // before every key: "" or ends in a slash
	kmsKey   *string
	owner    *string
	partSize int
	stall    time.Duration
	backoff  func(failures int) time.Duration // before a broken read goes on

	uploads chan struct{} // holds one for each part that is being uploaded
	chunks  chunkPool
}

// New gives the store of the objects whose keys in the bucket begin with prefix, which is "" or ends
// in a slash. It sends no request. The client is one of [NewClient], or has retries of its own.
func New(client *s3.Client, bucket, prefix string, o Options) (*Store, error) {
	errs := []error{o.validate()}
	if err := checkBucket(bucket); err != nil {
		errs = append(errs, err)
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		errs = append(errs, fmt.Errorf("prefix: want one that ends in a slash, have %q", prefix))
	}
	if client.Options().Region == "" {
		errs = append(errs, errors.New("region: none is configured; AWS_REGION or a profile sets it"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("open store s3://%s/%s: %w", bucket, prefix, err)
	}
	return &Store{
		client:   client,
		bucket:   bucket,
		prefix:   prefix,
		kmsKey:   optional(o.KMSKey),
		owner:    optional(o.BucketOwner),
		partSize: int(cmp.Or(o.PartSize, 8<<20)),
		stall:    cmp.Or(o.Stall, 20*time.Second),
		backoff:  fullJitter,
		uploads:  make(chan struct{}, cmp.Or(o.Uploads, 4)),
	}, nil
}

// ParseURL splits s3://bucket/prefix. The prefix is what stands after the bucket's slash, nothing
// decoded and no slash added; it is "" if there is none.
func ParseURL(url string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", fmt.Errorf("parse %q: want s3://bucket or s3://bucket/prefix", url)
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	if err := checkBucket(bucket); err != nil {
		return "", "", fmt.Errorf("parse %q: %w", url, err)
	}
	return bucket, prefix, nil
}

// checkBucket lets through what was ever a bucket's name, so that a mistyped one does not become
// part of a host name.
func checkBucket(bucket string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	if len(bucket) < 3 || len(bucket) > 255 || strings.Trim(bucket, letters) != "" || strings.Trim(bucket, ".") == "" {
		return fmt.Errorf("bucket: want at least 3 letters, digits, dots or hyphens, have %q", bucket)
	}
	return nil
}

// URL gives the URL of a key or of a prefix of keys, as AWS writes it: nothing in it is encoded. ""
// stands for the root, whose URL has no slash at its end.
func (s *Store) URL(key string) string {
	url := "s3://" + s.bucket + "/" + s.prefix + key
	if key == "" {
		url = strings.TrimSuffix(url, "/")
	}
	return url
}

// Delete deletes an object. In a bucket with versions it becomes a noncurrent one.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket:              &s.bucket,
		Key:                 s.key(key),
		ExpectedBucketOwner: s.owner,
	})
	if err != nil && errorCode(err) != codeNoSuchKey {
		return s.failure(ctx, "delete", key, err)
	}
	return nil
}

// check is what every call on one key does first. Keys that [store.CheckKey] refuses are let
// through, as others may have made such objects: log delivery to the prefix "/" does.
func check(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return &store.Error{Op: op, Key: key, Err: err}
	}
	if key == "" {
		return &store.Error{Op: op, Key: key, Err: fmt.Errorf("no key: %w", fs.ErrInvalid), Permanent: true}
	}
	return nil
}

// key gives the key in the bucket.
func (s *Store) key(key string) *string { return aws.String(s.prefix + key) }

// fullJitter gives a random time, at most 100 ms after the first failure in a row, twice as much
// after each further one, and at most 10 s.
func fullJitter(failures int) time.Duration {
	return rand.N(min(100*time.Millisecond<<min(failures-1, 10), 10*time.Second))
}

// optional gives nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
