package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figures are what one run of a contender took.
type figures struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory
	out       int64 // bytes of Parquet
}

// measured is all that was measured with one input.
type measured struct {
	in         input
	contenders []contender
	rounds     []map[who]figures
	addresses  addresses
	reads      []reads // by layout; none where this system does not tell
}

// measure runs the rounds, compares the outputs with the text, and then lets queries read them.
func (o *options) measure(ctx context.Context, in input, contenders []contender, progress io.Writer) (*measured, error) {
	m := &measured{in: in, contenders: contenders}
	for i := range o.rounds {
		fmt.Fprintf(progress, "%s: round %d of %d\n", in.path, i+1, o.rounds)
		round := make(map[who]figures)
		for _, c := range contenders {
			f, err := measure(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.who, err)
			}
			round[c.who] = f
		}
		m.rounds = append(m.rounds, round)
	}
	fmt.Fprintf(progress, "%s: compare the outputs\n", in.path)
	if err := o.compare(ctx, in, contenders); err != nil {
		return nil, err
	}
	var err error
	if m.addresses, err = o.findAddresses(ctx, contenders[0].out); err != nil {
		return nil, err
	}
	if in.all {
		m.reads, err = o.measureReads(ctx, contenders, m.addresses)
	}
	return m, err
}

// measure runs a contender once, into an empty directory.
//
// Linux lets a process begin with the peak memory of the one that started it, so this one stays
// small: whatever needs DuckDB is done by a helper.
func measure(ctx context.Context, c contender) (figures, error) {
	if c.out != "" {
		if err := os.RemoveAll(c.out); err != nil {
			return figures{}, err
		}
	}
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(c.threads))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	started := time.Now()
	err := cmd.Run()
	f := figures{wall: time.Since(started)}
	if err != nil {
		return f, fmt.Errorf("%w: %s", err, output.Bytes())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	f.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	f.peak = usage.Maxrss << 10 // Linux counts in KiB
	if c.out != "" {
		f.out, err = parquetBytes(c.out)
	}
	return f, err
}

// help runs a helper in a process of its own and gives its answer.
func (o *options) help(ctx context.Context, answer any, args ...string) error {
	out, err := exec.CommandContext(ctx, o.self, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(out, answer)
}

// parquetBytes adds up the Parquet files below a directory.
func parquetBytes(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	return total, err
}

func eofIsNil(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
