package s3store

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// abortTime bounds what is done after the end of a writer to leave nothing behind.
const abortTime = 5 * time.Second

// Create begins a new object. It sends nothing: the bytes stay in memory until there is more than
// one part of them, or until Commit. From then on, a Write that fills a part waits while
// [Options.Uploads] parts are on their way already. Two writers of one key do not disturb each
// other, and the last Commit wins.
//
// The context is that of the writes, and parts are sent in it: once it is canceled, they and Commit
// give errors. The key is one that passes [store.CheckKey].
func (s *Store) Create(ctx context.Context, key string) (store.Writer, error) {
	if err := check(ctx, "create", key); err != nil {
		return nil, err
	}
	if err := store.CheckKey("create", key); err != nil {
		return nil, err
	}
	w := &writer{store: s, parent: ctx, key: key, buffer: &buffer{pool: &s.chunks}}
	w.ctx, w.stop = context.WithCancelCause(ctx)
	return w, nil
}

// writer writes one object.
type writer struct {
	store  *Store
	parent context.Context // of Create
	key    string

	// ctx is that of all requests but the last resort. It ends with the parent, with Commit's
	// context, or when a part fails; its cause says which.
	ctx  context.Context
	stop context.CancelCauseFunc

	buffer *buffer // of the next part
	upload multipart
	err    *store.Error // why a write failed; Commit then refuses
	done   bool         // after Commit or Abort
}

func (w *writer) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, &store.Error{Op: "write", Key: w.key, Err: fs.ErrClosed}
	}
	if w.err == nil {
		if n, err = w.write(p); err != nil {
			w.err = w.failure("write", err)
			// Nothing may be left even if the caller forgets to abort; Abort tries again.
			if err := w.discard(); err != nil {
				w.err.Err = fmt.Errorf("%w; and what was sent stays behind: %w", w.err.Err, err)
			}
		}
	}
	if w.err != nil {
		return n, w.err
	}
	return n, nil
}

func (w *writer) write(p []byte) (n int, err error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	for {
		n += w.buffer.append(p[n:], w.store.partSize)
		if n == len(p) {
			return n, nil
		}
		// The part is full, and it is not the last one.
		if err := w.sendPart(); err != nil {
			return n, err
		}
	}
}

func (w *writer) Commit(ctx context.Context) error {
	if w.done {
		return &store.Error{Op: "commit", Key: w.key, Err: fs.ErrClosed}
	}
	w.done = true
	if w.err != nil {
		return &store.Error{Op: "commit", Key: w.key, Err: w.err.Err, Permanent: w.err.Permanent}
	}
	unhook := context.AfterFunc(ctx, func() { w.stop(ctx.Err()) })
	defer unhook()
	err := ctx.Err()
	if err == nil {
		err = w.commit()
	}
	if err == nil {
		w.release()
		return nil
	}
	failed := w.failure("commit", err)
	if err := w.discard(); err != nil {
		failed.Err = fmt.Errorf("%w; and what was sent stays behind: %w", failed.Err, err)
	}
	return failed
}

// commit publishes what was written.
func (w *writer) commit() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.upload.id != nil {
		if err := w.sendPart(); err != nil {
			return err
		}
		return w.complete()
	}
	in := &s3.PutObjectInput{
		Bucket:              &w.store.bucket,
		Key:                 w.store.key(w.key),
		Body:                w.buffer.reader(),
		ExpectedBucketOwner: w.store.owner,
	}
	if w.store.kmsKey != nil {
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, w.store.kmsKey
	}
	_, err := w.store.client.PutObject(w.ctx, in)
	return err
}

func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	if err := w.discard(); err != nil {
		return err
	}
	return nil
}

// failure gives the store's error for one of this writer. If the writer's context has ended, the
// reason for that is the cause.
func (w *writer) failure(op string, err error) *store.Error {
	if w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	if done := w.parent.Err(); done != nil {
		err = done
	}
	return w.store.wrap(op, w.key, err)
}

// discard stops everything and leaves no trace. It may be called again.
func (w *writer) discard() *store.Error {
	w.release()
	if w.upload.id == nil {
		return nil
	}
	// The context of the writes may be what has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.parent), abortTime)
	defer cancel()
	if err := w.abortUpload(ctx); err != nil && errorCode(err) != codeNoSuchUpload {
		return w.store.failure(ctx, "abort", w.key, err)
	}
	w.upload.id = nil
	return nil
}

// release ends whatever is running and frees the memory.
func (w *writer) release() {
	w.stop(nil)
	w.upload.running.Wait()
	w.buffer.free()
}
