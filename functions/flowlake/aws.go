package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
)

// cloud opens what lies in AWS. Its configuration is the one that all tools of AWS share, from the
// environment and the profile, and is read when it is first needed: without an s3:// URL, never.
type cloud struct {
	config *aws.Config // nil until then
	s3     *s3.Client  // one for all stores, so that they share connections
}

// load gives the configuration, and finds here, once, what every call would fail for.
func (c *cloud) load(ctx context.Context) (aws.Config, error) {
	if c.config != nil {
		return *c.config, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the configuration of AWS: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("read the configuration of AWS: no Region is set; set AWS_REGION, or region in the profile")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, ctx.Err()
		}
		return aws.Config{}, fmt.Errorf("find credentials of AWS (environment, profile or role): %w", err)
	}
	c.config, c.s3 = &cfg, s3store.NewClient(cfg)
	return cfg, nil
}

// store opens the store at an s3:// URL: what lies below the URL, with or without a slash at its end.
func (c *cloud) store(ctx context.Context, url string, o s3store.Options) (*s3store.Store, error) {
	bucket, prefix, err := s3store.ParseURL(url)
	if err != nil {
		return nil, usage("%w", err)
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if _, err := c.load(ctx); err != nil {
		return nil, err
	}
	s, err := s3store.New(c.s3, bucket, prefix, o)
	if err != nil {
		return nil, usage("%w", err) // it asks nobody, so the flags are wrong
	}
	return s, nil
}

// object opens the store that holds the object of an s3:// URL, and gives its key there: that of the
// bucket, so that an object has one URL.
func (c *cloud) object(ctx context.Context, url string) (s *s3store.Store, key string, err error) {
	bucket, key, err := s3store.ParseURL(url)
	if err != nil {
		return nil, "", usage("%w", err)
	}
	s, err = c.store(ctx, "s3://"+bucket, s3store.Options{})
	return s, key, err
}

// source is a [replay.Opener].
func (c *cloud) source(ctx context.Context, url string) (replay.Store, string, error) {
	if !isS3(url) {
		return nil, "", usage("want a path or an s3:// URL")
	}
	return c.object(ctx, url)
}

// catalog opens the catalog of a lake in Glue.
func (c *cloud) catalog(ctx context.Context, o gluecatalog.Options) (*gluecatalog.Catalog, error) {
	cfg, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := gluecatalog.New(gluecatalog.NewClient(cfg), o)
	if err != nil {
		return nil, usage("%w", err) // it asks nobody, so the flags are wrong
	}
	return tables, nil
}

func isS3(url string) bool { return strings.HasPrefix(url, "s3://") }
