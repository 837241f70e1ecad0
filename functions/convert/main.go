// Command convert is the Lambda function: one invocation names source objects, and each of them is
// converted into the lake and its partitions registered (package etl), as every other path does it.
//
// Here is wiring only: the configuration from the environment (config.go), one invocation from its
// payload to its answer (handler.go), and what it tells of itself (report.go, metrics.go).
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

func main() {
	os.Exit(run(context.Background(), os.Environ(), os.Stdout, os.Stderr))
}

// run serves invocations until the environment is shut down. It returns before the first one only
// where the configuration is wrong, which Lambda reports as a failed start.
func run(ctx context.Context, environ []string, stdout, stderr io.Writer) int {
	log := newLogger(stderr, slog.LevelInfo)
	c, err := readConfig(environ)
	if err != nil {
		log.ErrorContext(ctx, "configuration is wrong", "error", err.Error())
		return 1
	}
	log = newLogger(stderr, c.logLevel)
	if c.memoryLimit > 0 {
		debug.SetMemoryLimit(c.memoryLimit)
	}
	h, err := newHandler(ctx, c, stdout, log)
	if err != nil {
		log.ErrorContext(ctx, "cannot start", "error", err.Error())
		return 1
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx))
	return 0
}

// newHandler builds the clients and what is made of them. It calls nobody: the first calls to S3 and
// Glue are those of the first object.
func newHandler(ctx context.Context, c config, metrics io.Writer, log *slog.Logger) (*handler, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", err)
	}
	client := s3store.NewClient(cfg)
	lake, err := s3store.New(client, c.lake.bucket, c.lake.prefix, s3store.Options{KMSKey: c.kmsKey, BucketOwner: c.lakeOwner})
	if err != nil {
		return nil, err
	}
	catalog, err := gluecatalog.New(gluecatalog.NewClient(cfg), gluecatalog.Options{
		Database:  c.database,
		LakeURL:   lake.URL(""),
		CatalogID: c.catalogID,
	})
	if err != nil {
		return nil, err
	}
	converter, err := etl.New(c.conversion, lake, catalog)
	if err != nil {
		return nil, err
	}
	return &handler{
		table:       c.conversion.Table,
		converter:   converter,
		open:        sourcesOf(client, c.sourceOwner),
		sources:     c.sources,
		concurrency: c.concurrency,
		log:         log,
		metrics:     metricsWriter{w: metrics, function: c.function},
		now:         time.Now,
	}, nil
}

// sourcesOf gives the store of a source bucket.
func sourcesOf(client *s3.Client, owner string) func(bucket string) (etl.Source, error) {
	return func(bucket string) (etl.Source, error) {
		return s3store.New(client, bucket, "", s3store.Options{BucketOwner: owner})
	}
}
