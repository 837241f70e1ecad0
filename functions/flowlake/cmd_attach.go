package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

type attachOptions struct {
	bucket string
	owner  string // account; "" is any
	dryRun bool
}

func newAttach() *cobra.Command {
	var o attachOptions
	c := &cobra.Command{
		Use:   "attach --bucket BUCKET",
		Short: "Have a bucket of flow logs send its events to EventBridge, and keep its other notifications",
		Long: "attach turns on EventBridge for a bucket that exists already, so that rules there can hand new\n" +
			"flow logs to the function. EventBridge then gets all events of the bucket, from about five minutes\n" +
			"later on. A bucket that does so already is left alone.\n\n" +
			"S3 replaces a bucket's notifications as a whole. So attach reads those that are there, prints them,\n" +
			"and writes them back as they are, with EventBridge besides. It has S3 not check their destinations,\n" +
			"so that these get no test messages and a broken one does no harm. Then it reads again: if anything\n" +
			"that was there is missing or different, it fails and prints what was there as JSON, from which\n" +
			"aws s3api put-bucket-notification-configuration restores it. Notifications that this version does\n" +
			"not know well enough to write them back as they are make it stop before it writes.\n\n" +
			"It also stops if they have changed just before it writes. S3 has no conditional write here, so what\n" +
			"somebody else changes in the moment that remains can still be lost: let nobody change the bucket's\n" +
			"notifications meanwhile. Where a template (CloudFormation, Terraform) declares them, turn EventBridge\n" +
			"on in that: its next deployment would turn it off again.\n\n" +
			"It asks for s3:GetBucketNotification and s3:PutBucketNotification on the bucket.",
		Example: example(`
flowlake attach --bucket amzn-s3-demo-logs --dry-run
flowlake attach --bucket amzn-s3-demo-logs --bucket-owner 123456789012`),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.bucket, "bucket", "", "the bucket's name (required)")
	f.StringVar(&o.owner, "bucket-owner", "", "account that the bucket must belong to (default: any)")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what is there and what would be added, and write nothing")
	return c
}

var account = regexp.MustCompile(`^[0-9]{12}$`)

// validate finds what is wrong with the flags.
func (o *attachOptions) validate() error {
	if name, _, err := s3store.ParseURL("s3://" + o.bucket); err != nil || name != o.bucket {
		return usage("--bucket: want the name of a bucket, have %q", o.bucket)
	}
	if o.owner != "" && !account.MatchString(o.owner) {
		return usage("--bucket-owner: want 12 digits, have %q", o.owner)
	}
	return nil
}

func (o *attachOptions) run(c *cobra.Command) error {
	if err := o.validate(); err != nil {
		return err
	}
	var cloud cloud
	if _, err := cloud.load(c.Context()); err != nil {
		return err
	}
	b := &logBucket{client: cloud.s3, name: o.bucket}
	if o.owner != "" {
		b.owner = &o.owner
	}
	p, err := planAttachment(c.Context(), b)
	if err != nil {
		return err
	}
	// A plan that nobody can read is not carried out.
	if _, err := io.WriteString(c.OutOrStdout(), p.String()); err != nil {
		return err
	}
	if p.before.attached() {
		return nil
	}
	if o.dryRun {
		fmt.Fprintln(c.OutOrStdout(), "dry run: nothing was written")
		return nil
	}
	if err := p.execute(c.Context(), 2*time.Second); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), "written and read back: events go to EventBridge in about five minutes, all else is as it was")
	return nil
}

// attachment is the plan to add EventBridge to a bucket's notifications.
type attachment struct {
	bucket *logBucket
	before *notifications
	backup string // what is there, as JSON
}

// planAttachment reads the notifications. It gives an error if they cannot be written back as they
// are: the SDK passes over what it does not know.
func planAttachment(ctx context.Context, b *logBucket) (*attachment, error) {
	before, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	if before.attached() {
		return &attachment{bucket: b, before: before}, nil
	}
	after, err := b.rendered(ctx, before.attach())
	if err != nil {
		return nil, err
	}
	if lost := before.missing(after); len(lost) > 0 {
		return nil, fmt.Errorf("write back the notifications of s3://%s: this version cannot do so with %s; nothing was written; turn EventBridge on in the console of S3",
			b.name, strings.Join(lost, ", "))
	}
	backup, err := before.json()
	return &attachment{b, before, backup}, err
}

// String says what is there and what is added.
func (p *attachment) String() string {
	if p.before.attached() {
		return fmt.Sprintf("s3://%s sends its events to EventBridge already; nothing was written\n", p.bucket.name)
	}
	there := p.before.String()
	if there == "" {
		there = "  none\n"
	}
	return fmt.Sprintf("s3://%s\nis there and stays:\n%sis added:\n  EventBridge\n    events  all\n    keys    all\n", p.bucket.name, there)
}

// execute writes what is planned and checks it. Once it has begun to write, it ends with the check,
// whether it is interrupted or not.
//
// S3 promises no more than that a read sees the write sometime: as long as EventBridge is missing, it
// reads again, 15 times in all with a pause in between.
func (p *attachment) execute(ctx context.Context, pause time.Duration) error {
	const reads = 15
	now, err := p.bucket.read(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(now.entries, p.before.entries) {
		return fmt.Errorf("write the notifications of s3://%s: they have changed since they were printed; nothing was written; run it again", p.bucket.name)
	}
	ctx = context.WithoutCancel(ctx)
	if err := p.bucket.write(ctx, p.before.attach()); err != nil {
		return err
	}
	for n := 1; ; n++ {
		after, err := p.bucket.read(ctx)
		switch {
		case err != nil:
		case len(p.before.missing(after.entries)) > 0:
			err = fmt.Errorf("missing or different after the write: %s", strings.Join(p.before.missing(after.entries), ", "))
		case after.attached():
			return nil
		case n == reads:
			err = errors.New("EventBridge is not on after the write; all else is as it was")
		}
		if err != nil {
			return fmt.Errorf("check the notifications of s3://%[1]s: %[2]w; what was there is restored by\n"+
				"aws s3api put-bucket-notification-configuration --skip-destination-validation --bucket %[1]s --notification-configuration file://FILE\n"+
				"with this as FILE:\n%[3]s", p.bucket.name, err, p.backup)
		}
		time.Sleep(pause)
	}
}
