package main

import (
	"bytes"
	"context"
	"fmt"
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

// measure runs a contender once, into an empty directory.
func measure(ctx context.Context, c contender) (figures, error) {
	if err := os.RemoveAll(c.out); err != nil {
		return figures{}, err
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
	f.out, err = parquetBytes(c.out)
	return f, err
}

// parquetBytes adds up the Parquet files below a directory.
func parquetBytes(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	return total, err
}
