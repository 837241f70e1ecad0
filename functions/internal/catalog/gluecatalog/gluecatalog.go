// Package gluecatalog keeps tables and their partitions in the AWS Glue Data Catalog, where Athena
// finds them.
//
// [Catalog] is the catalog of a lake in S3, as catalog.Local is of one in a directory; both keep the
// promises of the contract suite of the package catalogtest. [TableInput] says what Glue holds of a
// table. The package does not touch the objects of a partition, and it changes no table that exists,
// but for [Catalog.EnsureIndex], which adds a partition index.
//
// Decisions:
//   - A process remembers for an hour what it has seen registered, so that a warm function asks Glue
//     about a partition once and not once per object. What others remove meanwhile is registered
//     again within the hour, by the next object of that partition. Reading the partition before each
//     write lost: that is the request per object that is to be saved.
//   - A partition's storage descriptor is copied from the table as it is registered, not from the
//     declaration: columns and comments are then those that whoever keeps the table chose, and
//     Athena refuses a partition whose columns contradict its table's.
//   - A table or database that is missing is made only if the options say so. The event path has no
//     permission for it, and a mistyped name must not become a database.
//   - A table that CloudFormation made, or Athena's DDL, has no partition index: neither can make one.
//     EnsureIndex adds it, and not EnsureTable, which the event path calls: with that the function
//     would need permission for what is done once in the life of a table.
//   - A table without the property schema.PartitionFiltering will do. Setting it would take UpdateTable,
//     which writes a whole table over what others wrote meanwhile, and would make a stack's table
//     differ from its template. So the caller is told, and a person may run the statement of
//     schema.Table.SetProperty in Athena.
//   - AlreadyExists and EntityNotFound are outcomes, so every request can be sent again. Where the
//     answer to a request is lost and the SDK repeats it, what it did is not counted: the counts that
//     calls give may then be too low, never too high.
package gluecatalog

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
)

// Options say which catalog it is.
type Options struct {
	// Database is the name of the Glue database that holds the tables: lower-case letters, digits,
	// underscores and hyphens.
	Database string
	// LakeURL is the URL of the lake, s3://bucket or s3://bucket/prefix, with or without a slash at
	// its end. A table's objects are below <LakeURL>/<table>/.
	LakeURL string
	// CatalogID is the account whose Data Catalog it is; default that of the credentials.
	CatalogID string
	// Create says that a missing table, and its database, is created. Else it is an error that is
	// catalog.ErrNoTable.
	Create bool
	// MaxAge is how long what was seen of a table and its partitions counts; default 1 hour.
	MaxAge time.Duration
}

// Validate reports everything that is wrong with the options, at once.
func (o *Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(regexp.MustCompile(`^[a-z0-9_-]{1,255}$`).MatchString(o.Database),
		"database: want lower-case letters, digits, _ and -, have %q", o.Database)
	check(regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]*[a-z0-9](/[^/\x00-\x1f]+)*/?$`).MatchString(o.LakeURL),
		"lake: want s3://bucket or s3://bucket/prefix, have %q", o.LakeURL)
	check(o.CatalogID == strings.Join(strings.Fields(o.CatalogID), ""),
		"catalog: want an account number, have %q", o.CatalogID)
	check(o.MaxAge >= 0, "age of what is remembered: want more than 0, have %s", o.MaxAge)
	return errors.Join(errs...)
}

// Catalog is a database of the Glue Data Catalog. It may be shared by goroutines, and other
// processes may change the database at the same time.
type Catalog struct {
	client    *glue.Client
	database  string
	lakeURL   string // without a slash at its end
	catalogID *string
	create    bool
	maxAge    time.Duration

	// now gives the time. Tests replace it.
	now func() time.Time
	// delay is the wait before partitions that Glue could not register are tried again.
	delay backoff

	mu     sync.Mutex
	tables map[string]*memory
}

// New gives the catalog that the options describe. It sends nothing. The client is best made by
// [NewClient].
func New(client *glue.Client, o Options) (*Catalog, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("glue catalog settings: %w", err)
	}
	c := &Catalog{
		client:   client,
		database: o.Database,
		lakeURL:  strings.TrimSuffix(o.LakeURL, "/"),
		create:   o.Create,
		maxAge:   cmp.Or(o.MaxAge, time.Hour),
		now:      func() time.Time { return time.Now().Round(0) }, // the wall clock, see memory
		delay:    defaultBackoff,
		tables:   map[string]*memory{},
	}
	if o.CatalogID != "" {
		c.catalogID = aws.String(o.CatalogID)
	}
	return c, nil
}

// memory gives what is remembered of a table.
func (c *Catalog) memory(table string) *memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.tables[table]
	if m == nil {
		m = newMemory()
		c.tables[table] = m
	}
	return m
}
