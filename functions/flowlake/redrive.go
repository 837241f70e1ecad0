package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/event"
	"github.com/flowlake/flowlake/functions/internal/failed"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store"
)

// redriveOptions say what is to be converted because it failed once, instead of sources.
type redriveOptions struct {
	failed []string // paths or URLs of lists, or the URL of a queue
}

// register declares the flag.
func (o *redriveOptions) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.failed, "failed", nil, "convert what failed once, instead of a SOURCE: a list (file or s3:// URL) of one path or URL in a line, a journal, a log in JSON, a result file or manifest.json of Step Functions; or the URL of a queue of dead letters; may be repeated")
}

// given says whether something failed is meant.
func (o *redriveOptions) given() bool { return len(o.failed) > 0 }

// queue gives the URL of the queue, or "".
func (o *redriveOptions) queue() string {
	if len(o.failed) == 1 && deadletter.IsQueueURL(o.failed[0]) {
		return o.failed[0]
	}
	return ""
}

// validate finds what is wrong with the flag, given the others.
func (o *redriveOptions) validate(sources []string, selected *replay.Selection, dryRun bool) error {
	if !o.given() {
		return nil
	}
	if len(sources) > 0 {
		return usage("--failed: want no SOURCE with it, have %q", sources)
	}
	for _, f := range o.failed {
		switch queue := deadletter.IsQueueURL(f); {
		case f == "":
			return usage("--failed: want a list or the URL of a queue")
		case queue && len(o.failed) > 1:
			return usage("--failed: want one queue and nothing besides, have %q", o.failed)
		case queue && dryRun:
			return usage("--dry-run: nobody can see what is in a queue without receiving it; its attributes count its messages")
		case queue && !selected.All():
			return usage("--failed: of a queue all messages are meant: want none of --from, --to, --account, --accelerator and --region with it")
		case !queue && strings.Contains(f, "://") && !isS3(f):
			return usage("--failed: want a file, an s3:// URL or the URL of a queue such as https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dead-letters, have %q", f)
		}
	}
	return nil
}

// lister gives what lists the objects. Where it is a queue, letters is the same, and wants more of its
// caller; else it is nil.
func (o *redriveOptions) lister(ctx context.Context, aws *cloud, l *lake) (objects replay.Lister, letters *deadLetters, err error) {
	if o.queue() == "" {
		return &failedLists{names: o.failed, open: aws.openList, at: locator{open: aws.source}, owns: l.owns}, nil, nil
	}
	cfg, err := aws.load(ctx)
	if err != nil {
		return nil, nil, err
	}
	q, err := deadletter.OpenSQS(cfg, o.queue())
	if err != nil {
		return nil, nil, usage("--failed: %w", err)
	}
	letters = newDeadLetters(q, aws.source, l.owns)
	return letters, letters, nil
}

// openList is a [failed.Opener].
func (c *cloud) openList(ctx context.Context, name string) (io.ReadCloser, error) {
	if !isS3(name) {
		return os.Open(name)
	}
	s, key, err := c.object(ctx, name)
	if err != nil {
		return nil, err
	}
	r, _, err := s.Open(ctx, key)
	return r, err
}

// locator finds single objects by path or URL. It is used by one goroutine at a time.
type locator struct {
	// open opens the store of a URL, as [cloud.source].
	open replay.Opener
	// stores are those of buckets, by URL.
	stores map[string]replay.Store
}

// errFound ends a listing.
var errFound = errors.New("found")

// locate finds the object of a path or URL, with its size and its version. One that is missing, or that
// cannot be listed, is given without them: its conversion fails, and says why.
func (l *locator) locate(ctx context.Context, name string) (o replay.Object, exists bool, err error) {
	if !isS3(name) {
		return locateFile(name)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(name, "s3://"), "/")
	s := l.stores[bucket]
	if s == nil {
		if s, key, err = l.open(ctx, name); err != nil {
			return replay.Object{}, false, err
		}
		if l.stores == nil {
			l.stores = map[string]replay.Store{}
		}
		l.stores[bucket] = s
	}
	o = replay.Object{Source: s, Key: key}
	// No key that begins with this one comes before it.
	err = s.List(ctx, key, func(found store.Object) error {
		if exists = found.Key == key; exists {
			o.Size, o.ETag, o.Modified = found.Size, found.ETag, found.Modified
		}
		return errFound
	})
	if ctx.Err() != nil && !errors.Is(err, errFound) {
		return o, false, ctx.Err()
	}
	return o, exists, nil
}

// locateFile is locate for a path or a file URL, as a journal has it.
func locateFile(name string) (o replay.Object, exists bool, err error) {
	if u, err := url.Parse(name); err == nil && u.Scheme == "file" {
		name = filepath.FromSlash(u.Path)
	} else if strings.Contains(name, "://") {
		return replay.Object{}, false, fmt.Errorf("find %s: want a path, a file URL or an s3:// URL", name)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return replay.Object{}, false, err
	}
	// Without symbolic links on the way an object has one URL, whichever way it is named.
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return replay.Object{}, false, err
	}
	o = replay.Object{Source: dir, Key: filepath.Base(path)}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		o.Size, o.Modified, exists = info.Size(), info.ModTime(), true
	}
	return o, exists, nil
}

// failedLists are lists of objects that failed. It is a [replay.Lister].
type failedLists struct {
	names []string
	open  failed.Opener
	at    locator
	// owns leaves out the lake's own objects.
	owns func(replay.Object) bool
}

// remembered bounds the objects that are known to have been named before; logs name them again and
// again. Whatever is named again beyond it is converted again, to the same bytes.
const remembered = 1 << 20

// Each calls fn for each object of the lists.
func (l *failedLists) Each(ctx context.Context, fn func(replay.Object) error) error {
	type digest [16]byte
	seen := map[digest]struct{}{}
	for _, name := range l.names {
		err := failed.Read(ctx, l.open, name, func(f failed.Object) error {
			o, _, err := l.at.locate(ctx, f.URL)
			if err != nil {
				return fmt.Errorf("read list %s: %w", name, err)
			}
			if l.owns(o) {
				return nil
			}
			sum := sha256.Sum256([]byte(o.URL()))
			d := digest(sum[:16])
			if _, again := seen[d]; again {
				return nil
			}
			if len(seen) < remembered {
				seen[d] = struct{}{}
			}
			return fn(o)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deadLetters are the objects of the messages in a queue of dead letters. It is a [replay.Lister], of
// which the outcomes are to be given to done, and which is to be closed after the run: a message is
// deleted when all its objects are converted or rightly skipped.
type deadLetters struct {
	queue deadletter.Queue
	owns  func(replay.Object) bool

	locating sync.Mutex
	at       locator

	emitting sync.Mutex // held during calls of emit
	emit     func(replay.Object) error
	cancel   context.CancelCauseFunc // ends the draining

	mu      sync.Mutex
	waiting map[string][]chan<- error // for the outcome of an object, by URL
	odd     []string                  // the first messages that were not understood, and why

	over    chan struct{} // closed when there are no more outcomes
	drained chan struct{} // closed when the queue is
	begun   bool
	summary deadletter.Summary
	err     error
}

func newDeadLetters(q deadletter.Queue, open replay.Opener, owns func(replay.Object) bool) *deadLetters {
	return &deadLetters{
		queue: q, owns: owns, at: locator{open: open}, waiting: map[string][]chan<- error{},
		over: make(chan struct{}), drained: make(chan struct{}),
	}
}

// errNotConverted is of objects whose turn did not come.
var errNotConverted = errors.New("not converted: the replay ended before")

// Each receives the messages and calls fn for their objects. It may be called once.
func (l *deadLetters) Each(ctx context.Context, fn func(replay.Object) error) error {
	draining, cancel := context.WithCancelCause(ctx)
	l.emit, l.cancel, l.begun = fn, cancel, true
	go func() {
		defer close(l.drained)
		l.summary, l.err = deadletter.Drain(draining, l.queue, deadletter.Config{Left: l.left}, l.convert)
	}()
	select {
	case <-l.drained:
		if draining.Err() == nil {
			return l.err
		}
	case <-draining.Done():
	}
	// What is being converted goes on, and its messages are deleted; fn must not be called any more.
	l.emitting.Lock()
	defer l.emitting.Unlock()
	l.emit = func(replay.Object) error { return errNotConverted }
	return context.Cause(draining)
}

// convert has an object converted by whoever called Each.
func (l *deadLetters) convert(ctx context.Context, e event.Object) error {
	o, err := l.locate(ctx, e)
	if err != nil || l.owns(o) {
		return err
	}
	url, outcome := o.URL(), make(chan error, 1)
	l.mu.Lock()
	first := len(l.waiting[url]) == 0 // messages about the same object wait for one conversion
	l.waiting[url] = append(l.waiting[url], outcome)
	l.mu.Unlock()
	if first {
		l.emitting.Lock()
		err := l.emit(o)
		l.emitting.Unlock()
		if err != nil {
			l.cancel(err) // whoever called Each gets it, as that has ended, too
			l.answer(url, err)
		}
	}
	select {
	case err = <-outcome:
		return err
	case <-l.over:
	}
	select {
	case err = <-outcome: // it came before the end
		return err
	default:
		return errNotConverted
	}
}

// locate finds the object of an event, by its other key where there is none of the first.
func (l *deadLetters) locate(ctx context.Context, e event.Object) (replay.Object, error) {
	l.locating.Lock()
	defer l.locating.Unlock()
	o, exists, err := l.at.locate(ctx, "s3://"+e.Bucket+"/"+e.Key)
	if err != nil || exists || e.AlternateKey == "" {
		return o, err
	}
	if other, exists, err := l.at.locate(ctx, "s3://"+e.Bucket+"/"+e.AlternateKey); err == nil && exists {
		return other, nil
	}
	return o, nil
}

// done takes the outcome of an object.
func (l *deadLetters) done(o replay.Outcome) { l.answer(o.URL, o.Err) }

func (l *deadLetters) answer(url string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waiting[url] {
		w <- err
	}
	delete(l.waiting, url)
}

// left takes a message that stays. Why its objects failed is told with them.
func (l *deadLetters) left(m deadletter.Message, err error) {
	var odd *event.Error
	if errors.As(err, &odd) && len(l.odd) < maxFailures {
		l.odd = append(l.odd, fmt.Sprintf("message %s: %v", m.ID, err))
	}
}

// close waits until the messages of what was converted are deleted and the others visible again. No
// outcome may come after it.
func (l *deadLetters) close() error {
	close(l.over)
	if !l.begun {
		return nil
	}
	<-l.drained
	l.cancel(nil)
	if errors.Is(l.err, context.Canceled) {
		return nil // whoever called Each knows
	}
	return l.err
}

// report says what became of the messages, after close.
func (l *deadLetters) report(w io.Writer) {
	s := &l.summary
	fmt.Fprintf(w, "messages    %s received: %s deleted, %s stay, %s of which are not understood\n",
		comma(s.Received), comma(s.Deleted), comma(s.Left), comma(s.NotUnderstood))
	for _, text := range l.odd {
		fmt.Fprintf(w, "  stays     %s\n", text)
	}
	if n := s.NotUnderstood - len(l.odd); n > 0 {
		fmt.Fprintf(w, "  stays     ... and %s more\n", comma(n))
	}
}
