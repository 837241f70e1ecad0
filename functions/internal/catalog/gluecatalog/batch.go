package gluecatalog

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/flowlake/flowlake/schema"
)

// itemRounds is how often a partition is tried for which Glue answers with a passing failure within
// a request that succeeds. The SDK, which sends failed requests again, does not look there.
const itemRounds = 5

// change is something that is done to partitions, batch by batch.
type change struct {
	// op names it in errors.
	op string
	// size is the largest number of partitions in a request.
	size int
	// already is the code that Glue gives for a partition with which it had been done before.
	already string
	// send sends one request.
	send func(batch []schema.Partition) ([]types.PartitionError, error)
	// settled is called for every partition with which it is done, now or before, with the time
	// before the request.
	settled func(values []string, at time.Time)
}

// apply changes partitions, none of which occurs twice, and gives with how many it had not been done
// before. A request that fails ends it; a partition that fails does not keep others from being done.
func (c *Catalog) apply(ctx context.Context, t *schema.Table, change change, partitions []schema.Partition) (n int, err error) {
	var failed itemErrors
	for round := 1; len(partitions) > 0; round++ {
		var passing itemErrors
		var again []schema.Partition
		for batch := range slices.Chunk(partitions, change.size) {
			at := c.now()
			answer, err := change.send(batch)
			if err != nil {
				return n, c.fail(ctx, change.op, t.Name, err)
			}
			errs, err := match(batch, answer)
			if err != nil {
				return n, &Error{Op: change.op, Name: c.database + "." + t.Name, Err: err}
			}
			for i, p := range batch {
				switch e := errs[i]; {
				case e == nil:
					n++
					change.settled(p.Values, at)
				case e.code == change.already:
					change.settled(p.Values, at)
				case e.passing():
					passing = append(passing, e)
					again = append(again, p)
				default:
					failed = append(failed, e)
				}
			}
		}
		if round == itemRounds {
			failed = append(failed, passing...)
			break
		}
		partitions = again
		if len(again) > 0 {
			if err := sleep(ctx, c.delay.after(round)); err != nil {
				return n, c.fail(ctx, change.op, t.Name, passing)
			}
		}
	}
	if failed != nil {
		return n, &Error{Op: change.op, Name: c.database + "." + t.Name, Err: failed, Permanent: !failed[0].passing()}
	}
	return n, nil
}

// match brings the errors that Glue gives for single partitions into the order of the batch, with nil
// where there is none. An error for no partition of the batch is an error: it must not be taken for
// success.
func match(batch []schema.Partition, answer []types.PartitionError) ([]*itemError, error) {
	errs := make([]*itemError, len(batch))
	for _, a := range answer {
		e := &itemError{values: a.PartitionValues}
		if a.ErrorDetail != nil {
			e.code, e.message = aws.ToString(a.ErrorDetail.ErrorCode), oneLine(aws.ToString(a.ErrorDetail.ErrorMessage))
		}
		i := slices.IndexFunc(batch, func(p schema.Partition) bool { return slices.Equal(p.Values, a.PartitionValues) })
		if i < 0 {
			return nil, fmt.Errorf("%w, for a partition that was not sent", e)
		}
		errs[i] = e
	}
	return errs, nil
}

// itemError is what Glue says of one partition of a request.
type itemError struct {
	values        []string
	code, message string
}

func (e *itemError) Error() string {
	text := fmt.Sprintf("partition %q: %s: %s", e.values, e.code, e.message)
	if e.Unwrap() != nil {
		return denial(text, e.message)
	}
	return text
}

// Unwrap gives fs.ErrPermission if that is it.
func (e *itemError) Unwrap() error {
	if e.code == "AccessDeniedException" {
		return fs.ErrPermission
	}
	return nil
}

func (e *itemError) passing() bool { return slices.Contains(passingCodes, e.code) }

// itemErrors are what Glue says of several partitions, one at least; what does not pass comes first.
type itemErrors []*itemError

func (e itemErrors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%v (and %d more)", e[0], len(e)-1)
}

// Unwrap gives the first.
func (e itemErrors) Unwrap() error { return e[0] }

// sleep waits, but no longer than the context lasts.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
