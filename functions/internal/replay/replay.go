// Package replay converts many source objects: it finds them (sources.go) and has them converted, a
// bounded number at a time, in the way that one object is converted by an event (package etl).
//
// An object that fails never stops the others. The package prints nothing and holds no state that
// outlives a run: converting an object again overwrites what the first time wrote. It knows paths of
// files; what a URL means, its caller knows.
package replay

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowlake/flowlake/functions/internal/etl"
)

// Object is one source object.
type Object struct {
	// Source is the store that holds it, and Key its key there.
	Source etl.Source
	Key    string
	// Size is its size in bytes.
	Size int64
}

// Converter converts one object. It is called by several goroutines at the same time.
type Converter interface {
	Convert(ctx context.Context, source etl.Source, key string) (etl.Result, error)
}

// Outcome is what became of one object.
type Outcome struct {
	Object Object
	Result etl.Result
	// Err is why the object was not converted, or nil.
	Err error
}

// Run converts the objects, workers of them at a time, and calls done after each, one call at a time
// and in no certain order. When ctx ends, the conversions in progress are brought to their end and
// no others begin; the objects not begun are those for which done was not called.
func Run(ctx context.Context, objects []Object, c Converter, workers int, done func(Outcome)) {
	var mu sync.Mutex
	var g errgroup.Group
	// Each conversion holds its batches in memory: their number is what bounds the memory.
	g.SetLimit(max(1, workers))
	for _, o := range objects {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			res, err := c.Convert(context.WithoutCancel(ctx), o.Source, o.Key)
			mu.Lock()
			defer mu.Unlock()
			done(Outcome{Object: o, Result: res, Err: err})
			return nil
		})
	}
	g.Wait()
}
