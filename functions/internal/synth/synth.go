// Package synth makes AWS Global Accelerator flow logs for demos, tests and benchmarks: deterministic
// ones, that are in form and in statistics what real ones are.
//
// Everything it makes is synthetic. Accounts, accelerators, VPCs and the client addresses come out of
// a random generator; that somebody owns such an address is chance and says nothing about them.
//
// It is the one package outside schema that knows the format of a log, because it writes what all
// others read. It never reads a log, and it never reads the clock.
//
// Keys, fields and their meaning are those of the Global Accelerator developer guide, "Configuring
// and using flow logs". The header, the spelling of values (TCP, IPV4, NRT57-2) and what a record
// holds where client addresses are preserved are those of the records that AWS has published. Made
// by hand after that guide, because no real record of them is known, are: fields 22, 23 and 24 in
// one file, the reject reason, and all of what a SKIPDATA or NODATA record holds but its status.
//
// Decisions: every random choice is made with integers, out of PCG and tables, so that the same
// [Config] gives the same text on every machine and with every version of Go; math/rand's own
// distributions use logarithms, whose last bit differs between processors. Each file draws from a
// generator of its own, so that files are independent and can be made at the same time; a common
// generator would have tied each file to all before it. Files stream out as they are made; handing
// over whole files would have been a simpler interface, and 75 MB of memory for each.
package synth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// Config describes the logs to make. The same Config gives the same logs.
//
// Logs of several days that have Seed, Accelerators and Clients in common are those of the same
// accelerators and the same clients.
type Config struct {
	// Day is any instant of the UTC day that the files are named for, from 1970-01-02 to
	// 2999-12-31.
	Day time.Time
	// Accelerators is the number of accelerators, from 1 to [MaxAccelerators]. The second has half
	// the traffic of the first, the third a third, and so on.
	Accelerators int
	// Records is the number of records in all files together, header lines not counted, from 1 to
	// [MaxRecords]. It is met exactly.
	Records int
	// Seed chooses among the logs that fit the other fields.
	Seed uint64
	// Clients is the number of addresses that traffic comes from, at most [MaxClients]. Traffic is
	// skewed, so that the rarer ones may not appear at all. 0 stands for one client for every
	// [RecordsPerClient] records, and at least [MinClients].
	Clients int
	// Account is the account that owns the accelerators, 12 digits. Empty stands for
	// [DefaultAccount].
	Account string
	// Prefix is what precedes AWSLogs/ in the keys, without a slash at its ends. Empty is none.
	Prefix string
	// NoElephant leaves out the one flow of more than 2^32 packets and bytes, which dwarfs all
	// others in a chart. Otherwise the busiest file holds it, if that has at least 32 records.
	NoElephant bool
}

// Limits and defaults of [Config].
const (
	MaxAccelerators  = 1000
	MaxRecords       = math.MaxInt32
	MaxClients       = 1 << 20
	MinClients       = 1000
	RecordsPerClient = 10
	DefaultAccount   = "123456789012"
	// MaxLength is the longest time that a log of [One] is spread over.
	MaxLength = 366 * 24 * time.Hour
)

// Validate says all that is wrong with c, or nil.
func (c Config) Validate() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(c.Day.Unix() >= secondsPerDay && c.Day.UTC().Year() < 3000,
		"day: want one from 1970-01-02 to 2999-12-31, have %s", c.Day.UTC().Format(time.DateOnly))
	want(c.Accelerators >= 1 && c.Accelerators <= MaxAccelerators,
		"accelerators: want 1 to %d, have %d", MaxAccelerators, c.Accelerators)
	want(c.Records >= 1 && c.Records <= MaxRecords,
		"records: want 1 to %d, have %d", MaxRecords, c.Records)
	want(c.Clients >= 0 && c.Clients <= MaxClients,
		"clients: want 1 to %d, or 0 for the default, have %d", MaxClients, c.Clients)
	want(c.Account == "" || isAccount(c.Account),
		"account: want 12 digits, have %q", c.Account)
	want(c.Prefix == "" || c.Prefix[0] != '/' && c.Prefix[len(c.Prefix)-1] != '/',
		"prefix: want no slash at its ends, have %q", c.Prefix)
	return errors.Join(errs...)
}

func isAccount(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == 12
}

// withDefaults gives c with its defaults in place.
func (c Config) withDefaults() Config {
	if c.Clients == 0 {
		c.Clients = min(max(c.Records/RecordsPerClient, MinClients), MaxClients)
	}
	if c.Account == "" {
		c.Account = DefaultAccount
	}
	return c
}

// File is one log file that was made.
type File struct {
	// Key is the key of the object, in the layout of AWS.
	Key string
	// Records is the number of records in it, at least 1.
	Records int
	// Size is the size of the object, gzip and all, in bytes.
	Size int64
}

// Writer receives one file. A store's writer is one.
type Writer interface {
	io.Writer
	// Commit publishes the file, after the last Write.
	Commit(ctx context.Context) error
	// Abort gives the file up. After Commit or Abort it does nothing.
	Abort() error
}

// Make makes the log files of a day: for each accelerator and each five minutes that have traffic,
// one gzip file. It gives them in the order of their keys.
//
// It calls create for each file, one call after the other in the order of the keys, writes the file
// to what create gives, and commits that. Up to GOMAXPROCS of them are written to at the same time,
// each by one goroutine. After an error, files are missing, and those that were begun are aborted.
func Make(ctx context.Context, c Config, create func(key string) (Writer, error)) ([]File, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("make flow logs: %w", err)
	}
	c = c.withDefaults()
	w := newWorld(c)
	plan := w.plan(c)
	files := make([]File, len(plan))

	type job struct {
		index int
		out   Writer
	}
	jobs := make(chan job)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(jobs)
		for i, p := range plan {
			out, err := create(p.key)
			if err != nil {
				return fmt.Errorf("create %s: %w", p.key, err)
			}
			select {
			case jobs <- job{i, out}:
			case <-ctx.Done():
				return fmt.Errorf("write %s: %w", p.key, errors.Join(ctx.Err(), out.Abort()))
			}
		}
		return nil
	})
	// As many as there are processors: nearly all the time goes into compression.
	for range min(runtime.GOMAXPROCS(0), len(plan)) {
		group.Go(func() error {
			t := newTraffic(w)
			// Level 6 is what gzip uses unless told otherwise.
			z, err := gzip.NewWriterLevel(nil, 6)
			if err != nil {
				return fmt.Errorf("make flow logs: %w", err)
			}
			for j := range jobs {
				p := &plan[j.index]
				size, err := writeFile(ctx, t, z, p, j.out)
				if err != nil {
					return fmt.Errorf("write %s: %w", p.key, err)
				}
				files[j.index] = File{Key: p.key, Records: p.records, Size: size}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return files, nil
}

// writeFile writes one file, commits it or, on an error, aborts it, and gives the number of bytes
// written.
func writeFile(ctx context.Context, t *traffic, z *gzip.Writer, p *planned, out Writer) (int64, error) {
	defer out.Abort()
	counter := &counter{ctx: ctx, w: out}
	z.Reset(counter)
	z.ModTime = time.Unix(0, 0) // none; the zero Time would be written as some day in 2042
	err := t.write(z, p.span)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return 0, err
	}
	return counter.n, out.Commit(ctx)
}

// counter counts what it passes on, and fails once its context has ended.
type counter struct {
	ctx context.Context
	w   io.Writer
	n   int64
}

func (c *counter) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// One writes the text of one log, not compressed: a header and c.Records records of one accelerator,
// spread evenly over that length of time, which is counted in whole seconds, from one second to
// [MaxLength]. As in any file, a few records start up to two minutes before it and up to a minute
// after it. Day, Accelerators and Prefix of c have no part in it.
//
// It needs memory for the clients and for some hundred records, however many there are.
func One(w io.Writer, c Config, start time.Time, length time.Duration) error {
	c.Day, c.Accelerators, c.Prefix = start, 1, ""
	err := c.Validate()
	if length < time.Second || length > MaxLength {
		err = errors.Join(err, fmt.Errorf("length: want 1s to %s, have %s", MaxLength, length))
	}
	if err != nil {
		return fmt.Errorf("make flow log: %w", err)
	}
	world := newWorld(c.withDefaults())
	s := span{
		accelerator: world.accelerators[0],
		start:       start.Unix(),
		seconds:     int64(length / time.Second),
		records:     c.Records,
		elephant:    !c.NoElephant,
	}
	if err := newTraffic(world).write(w, s); err != nil {
		return fmt.Errorf("write flow log: %w", err)
	}
	return nil
}
