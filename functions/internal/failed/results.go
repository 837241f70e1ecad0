package failed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/flowlake/flowlake/functions/internal/event"
)

// manifest is a manifest.json. Its keys are those of the bucket.
type manifest struct {
	DestinationBucket string
	ResultFiles       *struct{ FAILED, PENDING []struct{ Key string } }
}

// manifest reads the files that a manifest names: what failed, then what was not begun.
func (l *list) manifest(ctx context.Context, open Opener) error {
	var m manifest
	if err := json.NewDecoder(l.r).Decode(&m); err != nil {
		return fmt.Errorf("want a manifest of Step Functions: %w", err)
	}
	if m.DestinationBucket == "" || m.ResultFiles == nil {
		return errors.New("want a manifest of Step Functions with DestinationBucket and ResultFiles")
	}
	for _, file := range append(m.ResultFiles.FAILED, m.ResultFiles.PENDING...) {
		err := read(ctx, open, "s3://"+m.DestinationBucket+"/"+file.Key, false, l.fn)
		if err != nil {
			return err
		}
	}
	return nil
}

// execution is what a result file says of the execution of one batch. One that was not begun has no
// name and no cause.
type execution struct {
	ExecutionArn string
	Status       string
	Input        *string // JSON
	Error, Cause string
}

// executions reads an array of executions, or one after the other.
func (l *list) executions() error {
	d := json.NewDecoder(l.r)
	first, err := l.r.Peek(1)
	for err == nil && first[0] != '[' && first[0] != '{' { // blanks
		_, _ = l.r.ReadByte()
		first, err = l.r.Peek(1)
	}
	if err != nil {
		return err
	}
	array := first[0] == '['
	if array {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	for i := 1; d.More(); i++ {
		var e execution
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("execution %d: want an object with Status and Input, as a result file of Step Functions has it: %w", i, err)
		}
		if err := l.execution(&e); err != nil {
			return fmt.Errorf("execution %d (%s): %w", i, cmp.Or(e.ExecutionArn, "not begun"), err)
		}
	}
	end, err := d.Token()
	switch {
	case !array && err == io.EOF, array && err == nil && end == json.Delim(']'):
		return nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("want the end of the list of executions: %w", err)
}

// The errors of the state machine whose causes name objects, and what is said of the objects of a batch
// that was not begun.
const (
	objectsFailed = "ObjectsFailed"
	notBegun      = "not begun"
)

// cause is the cause of a batch that ended in ObjectsFailed.
type cause struct {
	Bucket    string
	Count     int
	Truncated bool
	Objects   []struct{ Key, Error string }
}

// names says whether the cause names all objects that failed.
func (c *cause) names() bool {
	if c.Bucket == "" || c.Truncated || c.Count != len(c.Objects) {
		return false
	}
	for _, o := range c.Objects {
		if o.Key == "" {
			return false
		}
	}
	return len(c.Objects) > 0
}

// execution gives the objects of a batch that failed: those that its cause names, as the others of it
// were converted; or all, if it names none.
func (l *list) execution(e *execution) error {
	if e.Status == "SUCCEEDED" {
		return errors.New("want an execution that failed or was not begun, have one that SUCCEEDED")
	}
	if e.Input == nil {
		return errors.New("want the batch as Input, found none")
	}
	var c cause
	if e.Error == objectsFailed && json.Unmarshal([]byte(e.Cause), &c) == nil && c.names() {
		for _, o := range c.Objects {
			if err := l.fn(Object{URL: "s3://" + c.Bucket + "/" + o.Key, Error: o.Error}); err != nil {
				return err
			}
		}
		return nil
	}
	reason := notBegun
	if e.Error != "" || e.Cause != "" {
		reason = shorten(e.Error + ": " + e.Cause)
	} else if e.ExecutionArn != "" {
		reason = cmp.Or(e.Status, "FAILED")
	}
	batch, err := event.Decode([]byte(*e.Input))
	if err != nil {
		return fmt.Errorf("want a batch of the replay as Input: %w", err)
	}
	if batch.Kind != event.KindReplay {
		return fmt.Errorf("want a batch of the replay as Input, found one of %s", batch.Kind)
	}
	for _, m := range batch.Messages {
		if m.Err != nil {
			return fmt.Errorf("want a batch of the replay as Input: %w", m.Err)
		}
		for _, o := range m.Objects {
			if err := l.fn(Object{URL: "s3://" + o.Bucket + "/" + o.Key, Error: reason}); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxReason bounds what is said of the objects of a batch, in characters, as the state machine does.
const maxReason = 300

func shorten(reason string) string {
	if runes := []rune(reason); len(runes) > maxReason {
		return string(runes[:maxReason]) + "..."
	}
	return reason
}
