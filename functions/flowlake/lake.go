package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// lake is an open lake: its objects and its catalog.
type lake struct {
	*store.Local
	catalog *catalog.Local
}

// openLake opens the lake at a URL: the path of a directory, which need not exist yet.
func openLake(url string) (*lake, error) {
	if url == "" {
		return nil, usage("--lake: want the directory of a lake")
	}
	if scheme, _, ok := strings.Cut(url, "://"); ok {
		return nil, usage("--lake: want the directory of a lake, have a %s URL: %s", scheme, url)
	}
	objects, err := store.OpenLocal(url)
	if err != nil {
		return nil, err
	}
	c, err := catalog.OpenLocal(url)
	if err != nil {
		return nil, err
	}
	return &lake{objects, c}, nil
}

// owns says whether an object is one of the lake's own: of a table or of the catalog.
func (l *lake) owns(o replay.Object) bool {
	key, below := strings.CutPrefix(o.Source.URL(o.Key), strings.TrimSuffix(l.URL(""), "/")+"/")
	if !below {
		return false
	}
	first, _, _ := strings.Cut(key, "/")
	return first == "_catalog" || schema.Lookup(first) != nil
}

// mustExist gives an error unless something was ever registered in the lake: a mistyped path must not
// pass for an empty lake.
func (l *lake) mustExist(ctx context.Context) error {
	tables, err := l.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return fmt.Errorf("%s is no lake: no table is registered there; flowlake replay makes one", l.Path(""))
	}
	return nil
}

// Files gives the paths of the objects below a location that a query may read: as for Athena, those
// with an element that starts with an underscore or a dot are hidden.
func (l *lake) Files(ctx context.Context, location string) ([]string, error) {
	var files []string
	err := l.List(ctx, location, func(o store.Object) error {
		for element := range strings.SplitSeq(strings.TrimPrefix(o.Key, location), "/") {
			if strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") {
				return nil
			}
		}
		files = append(files, l.Path(o.Key))
		return nil
	})
	return files, err
}
