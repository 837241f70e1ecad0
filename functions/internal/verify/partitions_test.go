package verify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowlake/flowlake/functions/internal/verify"
	"github.com/flowlake/flowlake/schema"
)

// changing is a catalog that others change.
type changing struct {
	verify.Catalog
	asked atomic.Int64
	see   func(asked int64, t *schema.Table, all []schema.Partition) ([]schema.Partition, error)
}

func (c *changing) Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error) {
	all, err := c.Catalog.Partitions(ctx, t)
	if err != nil {
		return nil, err
	}
	return c.see(c.asked.Add(1), t, all)
}

// A partition that is registered while the lake is verified is not missed, and the catalog is not asked
// for every source that lacks one.
func TestPartitionsThatComeLate(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		day := schema.GlobalAccelerator().Partition(schema.DayOf(midnight))
		asked := int64(2) // as often the partition is not there yet
		c := &changing{Catalog: w.catalog}
		c.see = func(n int64, _ *schema.Table, all []schema.Partition) ([]schema.Partition, error) {
			if n <= asked {
				all = slices.DeleteFunc(all, func(p schema.Partition) bool { return p.Location == day.Location })
			}
			return all, nil
		}
		late := func(wait time.Duration) verify.Find {
			return func(ctx context.Context, fn func(verify.Object) error) error {
				return w.find(ctx, func(o verify.Object) error {
					time.Sleep(wait)
					return fn(o)
				})
			}
		}
		o := w.options()
		o.Workers = 1
		r, err := verify.Run(t.Context(), o, late(time.Minute), w.lake, c)
		if err != nil || r.Standing() != 0 || c.asked.Load() != 4 {
			t.Errorf("findings %+v, error %v, asked %d times", r.Findings, err, c.asked.Load())
		}
		// It never comes: asked once, and not for the second source that lacks it.
		asked = 1000
		c.asked.Store(0)
		r, err = verify.Run(t.Context(), o, late(time.Minute), w.lake, c)
		if err != nil || r.Open[verify.Unregistered] != 2 || c.asked.Load() != 4 {
			t.Errorf("findings %+v, error %v, asked %d times", r.Findings, err, c.asked.Load())
		}
		c.asked.Store(0)
		r, err = verify.Run(t.Context(), o, late(0), w.lake, c)
		if err != nil || r.Open[verify.Unregistered] != 2 || c.asked.Load() != 2 {
			t.Errorf("findings %+v, error %v, asked %d times", r.Findings, err, c.asked.Load())
		}
		// The catalog fails then.
		c.asked.Store(0)
		missing := c.see
		c.see = func(n int64, t *schema.Table, all []schema.Partition) ([]schema.Partition, error) {
			if n > 2 {
				return nil, errors.New("no answer")
			}
			return missing(n, t, all)
		}
		r, err = verify.Run(t.Context(), o, late(time.Minute), w.lake, c)
		if err == nil || !strings.Contains(r.Incomplete, "list partitions of aga_flow_logs: no answer") {
			t.Errorf("report %+v, error %v", r, err)
		}
	})
}
