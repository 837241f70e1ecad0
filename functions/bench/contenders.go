package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// who names a contender.
type who struct {
	name    string
	threads int
}

func (w who) String() string {
	if w.threads == 1 {
		return w.name + ", 1 thread"
	}
	return fmt.Sprintf("%s, %d threads", w.name, w.threads)
}

// The contenders. Where there are more threads than one, they are as many as the processors that a
// large Lambda and a small machine have.
var (
	ours        = who{"flowlake", 2}
	oursAlone   = who{"flowlake", 1}
	oursSorted  = who{"flowlake, whole file sorted", 2}
	duckDB      = who{"DuckDB COPY", 2}
	duckDBAlone = who{"DuckDB COPY", 1}
	plainGo     = who{"plain Go: encoding/csv to parquet-go structs", 2}
	stdGunzip   = who{"bare gunzip: compress/gzip", 1}
	kpGunzip    = who{"bare gunzip: klauspost/compress", 1}
	oursGunzip  = who{"bare gunzip: flowlake's decoder", 1}
)

// contender is one way to do the job, or a part of it.
type contender struct {
	who
	out     string   // directory that it writes to, "" if it writes nothing
	command []string // program and arguments
}

// contenders gives those that take part with an input, in the order in which they run.
func (o *options) contenders(in input, outputs string, sorts bool) []contender {
	var all []contender
	add := func(w who, out string, command func(out string) []string) {
		if out != "" {
			out = filepath.Join(outputs, out)
		}
		all = append(all, contender{w, out, command(out)})
	}
	replay := func(out string) []string {
		return []string{o.flowlake, "replay", in.path, "--lake", out, "--workers", "1"}
	}
	copyTo := func(threads int) func(string) []string {
		return func(out string) []string { return []string{o.self, "duckdb", in.path, out, strconv.Itoa(threads)} }
	}
	add(ours, "flowlake-2", replay)
	if in.all {
		add(oursAlone, "flowlake-1", replay)
		if sorts {
			add(oursSorted, "flowlake-sorted", func(out string) []string {
				return append(replay(out), "--sort-rows", strconv.Itoa(in.records))
			})
		}
	}
	add(duckDB, "duckdb-2", copyTo(duckDB.threads))
	if in.all {
		add(duckDBAlone, "duckdb-1", copyTo(duckDBAlone.threads))
	}
	add(plainGo, "plain", func(out string) []string { return []string{o.self, "plain", in.path, out} })
	if in.all {
		for _, g := range gunzips {
			add(g.who, "", func(string) []string {
				return []string{o.self, "gunzip", g.library, in.path, strconv.FormatInt(in.text, 10)}
			})
		}
	}
	return all
}

// sorts says whether this flowlake can be told how many rows to sort together.
func (o *options) sorts(ctx context.Context) (bool, error) {
	help, err := exec.CommandContext(ctx, o.flowlake, "replay", "--help").CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("ask %s for its flags: %w: %s", o.flowlake, err, help)
	}
	return bytes.Contains(help, []byte("--sort-rows")), nil
}
