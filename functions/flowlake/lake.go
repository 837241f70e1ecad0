package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/schema"
)

// Kinds of catalogs.
const (
	localCatalog = "local"
	glueCatalog  = "glue"
)

// lakeOptions say which lake a command is about.
type lakeOptions struct {
	url      string // directory or s3://bucket/prefix
	catalog  string // kind; "" is that of the URL
	database string // of the tables
	s3       s3store.Options
	create   bool // the database and the tables in Glue, where they are missing
}

// register declares the flags; required says when --lake is.
func (o *lakeOptions) register(c *cobra.Command, required string) {
	f := c.Flags()
	f.StringVar(&o.url, "lake", "", "the lake, a directory or s3://bucket/prefix ("+required+")")
	f.StringVar(&o.catalog, "catalog", "", `where its partitions are registered: "local" in a directory, "glue" for S3 (default: what the lake has)`)
	f.StringVar(&o.database, "database", "", fmt.Sprintf("database of the tables in Glue, required there, and in queries (default in a directory: %q)", query.DefaultDatabase))
}

// validate finds what is wrong with the flags.
func (o *lakeOptions) validate() error {
	scheme, _, isURL := strings.Cut(o.url, "://")
	kind := localCatalog
	switch {
	case o.url == "":
		return usage("--lake: want a directory or s3://bucket/prefix")
	case isS3(o.url):
		kind = glueCatalog
		if _, _, err := s3store.ParseURL(o.url); err != nil {
			return usage("--lake: %w", err)
		}
	case isURL:
		return usage("--lake: want a directory or s3://bucket/prefix, have a %s URL: %s", scheme, o.url)
	}
	if o.catalog == "" {
		o.catalog = kind
	}
	// In Glue a default would be a second, empty set of tables for whoever forgets the name.
	if o.database == "" && kind == localCatalog {
		o.database = query.DefaultDatabase
	}
	switch {
	case o.catalog != localCatalog && o.catalog != glueCatalog:
		return usage("--catalog: want %s or %s, have %q", localCatalog, glueCatalog, o.catalog)
	case o.catalog != kind && kind == glueCatalog:
		return usage("--catalog: a lake in S3 has its catalog in Glue: a local one is a file that is locked while it is written, which S3 has no means for")
	case o.catalog != kind:
		return usage("--catalog: a lake in a directory has its catalog there: Glue registers places in S3, which Athena can read")
	case o.database == "":
		return usage("--database: want the name of the Glue database that holds the lake's tables")
	case kind == localCatalog && o.s3.KMSKey != "":
		return usage("--kms-key: want a lake in S3, have %s", o.url)
	case kind == localCatalog && o.s3.BucketOwner != "":
		return usage("--bucket-owner: want a lake in S3, have %s", o.url)
	}
	return nil
}

// objects are the objects of a lake.
type objects interface {
	etl.Source
	etl.Lake
	List(ctx context.Context, prefix string, fn func(store.Object) error) error
}

// tables are the tables of a lake and their partitions.
type tables interface {
	etl.Catalog
	query.Catalog
	// EnsureTable gives an error unless the table is there, as it is declared. It makes a missing one
	// or gives an error, depending on the catalog.
	EnsureTable(ctx context.Context, t *schema.Table) error
	// Tables gives the names of all tables, of whatever kind.
	Tables(ctx context.Context) ([]string, error)
}

// lake is an open lake: its objects and its catalog.
type lake struct {
	objects
	catalog tables
	// dir is the same as objects where the lake is a directory, else nil.
	dir *store.Local
	// glue is the same as catalog where the lake is in S3, else nil.
	glue *gluecatalog.Catalog
	// at says where the catalog is, for messages.
	at string
}

// open opens the lake, which need not exist yet.
func (o *lakeOptions) open(ctx context.Context, aws *cloud) (*lake, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if isS3(o.url) {
		objects, err := aws.store(ctx, o.url, o.s3)
		if err != nil {
			return nil, err
		}
		c, err := aws.catalog(ctx, gluecatalog.Options{Database: o.database, LakeURL: objects.URL(""), Create: o.create})
		if err != nil {
			return nil, err
		}
		return &lake{objects: objects, catalog: c, glue: c, at: "Glue database " + o.database}, nil
	}
	dir, err := store.OpenLocal(o.url)
	if err != nil {
		return nil, err
	}
	c, err := catalog.OpenLocal(o.url)
	if err != nil {
		return nil, err
	}
	return &lake{objects: dir, catalog: c, dir: dir, at: dir.Path("")}, nil
}

// allTables gives the tables of every lake: each log's and its rejects'.
func allTables() []*schema.Table {
	var all []*schema.Table
	for _, t := range schema.Tables() {
		all = append(all, t, t.Rejects())
	}
	return all
}

// owns says whether an object is one of the lake's own: of a table or of the catalog.
func (l *lake) owns(o replay.Object) bool {
	root := l.URL("")
	if !strings.HasSuffix(root, "/") {
		root += "/"
	}
	key, below := strings.CutPrefix(o.Source.URL(o.Key), root)
	if !below {
		return false
	}
	first, _, _ := strings.Cut(key, "/")
	return first == "_catalog" || schema.Lookup(first) != nil
}

// mustExist gives an error unless the lake was made before: a mistyped name must not pass for an empty
// lake. Glue tells apart what a directory cannot: whose tables they are.
func (l *lake) mustExist(ctx context.Context) error {
	if l.dir == nil {
		return l.ensure(ctx, allTables())
	}
	names, err := l.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s is no lake: no table is registered there; flowlake replay makes one", l.at)
	}
	return nil
}

// ensure gives an error unless the tables are there, as they are declared. In a directory it makes
// those that are missing; in Glue that takes a lake that was opened for it.
func (l *lake) ensure(ctx context.Context, tables []*schema.Table) error {
	for _, t := range tables {
		if err := l.catalog.EnsureTable(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
