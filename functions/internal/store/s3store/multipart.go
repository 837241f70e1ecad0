package s3store

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// multipart is the upload of an object that is larger than one part.
type multipart struct {
	id      *string // nil until it has begun
	running sync.WaitGroup
	// parts are those that were sent or are being sent. The upload of a part sets its element, and
	// holds the lock meanwhile because the slice grows.
	mu    sync.Mutex
	parts []types.CompletedPart
}

// sendPart has the buffer uploaded, in the background, and gives the writer a new one. It waits for
// its turn: only uploads that are running hold one, never a writer, so that any number of writers
// goes on.
func (w *writer) sendPart() error {
	if len(w.upload.parts) == maxParts {
		return &tooLargeError{w.store.partSize}
	}
	if w.upload.id == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	select {
	case w.store.uploads <- struct{}{}:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.upload.mu.Lock()
	w.upload.parts = append(w.upload.parts, types.CompletedPart{})
	number := len(w.upload.parts)
	w.upload.mu.Unlock()
	part := w.buffer
	w.buffer = &buffer{pool: part.pool}
	w.upload.running.Go(func() {
		completed, err := w.uploadPart(number, part)
		part.free()
		<-w.store.uploads
		if err != nil {
			w.stop(w.store.failure(w.ctx, "write", w.key, err)) // the first failure is the cause
			return
		}
		w.upload.mu.Lock()
		w.upload.parts[number-1] = completed
		w.upload.mu.Unlock()
	})
	return nil
}

// begin begins the upload.
func (w *writer) begin() error {
	in := &s3.CreateMultipartUploadInput{
		Bucket:              &w.store.bucket,
		Key:                 w.store.key(w.key),
		ExpectedBucketOwner: w.store.owner,
	}
	if w.store.client.Options().RequestChecksumCalculation == aws.RequestChecksumCalculationWhenSupported {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32 // what the client computes for parts
	}
	if w.store.kmsKey != nil {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, w.store.kmsKey
	}
	out, err := w.store.client.CreateMultipartUpload(w.ctx, in)
	if err == nil && aws.ToString(out.UploadId) == "" {
		err = errors.New("the answer names no upload")
	}
	if err != nil {
		return err
	}
	w.upload.id = out.UploadId
	return nil
}

func (w *writer) uploadPart(number int, part *buffer) (types.CompletedPart, error) {
	n := aws.Int32(int32(number))
	out, err := w.store.client.UploadPart(w.ctx, &s3.UploadPartInput{
		Bucket:              &w.store.bucket,
		Key:                 w.store.key(w.key),
		UploadId:            w.upload.id,
		PartNumber:          n,
		Body:                part.reader(),
		ExpectedBucketOwner: w.store.owner,
	})
	if err == nil && aws.ToString(out.ETag) == "" {
		err = fmt.Errorf("the answer to part %d has no ETag", number)
	}
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}, nil
}

// complete makes an object of the parts, once all are there.
func (w *writer) complete() error {
	w.upload.running.Wait()
	if err := w.ctx.Err(); err != nil {
		return err
	}
	out, err := w.store.client.CompleteMultipartUpload(w.ctx, &s3.CompleteMultipartUploadInput{
		Bucket:              &w.store.bucket,
		Key:                 w.store.key(w.key),
		UploadId:            w.upload.id,
		MultipartUpload:     &types.CompletedMultipartUpload{Parts: w.upload.parts},
		ExpectedBucketOwner: w.store.owner,
	})
	if err == nil && out.ETag == nil {
		err = errors.New("the answer does not describe the object")
	}
	// If an answer was lost, the upload is gone when the client asks again, and the object there.
	if err != nil && errorCode(err) == codeNoSuchUpload && w.isStored() {
		err = nil
	}
	return err
}

// isStored says whether the object now consists of the parts that were sent, as far as its ETag
// tells: S3 makes it of theirs. Where S3 does not let us see it, the answer is no, and the object
// will be written again.
func (w *writer) isStored() bool {
	sum := md5.New()
	for _, part := range w.upload.parts {
		digest, err := hex.DecodeString(unquote(*part.ETag))
		if err != nil {
			return false
		}
		sum.Write(digest)
	}
	want := fmt.Sprintf("%x-%d", sum.Sum(nil), len(w.upload.parts))
	out, err := w.store.head(w.ctx, w.key)
	return err == nil && unquote(aws.ToString(out.ETag)) == want
}

func (w *writer) abortUpload(ctx context.Context) error {
	_, err := w.store.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket:              &w.store.bucket,
		Key:                 w.store.key(w.key),
		UploadId:            w.upload.id,
		ExpectedBucketOwner: w.store.owner,
	})
	return err
}

// tooLargeError is an object of too many parts.
type tooLargeError struct{ partSize int }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("object of more than %d parts of %d bytes", maxParts, e.partSize)
}
