// Package query runs SQL over a lake, with an embedded DuckDB.
//
// It answers as Athena does over the same lake: a query sees the objects of registered partitions
// and no others, so that a forgotten registration shows; the partition keys have the catalog's
// values, whatever a path says; a column that a file does not have is NULL; and a file whose columns
// have other types than the table's is an error. It changes nothing: only queries are accepted, and
// only the files that the catalog led to can be opened, and a temporary one of WriteParquet's.
//
// DuckDB is not Athena where arithmetic fails: a sum of bigint beyond 63 bits and a division by zero
// are errors there, and a larger number and NULL here.
//
// It is the only package that knows DuckDB. It neither prints nor formats: that is the package
// format's.
//
// Decisions, with what lost:
//   - DuckDB's C interface, through its own Go bindings, and not the database/sql driver on top of
//     them: the driver holds the whole result in memory, outside of the memory limit (1 GB for 20
//     million rows of two columns). The bindings stream it, in 45 MB.
//   - One read_parquet over all files, with the table's columns given as its schema, and not
//     hive_partitioning: that makes a column of every `x=1` in the lake's own path, which even takes
//     the place of a column of the file. The keys are cut from the path instead, which skips files
//     just as well; partitions whose path says something else than the catalog are read one by one
//     beside. All partitions one by one took five times as long.
//   - Timestamps are taken from their microseconds and not cast: the cast asks the time zone
//     database for every value, which takes 15 times as long.
package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/schema"
)

// Catalog says which partitions are registered.
type Catalog interface {
	// Partitions gives the registered partitions of a table, in any order. Where the catalog knows
	// no such table it gives none, or an error that is [catalog.ErrNoTable].
	Partitions(ctx context.Context, t *schema.Table) ([]schema.Partition, error)
}

// Files finds the objects of a lake.
type Files interface {
	// Files gives the objects below a partition's location, in any order, and where to read them.
	// Objects that Athena would not see are left out: those with an element below the location that
	// starts with an underscore or a dot. A location with no objects is no error.
	//
	// It is called by several goroutines at the same time. The files must stay until the [DB] is
	// closed: a query that finds one gone fails.
	Files(ctx context.Context, location string) ([]store.File, error)
}

// DefaultDatabase is the database of the AWS article.
const DefaultDatabase = "sampledb"

// Options say how to query. Each has a default, which the zero value stands for.
type Options struct {
	// Threads is the number of threads that run a query; default: one for each core.
	Threads int
	// MemoryLimit bounds the memory of all queries that run at the same time, in bytes; default: 80 %
	// of the machine's. Add some 100 MB for the files' footers and the process itself.
	MemoryLimit int64
	// TempDirectory is where a query puts what does not fit into MemoryLimit, and [DB.WriteParquet] its
	// file. It is made when it is needed, and emptied by Close. Default: nowhere; such a query fails.
	TempDirectory string
	// Database is the schema in which the tables are found, besides being found without one; default
	// [DefaultDatabase]. In Athena it is the name of the Glue database.
	Database string
}

// Validate reports everything that is wrong with the options, at once.
func (o *Options) Validate() error {
	var errs []error
	if o.Threads < 0 {
		errs = append(errs, fmt.Errorf("threads: want at least 1, have %d", o.Threads))
	}
	if o.MemoryLimit < 0 || o.MemoryLimit > 0 && o.MemoryLimit < minMemory {
		errs = append(errs, fmt.Errorf("memory limit: want at least %d bytes, have %d", minMemory, o.MemoryLimit))
	}
	if slices.Contains(reserved, strings.ToLower(o.Database)) {
		errs = append(errs, fmt.Errorf("database: want another name than %q, which DuckDB has for itself", o.Database))
	}
	return errors.Join(errs...)
}

// reserved are the names of DuckDB's own databases and schemas.
var reserved = []string{"memory", "temp", "system", "information_schema", "pg_catalog"}

// minMemory is what DuckDB needs to plan a query over many files.
const minMemory = 32 << 20

// DB answers queries over tables as they stood when it was opened. It may be used by goroutines at
// the same time.
type DB struct {
	engine *engine
	files  map[string]int // of each table, by its name
	// parquet is the file that WriteParquet writes first, or "".
	parquet string
	writing sync.Mutex // the file
}

// Open lists the registered partitions and their files, checks that every file has the table's types,
// and gives a DB that answers over them. It takes about a second for 10,000 files. A table that the
// catalog does not know, or that has no files, is empty.
//
// The error of a file with other types is a [*TypeError].
func Open(ctx context.Context, tables []*schema.Table, c Catalog, f Files, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("query settings: %w", err)
	}
	e, err := openEngine(o)
	if err != nil {
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	db := &DB{engine: e, files: map[string]int{}}
	if o.TempDirectory != "" {
		if db.parquet, err = filepath.Abs(filepath.Join(o.TempDirectory, "answer.parquet")); err != nil {
			e.close()
			return nil, fmt.Errorf("find temporary directory: %w", err)
		}
	}
	if err := db.setup(ctx, tables, c, f, cmp.Or(o.Database, DefaultDatabase)); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// setup makes the views and functions, and then closes the door: from there on only the files of the
// views can be opened, and no setting can be changed.
func (db *DB) setup(ctx context.Context, tables []*schema.Table, c Catalog, f Files, database string) error {
	conn, err := db.engine.connect()
	if err != nil {
		return err
	}
	defer conn.close()

	setup := []string{"SET GLOBAL TimeZone = 'UTC'"}
	setup = append(setup, functions()...)
	setup = append(setup, "CREATE SCHEMA IF NOT EXISTS "+identifier(database))
	if err := conn.execAll(ctx, setup); err != nil {
		return fmt.Errorf("set up DuckDB: %w", err)
	}
	var files []string
	for _, t := range tables {
		l, err := list(ctx, t, c, f)
		if err != nil {
			return err
		}
		if err := checkTypes(ctx, conn, t, l.all()); err != nil {
			return fmt.Errorf("check files of %s: %w", t.Name, err)
		}
		views := []string{createView("main", t, l), createAlias(database, t)}
		if err := conn.execAll(ctx, views); err != nil {
			return fmt.Errorf("make view %s: %w", t.Name, err)
		}
		files = append(files, l.all()...)
		db.files[t.Name] = len(l.all())
	}
	if db.parquet != "" {
		files = append(files, db.parquet)
	}
	if err := conn.execAll(ctx, lock(files)); err != nil {
		return fmt.Errorf("confine DuckDB: %w", err)
	}
	return nil
}

// lock gives the statements that confine DuckDB to those files, for good: it does not let external
// access be granted again. A path with wildcards is allowed as it stands and as it is asked for.
func lock(files []string) []string {
	allowed := make([]string, 0, len(files))
	for _, f := range files {
		allowed = append(allowed, f)
		if p := pattern(f); p != f {
			allowed = append(allowed, p)
		}
	}
	return []string{
		"SET allowed_paths = " + literals(allowed),
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
}

// Query starts a query, which is one statement that reads: SELECT, WITH, VALUES, DESCRIBE, SHOW,
// SUMMARIZE, or EXPLAIN of such a one without ANALYZE. Anything else is an error that is [ErrNotQuery],
// and so is a function in FROM that is not known to only read; what DuckDB finds wrong is a [*Error].
//
// The rows come while the query runs, in the order that the query asks for. The caller closes them.
// When ctx ends, the query is stopped and gives an error that is ctx's.
func (db *DB) Query(ctx context.Context, sql string) (*Rows, error) {
	conn, err := db.engine.connect()
	if err != nil {
		return nil, err
	}
	rows, err := conn.query(ctx, sql)
	if err != nil {
		conn.close()
		return nil, err
	}
	unwatch := rows.release
	rows.release = func() {
		unwatch()
		conn.close()
	}
	return rows, nil
}

// Empty says that a table of that name has no file, and so no rows, of the partitions that were seen.
func (db *DB) Empty(table string) bool { return db.files[table] == 0 }

// Close frees the database; no other call may be under way. Rows that are open stay so until they are
// closed. Calling it again does nothing.
func (db *DB) Close() error {
	db.engine.close()
	return nil
}
