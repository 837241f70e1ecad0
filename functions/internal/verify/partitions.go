package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/schema"
)

// partitions are the registered ones.
type partitions struct {
	locations map[string]bool   // those of all
	byValues  map[string]string // location, by table and values
}

func valuesKey(t *schema.Table, values []string) string { return fmt.Sprintf("%s%q", t.Name, values) }

// readPartitions asks the catalog.
func (v *verifier) readPartitions(ctx context.Context) (*partitions, error) {
	p := &partitions{make(map[string]bool), make(map[string]string)}
	for _, t := range []*schema.Table{v.Table, v.rejects} {
		all, err := v.catalog.Partitions(ctx, t)
		if err != nil && !errors.Is(err, catalog.ErrNoTable) {
			return nil, fmt.Errorf("list partitions of %s: %w", t.Name, err)
		}
		for _, one := range all {
			p.locations[one.Location] = true
			p.byValues[valuesKey(t, one.Values)] = one.Location
		}
	}
	return p, nil
}

// readAgain judges a source anew that was converted again. The partitions are read once more only if the
// source needs one that was not registered when they were read last.
func (v *verifier) readAgain(ctx context.Context, j *judge) error {
	v.mu.Lock()
	current := v.current
	v.mu.Unlock()
	if err := j.judge(ctx, current); err != nil || !j.has(Unregistered) {
		return err
	}
	current, err := v.readPartitions(ctx)
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.current = current
	v.mu.Unlock()
	return j.judge(ctx, current)
}
