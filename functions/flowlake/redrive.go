package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/deadletter"
	"github.com/flowlake/flowlake/functions/internal/failed"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

// redriveOptions say what is to be converted because it failed once, instead of sources.
type redriveOptions struct {
	failed  []string // paths or URLs of lists, or the URL of a queue
	sources []string // s3:// URLs that the objects of a queue lie below, or none for any
}

// register declares the flags.
func (o *redriveOptions) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.failed, "failed", nil, "convert what failed once, instead of a SOURCE: a list (file or s3:// URL) of one path or URL in a line, a journal, a log in JSON, a result file or manifest.json of Step Functions; or the URL of a queue of dead letters; may be repeated")
	c.Flags().StringArrayVar(&o.sources, "source", nil, "where the objects of a queue must lie, such as the stack's s3://FLOW_LOG_BUCKET/PREFIX; messages about logs elsewhere stay; may be repeated (default: anywhere)")
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

// validate finds what is wrong with the flags, given the others.
func (o *redriveOptions) validate(sources []string, selected *replay.Selection, dryRun bool) error {
	if len(o.sources) > 0 && o.queue() == "" {
		return usage("--source: want a queue as --failed with it: what else is converted, you name yourself")
	}
	for _, s := range o.sources {
		if _, _, err := s3store.ParseURL(s); err != nil {
			return usage("--source: %w", err)
		}
	}
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
	letters = newDeadLetters(q, aws.source, l.owns, o.sources)
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
			o, err := l.at.locate(ctx, f.URL)
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
