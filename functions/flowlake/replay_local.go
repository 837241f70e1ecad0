package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

// runLocal converts here.
func (o *replayOptions) runLocal(c *cobra.Command, sources []string) error {
	ctx, started := c.Context(), time.Now()
	config, err := o.conversion.config(o.workers)
	if err != nil {
		return err
	}
	var aws cloud
	l, err := o.lake.open(ctx, &aws)
	if err != nil {
		return err
	}
	converter, err := etl.New(config, l, l.catalog)
	if err != nil {
		return err
	}
	objects, letters, err := o.objects(ctx, sources, &aws, l)
	if err != nil {
		return err
	}
	r := replay.Config{Table: config.Table, Select: o.selected, Limits: o.limits}
	if o.existing {
		if r.Existing, err = newExisting(ctx, l, config.Table); err != nil {
			return err
		}
	}
	if r.Journal, err = o.openJournal(c, l, &config); err != nil {
		return err
	}
	if r.Journal != nil {
		defer r.Journal.Close() // once more is harmless, and its error was seen by then
	}
	if o.dryRun {
		p, err := replay.MakePlan(ctx, objects, r, o.estimate(sources))
		if err == nil {
			err = o.printPlan(c.OutOrStdout(), p, nil)
		}
		if err == nil && p.Failed > 0 {
			err = &exitError{code: exitObjects}
		}
		return err
	}
	// A catalog that refuses the tables is found here, once, and not after the first object is written.
	r.Begin = func(ctx context.Context) error {
		return l.ensure(ctx, []*schema.Table{config.Table, config.Table.Rejects()})
	}
	p := newProgress(c.ErrOrStderr(), o.format)
	r.Progress = p.show
	r.Done = func(out replay.Outcome) {
		p.done(out)
		if letters != nil {
			letters.done(out)
		}
	}
	s, err := replay.Run(ctx, objects, converter, r)
	p.close()
	if r.Journal != nil {
		err = cmp.Or(err, r.Journal.Close())
	}
	if letters != nil {
		err = cmp.Or(err, letters.close())
	}
	interrupted := ctx.Err() != nil && (!s.Listed || s.Done() < s.Objects)
	if err == nil && !interrupted && s.Objects == 0 && s.Outside == 0 && o.selected.All() && !o.redrive.given() {
		return fmt.Errorf("find source: no object in %q", sources)
	}
	if err == nil || s.Done() > 0 {
		if err := o.printSummary(c.OutOrStdout(), &s, letters, time.Since(started)); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case interrupted:
		return &exitError{exitInterrupted, errors.New(o.interruption(&s))}
	case s.Failed > 0, letters != nil && letters.summary.Left > 0:
		return &exitError{code: exitObjects}
	case s.Rejected > 0:
		return &exitError{code: exitRejects}
	}
	return nil
}

// objects gives what lists the objects to convert; where they are those of dead letters, letters is the
// same.
func (o *replayOptions) objects(ctx context.Context, sources []string, aws *cloud, l *lake) (objects replay.Lister, letters *deadLetters, err error) {
	if o.redrive.given() {
		return o.redrive.lister(ctx, aws, l)
	}
	found := &foreign{replay.Finder{Sources: sources, Open: aws.source, Table: schema.Tables()[0], Select: o.selected}, l}
	return found, nil, found.Check(ctx)
}

// interruption says what is left after an interruption, and how to go on.
func (o *replayOptions) interruption(s *replay.Summary) string {
	text := fmt.Sprintf("interrupted; %d of %d objects were not begun", s.Objects-s.Done(), s.Objects)
	if !s.Listed {
		text = fmt.Sprintf("interrupted while objects were being listed; %d of the %d so far were not begun", s.Objects-s.Done(), s.Objects)
	}
	switch {
	case o.journal != "":
		text += "; the same command goes on from here, by the journal " + o.journal
	case o.existing:
		text += "; the same command goes on from here, by what the lake holds"
	case o.redrive.queue() != "":
		text += "; messages of what was converted are deleted, the same command goes on with the others"
	default:
		text += "; the same command starts again, with --skip-existing it goes on from here"
	}
	return text
}

// openJournal opens the journal, if one is wanted. A plan only looks into one that is there.
func (o *replayOptions) openJournal(c *cobra.Command, l *lake, config *etl.Config) (*replay.Journal, error) {
	if o.journal == "" {
		return nil, nil
	}
	open := replay.OpenJournal
	if o.dryRun {
		if _, err := os.Stat(o.journal); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		open = replay.ReadJournal
	}
	name := l.URL("")
	if l.glue != nil {
		name += " in " + l.at // two databases may have tables over the same objects
	}
	j, err := open(o.journal, name, replay.Settings(config))
	if err == nil && j.Damaged > 0 && o.format == formatText {
		fmt.Fprintf(c.ErrOrStderr(), "journal %s: %s lines cannot be read; their objects are converted again\n", o.journal, comma(j.Damaged))
	}
	return j, err
}

// foreign finds the objects that are not the lake's own, as the lake may lie below a source.
type foreign struct {
	replay.Finder
	lake *lake
}

func (f *foreign) Each(ctx context.Context, fn func(replay.Object) error) error {
	return f.Finder.Each(ctx, func(o replay.Object) error {
		if f.lake.owns(o) {
			return nil
		}
		return fn(o)
	})
}
