package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/s3store"
	"github.com/flowlake/flowlake/schema"
)

// config is what the environment says. The table of variables below documents each field.
type config struct {
	lake        location
	database    string
	catalogID   string
	sources     []location
	conversion  etl.Config
	concurrency int
	kmsKey      string
	lakeOwner   string
	sourceOwner string
	logLevel    slog.Level

	// function is the function's name, which Lambda gives.
	function string
	// memoryLimit is what the Go runtime keeps its memory below, in bytes; 0 leaves it alone.
	memoryLimit int64
}

// location is a bucket and a beginning of the keys in it.
type location struct{ bucket, prefix string }

func (l location) String() string { return "s3://" + l.bucket + "/" + l.prefix }

// prefixVar begins the names of all variables that are ours.
const prefixVar = "FLOWLAKE_"

// variable is one environment variable of the function.
type variable struct {
	name string
	// required says that it must be set and not empty. An empty one counts as not set.
	required bool
	// standard is what holds where it is not set, in words.
	standard string
	meaning  string
	set      func(c *config, value string) error
}

// variables gives all variables of the function. README.md is held against it.
func variables() []variable {
	return []variable{
		{"FLOWLAKE_LAKE", true, "", "URL of the lake, s3://bucket/prefix", func(c *config, v string) (err error) {
			if c.lake, err = parseLocation(v); err != nil {
				return err
			}
			if c.lake.prefix != "" && !strings.HasSuffix(c.lake.prefix, "/") {
				c.lake.prefix += "/"
			}
			o := gluecatalog.Options{Database: "any", LakeURL: v}
			return o.Validate()
		}},
		{"FLOWLAKE_DATABASE", true, "", "Glue database of the tables, which must exist", func(c *config, v string) error {
			c.database = v
			o := gluecatalog.Options{Database: v, LakeURL: "s3://any"}
			return o.Validate()
		}},
		{"FLOWLAKE_SOURCES", true, "", "where flow logs may come from, comma-separated s3://bucket/prefix; a log from elsewhere is an error", func(c *config, v string) error {
			for s := range strings.SplitSeq(v, ",") {
				l, err := parseLocation(strings.TrimSpace(s))
				if err != nil {
					return err
				}
				c.sources = append(c.sources, l)
			}
			return nil
		}},
		{"FLOWLAKE_CATALOG_ID", false, "that of the function", "account that owns the Glue catalog", func(c *config, v string) error {
			c.catalogID = v
			return checkAccount(v)
		}},
		{"FLOWLAKE_CODEC", false, string(columnar.Codecs()[0]), fmt.Sprintf("compression of the outputs, %s or %s; it changes their bytes", columnar.Zstd, columnar.Snappy), func(c *config, v string) error {
			c.conversion.Codec = columnar.Codec(v)
			return validConversion(c, etl.Config{Codec: c.conversion.Codec})
		}},
		{"FLOWLAKE_SORT_ROWS", false, strconv.Itoa(flowlog.DefaultBatchRows), "rows that are sorted by client address together, so that an object of no more is sorted whole; it changes the outputs' bytes, and the memory of a conversion grows with it", func(c *config, v string) (err error) {
			if c.conversion.SortRows, err = positive(v); err != nil {
				return err
			}
			return validConversion(c, etl.Config{SortRows: c.conversion.SortRows})
		}},
		{"FLOWLAKE_ROW_GROUP_ROWS", false, strconv.Itoa(columnar.DefaultRowGroupRows), "rows of a row group; it changes the outputs' bytes", func(c *config, v string) (err error) {
			if c.conversion.RowGroupRows, err = positive(v); err != nil {
				return err
			}
			return validConversion(c, etl.Config{RowGroupRows: c.conversion.RowGroupRows})
		}},
		{"FLOWLAKE_MAX_LINE", false, strconv.Itoa(flowlog.DefaultMaxLine), "longest line in bytes; longer ones are rejected", func(c *config, v string) (err error) {
			if c.conversion.MaxLine, err = positive(v); err != nil {
				return err
			}
			return validConversion(c, etl.Config{MaxLine: c.conversion.MaxLine})
		}},
		{"FLOWLAKE_STANDARD_GUNZIP", false, "false", "true inflates by Go's standard library instead of flowlake's own decoder, which is three times as fast", func(c *config, v string) (err error) {
			if c.conversion.StandardGunzip, err = strconv.ParseBool(v); err != nil {
				return errors.New("want true or false")
			}
			return nil
		}},
		{"FLOWLAKE_CONCURRENCY", false, "one for every 200 MB of the function's memory, 8 at most; fewer with more rows to sort", "objects of one invocation that are converted at the same time", func(c *config, v string) (err error) {
			c.concurrency, err = positive(v)
			return err
		}},
		{"FLOWLAKE_KMS_KEY", false, "the bucket's own encryption", "ARN of the KMS key that encrypts the outputs", func(c *config, v string) error {
			c.kmsKey = v
			return nil
		}},
		{"FLOWLAKE_LAKE_OWNER", false, "not checked", "account that must own the lake's bucket", func(c *config, v string) error {
			c.lakeOwner = v
			return checkAccount(v)
		}},
		{"FLOWLAKE_SOURCE_OWNER", false, "not checked", "account that must own the sources' buckets", func(c *config, v string) error {
			c.sourceOwner = v
			return checkAccount(v)
		}},
		{"FLOWLAKE_LOG_LEVEL", false, "INFO", "least level that is logged: DEBUG, INFO, WARN or ERROR", func(c *config, v string) error {
			if err := c.logLevel.UnmarshalText([]byte(v)); err != nil {
				return errors.New("want DEBUG, INFO, WARN or ERROR")
			}
			return nil
		}},
	}
}

// The concurrency that is derived from the memory: more than an object needs, because what the
// collector has not collected yet counts as well. More than eight small logs at a time only wait for
// the processor.
const (
	memoryPerObject = 140 << 20
	memoryPerRow    = 150 // that is sorted
	maxConcurrency  = 8
)

// readConfig reads the environment, NAME=VALUE each, and reports everything that is wrong with it at
// once.
func readConfig(environ []string) (config, error) {
	values := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		values[name] = value
	}
	c := config{conversion: etl.Config{Table: schema.Tables()[0], Threads: runtime.GOMAXPROCS(0)}, function: values["AWS_LAMBDA_FUNCTION_NAME"]}
	var errs []error
	for _, v := range variables() {
		value := values[v.name]
		switch {
		case value == "" && v.required:
			errs = append(errs, fmt.Errorf("%s: not set; want %s", v.name, v.meaning))
		case value == "":
		default:
			if err := v.set(&c, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w, have %q", v.name, err, value))
			}
		}
	}
	errs = append(errs, unknown(values)...)
	errs = append(errs, c.loops()...)
	c.useMemory(values["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], values["GOMEMLIMIT"])
	return c, errors.Join(errs...)
}

// unknown gives an error for every variable that looks like ours and is none: a mistyped name must
// not pass for a default.
func unknown(values map[string]string) (errs []error) {
	for name := range values {
		known := slices.ContainsFunc(variables(), func(v variable) bool { return v.name == name })
		if strings.HasPrefix(name, prefixVar) && !known {
			errs = append(errs, fmt.Errorf("%s: no such variable", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// loops gives an error for every source whose events the function's own outputs would cause.
func (c *config) loops() (errs []error) {
	if c.lake.bucket == "" {
		return nil
	}
	for _, s := range c.sources {
		for _, t := range []*schema.Table{c.conversion.Table, c.conversion.Table.Rejects()} {
			outputs := location{c.lake.bucket, c.lake.prefix + t.Name + "/"}
			if s.bucket == outputs.bucket && (strings.HasPrefix(outputs.prefix, s.prefix) || strings.HasPrefix(s.prefix, outputs.prefix)) {
				errs = append(errs, fmt.Errorf("FLOWLAKE_SOURCES: outputs under %s would trigger the function by the source %s", outputs, s))
			}
		}
	}
	return errs
}

// useMemory derives what depends on the function's memory, given in MB. The Go runtime gets four
// fifths: the rest is for what it does not count, such as the program's own pages. A limit that the
// environment sets itself is left alone.
func (c *config) useMemory(megabytes, goMemLimit string) {
	memory, err := strconv.ParseInt(megabytes, 10, 64)
	if err != nil {
		memory = 0 // not in Lambda
	}
	memory <<= 20
	if goMemLimit == "" {
		c.memoryLimit = memory / 5 * 4
	}
	if c.concurrency == 0 {
		rows := cmp.Or(c.conversion.SortRows, flowlog.DefaultBatchRows)
		n := memory / 5 * 4 / (memoryPerObject + memoryPerRow*int64(rows))
		c.concurrency = int(min(max(n, 1), maxConcurrency))
	}
}

func parseLocation(url string) (location, error) {
	bucket, prefix, err := s3store.ParseURL(url)
	if err != nil {
		return location{}, errors.New("want an S3 URL such as s3://bucket/prefix")
	}
	return location{bucket, prefix}, nil
}

// validConversion gives what is wrong with one setting of the conversion.
func validConversion(c *config, setting etl.Config) error {
	setting.Table = c.conversion.Table
	return setting.Validate()
}

func positive(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, errors.New("want an integer of at least 1")
	}
	return n, nil
}

var account = regexp.MustCompile(`^\d{12}$`)

func checkAccount(value string) error {
	if !account.MatchString(value) {
		return errors.New("want an account of 12 digits")
	}
	return nil
}
