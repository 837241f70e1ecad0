package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// maxFailures is how often in a row reading goes on without having read a byte since.
const maxFailures = 8

// Open opens an object for reading, with one request. If the connection breaks or stalls later,
// reading goes on from where it stopped; if the object was replaced by then, it ends with an error
// that is retryable, and if it was deleted, with fs.ErrNotExist. The context is also that of the
// reads. Any key but "" may be opened.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, store.Object, error) {
	if err := check(ctx, "open", key); err != nil {
		return nil, store.Object{}, err
	}
	request, cancel := context.WithCancel(ctx)
	out, err := s.client.GetObject(request, &s3.GetObjectInput{
		Bucket:              &s.bucket,
		Key:                 s.key(key),
		ExpectedBucketOwner: s.owner,
	})
	if err == nil && out.ContentLength == nil {
		_ = out.Body.Close()
		err = errors.New("the answer does not say how long the object is")
	}
	if err != nil {
		cancel()
		return nil, store.Object{}, s.failure(ctx, "open", key, err)
	}
	o := store.Object{
		Key:      key,
		Size:     *out.ContentLength,
		ETag:     unquote(aws.ToString(out.ETag)),
		Modified: aws.ToTime(out.LastModified),
	}
	b := &body{store: s, ctx: ctx, key: key, etag: out.ETag, size: o.Size, end: o.Size}
	b.attach(out.Body, cancel)
	return b, o, nil
}

// ReaderAt opens an object for reading here and there: each ReadAt is a request of its own. All of
// them read the object as it was now; if it was replaced, they give an error. The context is also
// that of the reads, which may run at the same time.
func (s *Store) ReaderAt(ctx context.Context, key string) (io.ReaderAt, store.Object, error) {
	if err := check(ctx, "open", key); err != nil {
		return nil, store.Object{}, err
	}
	out, err := s.head(ctx, key)
	if err == nil && out.ContentLength == nil {
		err = errors.New("the answer does not say how long the object is")
	}
	if err != nil {
		return nil, store.Object{}, s.failure(ctx, "open", key, err)
	}
	o := store.Object{
		Key:      key,
		Size:     *out.ContentLength,
		ETag:     unquote(aws.ToString(out.ETag)),
		Modified: aws.ToTime(out.LastModified),
	}
	return &readerAt{store: s, ctx: ctx, key: key, etag: out.ETag, size: o.Size}, o, nil
}

func (s *Store) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	return s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket:              &s.bucket,
		Key:                 s.key(key),
		ExpectedBucketOwner: s.owner,
	})
}

// readerAt reads ranges of one version of an object.
type readerAt struct {
	store *Store
	ctx   context.Context
	key   string
	etag  *string
	size  int64
}

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &store.Error{Op: "read", Key: r.key, Err: fmt.Errorf("offset %d: %w", off, fs.ErrInvalid), Permanent: true}
	}
	if off >= r.size {
		return 0, io.EOF
	}
	end := min(r.size, off+int64(len(p)))
	b := &body{store: r.store, ctx: r.ctx, key: r.key, etag: r.etag, size: r.size, offset: off, end: end}
	defer b.Close()
	n, err := io.ReadFull(b, p[:end-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// body reads a range of one version of an object, by as many requests as it takes.
type body struct {
	store *Store
	ctx   context.Context
	key   string
	etag  *string // as S3 gave it, with quotes
	size  int64   // of the object

	offset, end int64 // of what is yet to be read

	// r is the body of the request that is open, nil between requests. What ends it is stall, the
	// timer that runs while a Read waits, and cancel.
	r      io.ReadCloser
	cancel context.CancelFunc
	stall  *time.Timer

	failures int   // in a row, without a byte in between
	cause    error // of the last one
	err      error // what ended the reading, io.EOF too
}

// attach begins to read from the body of a request.
func (b *body) attach(r io.ReadCloser, cancel context.CancelFunc) {
	b.r, b.cancel = r, cancel
	b.stall = time.AfterFunc(b.store.stall, cancel)
	b.stall.Stop()
}

// detach ends the request that is open, if one is.
func (b *body) detach() {
	if b.r == nil {
		return
	}
	b.cancel()
	_ = b.r.Close() // all that is wanted of it was read
	b.r = nil
}

func (b *body) Read(p []byte) (int, error) {
	for b.err == nil && len(p) > 0 {
		if b.offset == b.end {
			b.detach()
			b.err = io.EOF
			break
		}
		if b.r == nil {
			if b.err = b.open(); b.err != nil {
				break
			}
		}
		n, err := b.read(p[:min(int64(len(p)), b.end-b.offset)])
		b.offset += int64(n)
		if n > 0 {
			b.failures = 0
		}
		if err != nil && b.offset < b.end {
			b.detach()
			b.failures++
			b.cause = err
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, b.err
}

// read reads from the request that is open, for no longer than the stall. The end of its body is an
// error, because it is asked for only what is still missing.
func (b *body) read(p []byte) (int, error) {
	b.stall.Reset(b.store.stall)
	n, err := b.r.Read(p)
	switch {
	case !b.stall.Stop():
		err = fmt.Errorf("not a byte for %v", b.store.stall)
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// open asks for what is missing. The client has repeated the request if need be, so that an error of
// it is final.
func (b *body) open() error {
	if err := b.wait(); err != nil {
		return err
	}
	request, cancel := context.WithCancel(b.ctx)
	out, err := b.store.client.GetObject(request, &s3.GetObjectInput{
		Bucket:              &b.store.bucket,
		Key:                 b.store.key(b.key),
		ExpectedBucketOwner: b.store.owner,
		Range:               aws.String(fmt.Sprintf("bytes=%d-%d", b.offset, b.end-1)),
		IfMatch:             b.etag,
	})
	if err == nil {
		want := fmt.Sprintf("bytes %d-%d/%d", b.offset, b.end-1, b.size)
		if have := aws.ToString(out.ContentRange); have != want {
			_ = out.Body.Close()
			err = fmt.Errorf("asked for %s, but got %q", want, have)
		}
	}
	if err != nil {
		cancel()
		e := b.store.failure(b.ctx, "read", b.key, err)
		if status(e) == http.StatusPreconditionFailed {
			e.Err = fmt.Errorf("the object was replaced while it was read: %w", e.Err)
		}
		return e
	}
	b.attach(out.Body, cancel)
	return nil
}

// wait lets some time pass after a failure, or gives up.
func (b *body) wait() error {
	if b.failures == 0 {
		return nil
	}
	err := b.ctx.Err()
	switch {
	case err != nil:
	case b.etag == nil:
		err = fmt.Errorf("%s: broke off at byte %d of %d, and cannot go on without an ETag: %w", b.store.URL(b.key), b.offset, b.size, b.cause)
	case b.failures > maxFailures:
		err = fmt.Errorf("%s: broke off at byte %d of %d, %d times in a row: %w", b.store.URL(b.key), b.offset, b.size, b.failures, b.cause)
	default:
		pause := time.NewTimer(b.store.backoff(b.failures))
		defer pause.Stop()
		select {
		case <-pause.C:
			return nil
		case <-b.ctx.Done():
			err = b.ctx.Err()
		}
	}
	return &store.Error{Op: "read", Key: b.key, Err: err}
}

// Close ends the reading.
func (b *body) Close() error {
	b.detach()
	if b.err == nil {
		b.err = &store.Error{Op: "read", Key: b.key, Err: fs.ErrClosed}
	}
	return nil
}
