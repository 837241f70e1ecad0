package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// input is a gzip flow log.
type input struct {
	path      string
	synthetic bool  // made by synth, rather than given
	all       bool  // whether all contenders take part, or the three that matter most
	records   int   // lines but for the header and blank ones
	size      int64 // of the file, in bytes
	text      int64 // of what is in it, in bytes
}

// synthesize gives the path of a synthetic log of so many records, which it makes if need be.
func (o *options) synthesize(ctx context.Context, records int) (string, error) {
	name := fmt.Sprintf("synthetic-%d.log.gz", records)
	path := filepath.Join(o.dir, name)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	cmd := exec.CommandContext(ctx, o.flowlake, "synth", "--out", o.dir, "--day", "2026-01-09", "--records", strconv.Itoa(records), "--single", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make %s: %w: %s", path, err, out)
	}
	return path, nil
}

// name gives the file's name without its directory.
func (in *input) name() string { return filepath.Base(in.path) }

// count fills in records, size and text, and so brings the file into the system's cache, too.
func (in *input) count() error {
	f, err := os.Open(in.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	in.size, in.text, in.records = info.Size(), 0, -1 // the header
	r := bufio.NewReaderSize(z, 1<<20)
	for err == nil {
		var line []byte
		line, err = r.ReadSlice('\n')
		in.text += int64(len(line))
		if len(line) > 1 {
			in.records++
		}
	}
	if in.records < 1 {
		return errors.New("want a header and at least one record")
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("a line of more than %d bytes", r.Size())
	}
	return eofIsNil(err)
}

// machine tells what is measured on.
func machine() string {
	return fmt.Sprintf("Measured on %s/%s, %d cores (%s), %s.", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), runtime.Version())
}

// processor gives the processor's name where Linux tells it.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
