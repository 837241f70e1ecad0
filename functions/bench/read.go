package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// addresses are the client addresses that queries ask for, "" where the file has none of the kind.
type addresses struct {
	Clients  int64  // how many addresses there are
	Hot      string // of the most records
	Middling string // of about middling records
	Single   string // of one record
	Absent   string // of none, though it lies among the others
}

// middling is a number of records that leaves an address out of some row groups of a large file.
const middling = 30

// addressesMain finds the addresses in the Parquet files below a directory.
func addressesMain(ctx context.Context, args []string) (any, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("addresses: want a directory, have %q", args)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// 203.0.113.0/24 is a network for documentation: nobody's address.
	row := db.QueryRowContext(ctx, fmt.Sprintf(`
WITH clients AS (SELECT clientip, count(*) AS n FROM (%s) WHERE clientip IS NOT NULL GROUP BY clientip),
absent AS (SELECT '203.0.113.' || i AS clientip FROM range(256) numbers(i))
SELECT (SELECT count(*) FROM clients),
  coalesce((SELECT clientip FROM clients ORDER BY n DESC, clientip LIMIT 1), ''),
  coalesce((SELECT clientip FROM clients ORDER BY abs(n - %d), clientip LIMIT 1), ''),
  coalesce((SELECT clientip FROM clients WHERE n = 1 ORDER BY hash(clientip), clientip LIMIT 1), ''),
  coalesce((SELECT min(clientip) FROM absent WHERE clientip NOT IN (SELECT clientip FROM clients)), '')`, readParquet(args[0]), middling))
	var a addresses
	if err := row.Scan(&a.Clients, &a.Hot, &a.Middling, &a.Single, &a.Absent); err != nil {
		return nil, err
	}
	return a, nil
}

func (o *options) findAddresses(ctx context.Context, dir string) (addresses, error) {
	var a addresses
	if err := o.help(ctx, &a, "addresses", dir); err != nil {
		return a, fmt.Errorf("find client addresses in %s: %w", dir, err)
	}
	return a, nil
}

// question is a query whose reading is measured. One about an address counts what it had.
type question struct{ name, address string }

const (
	topTalkers = "top talkers"
	hotAddress = "hot address"
)

func questions(a addresses) []question {
	return []question{{topTalkers, ""}, {hotAddress, a.Hot}, {"middling", a.Middling}, {"single row", a.Single}, {"absent", a.Absent}}
}

// asked says whether the file has what the question is about.
func (q question) asked() bool { return q.name == topTalkers || q.address != "" }

// reads are the bytes that queries read of one layout, by the question's name.
type reads struct {
	who
	bytes map[string]int64
}

// layouts are the contenders whose outputs queries read.
var layouts = []who{duckDB, ours, oursSorted}

// measureReads asks all questions of all layouts. The answers must be the same. It measures once, for
// on one thread the same query reads the same bytes, and nothing where the system does not tell.
func (o *options) measureReads(ctx context.Context, contenders []contender, a addresses) ([]reads, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	var all []reads
	answers := make(map[string]string)
	for _, w := range layouts {
		for _, c := range contenders {
			if c.who != w {
				continue
			}
			r := reads{w, make(map[string]int64)}
			for _, q := range questions(a) {
				if !q.asked() {
					continue
				}
				var one readAnswer
				if err := o.help(ctx, &one, "read", c.out, q.address); err != nil {
					return nil, fmt.Errorf("ask the output of %s for %s: %w", w, q.name, err)
				}
				if want, ok := answers[q.name]; ok && one.Answer != want {
					return nil, fmt.Errorf("ask the output of %s for %s: %s, want %s", w, q.name, one.Answer, want)
				}
				answers[q.name] = one.Answer
				r.bytes[q.name] = one.Bytes
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// readAnswer is what a query answered, and what it read for that.
type readAnswer struct {
	Answer string
	Bytes  int64
}

// readMain runs one query over the Parquet files below a directory: arguments are the directory and
// a client address, or "" for the top talkers. It is one process for each query, so that no cache of
// DuckDB's hides a read, with one thread. It works on Linux only, which counts what a process reads,
// whether it comes from the disk or from the system's cache.
func readMain(ctx context.Context, args []string) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("read: want a directory and an address, have %q", args)
	}
	table := fmt.Sprintf("(%s)", readParquet(args[0]))
	query := fmt.Sprintf("SELECT clientip, sum(bytes) AS bytes FROM %s GROUP BY clientip ORDER BY bytes DESC, clientip LIMIT 50", table)
	if args[1] != "" {
		query = fmt.Sprintf("SELECT count(*), sum(bytes), sum(packets) FROM %s WHERE clientip = %s", table, quote(args[1]))
	}
	db, err := sql.Open("duckdb", "?threads=1")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// Whatever is loaded with the first query is not the files.
	if _, err := queryText(ctx, db, "SELECT i % 7 AS k, sum(i) AS s FROM range(1000) numbers(i) WHERE i > 3 GROUP BY k ORDER BY s DESC LIMIT 5"); err != nil {
		return nil, err
	}
	before, err := bytesRead()
	if err != nil {
		return nil, err
	}
	answer, err := queryText(ctx, db, query)
	if err != nil {
		return nil, err
	}
	after, err := bytesRead()
	return readAnswer{answer, after - before}, err
}

// queryText gives a query's answer as text.
func queryText(ctx context.Context, db *sql.DB, query string) (string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var b strings.Builder
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, values...)
	}
	return b.String(), rows.Err()
}

// bytesRead gives the number of bytes that this process has read so far.
func bytesRead() (int64, error) {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(data) {
		if n, ok := bytes.CutPrefix(line, []byte("rchar: ")); ok {
			return strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
		}
	}
	return 0, errors.New("no rchar in /proc/self/io")
}
