package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/schema"
)

// conversion are the settings of a conversion, for commands that convert.
type conversion struct {
	codec   string // of the outputs
	sorted  int    // rows that are sorted together
	rows    int    // of a row group
	maxLine int    // bytes
	gunzip  bool   // by the standard library
}

// register declares the flags, and those that say how outputs are written to S3.
func (o *conversion) register(c *cobra.Command, s3 *s3store.Options) {
	f := c.Flags()
	f.StringVar(&o.codec, "codec", string(columnar.Zstd), fmt.Sprintf("compression of the outputs, one of %q", columnar.Codecs()))
	f.IntVar(&o.sorted, "sort-rows", flowlog.DefaultBatchRows, "rows that are sorted by client address together; an object of no more is sorted whole; memory grows with it")
	f.IntVar(&o.rows, "row-group-rows", columnar.DefaultRowGroupRows, "rows of a row group")
	f.BoolVar(&o.gunzip, "standard-gunzip", false, "inflate by Go's standard library instead of flowlake's own decoder, which is three times as fast")
	f.IntVar(&o.maxLine, "max-line", flowlog.DefaultMaxLine, "longest line in bytes; longer ones are rejected")
	f.StringVar(&s3.KMSKey, "kms-key", "", "key of KMS that encrypts the outputs in S3 (default: what the bucket does)")
	f.StringVar(&s3.BucketOwner, "bucket-owner", "", "account that the lake's bucket must belong to (default: any)")
}

// config gives the configuration of conversions, so many of which run at the same time, or what is wrong
// with the flags.
func (o *conversion) config(workers int) (etl.Config, error) {
	for _, f := range []struct {
		flag  string
		value int
	}{{"workers", workers}, {"sort-rows", o.sorted}, {"row-group-rows", o.rows}, {"max-line", o.maxLine}} {
		if f.value < 1 {
			return etl.Config{}, usage("--%s: want at least 1, have %d", f.flag, f.value)
		}
	}
	c := etl.Config{
		Table:          schema.Tables()[0],
		Codec:          columnar.Codec(o.codec),
		Threads:        max(1, runtime.GOMAXPROCS(0)/workers),
		SortRows:       o.sorted,
		RowGroupRows:   o.rows,
		MaxLine:        o.maxLine,
		StandardGunzip: o.gunzip,
	}
	if err := c.Validate(); err != nil {
		return etl.Config{}, usage("%w", err)
	}
	return c, nil
}
