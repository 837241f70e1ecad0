// Package columnar writes column batches as Parquet files, and reads what a file says of itself.
//
// It is the only package that knows parquet-go. It knows neither where the batches come from nor
// where the bytes go, and it knows no column by name: a [schema.Table] declares them.
//
// A batch is a window of rows that are sorted together, and becomes one or more row groups
// (window.go, writer.go). Their columns are encoded side by side, each by one encoder into one chunk of
// bytes (encode.go): the values are gathered in the order of the rows in the file (gather.go), and then
// come a dictionary, sorted so that the order of ids is the order of values (dictionary.go), pages of
// levels and ids or numbers (encoding.go, page.go), their bounds (bounds.go), and for some columns a
// bloom filter (bloom.go). The metadata follows at the end (metadata.go); it is read back and compared with what was
// written before anybody sees the file (footer.go). The bytes of a file depend on its batches and
// metadata alone: not on the number of encoders, on what they encoded before, or on the build.
//
// Decisions, with what lost; figures are processor time for 2.4 million synthetic records on one
// core, of which inflating and parsing by the libraries then in use took 1.8 s:
//   - Pages are put together here, on parquet-go's encodings, formats and Thrift. Its column writers
//     take values one by one, each with its levels, and look every text up in a dictionary of their
//     own once more, though a batch has ids already: 1.57 s instead of 0.53 s. Writing rows of
//     structs takes several times that.
//   - Data pages of version 1 and no statistics in page headers: the column index holds them.
//   - Bounds are cut at 64 bytes, not at the customary 16: an IPv6 address has up to 39.
//   - No limit on dictionary sizes of text: the size of a batch bounds them. (The library's own bloom
//     filters and, before v0.31.0, values went missing when a dictionary overflowed.)
//   - Snappy by golang/snappy: the bytes of klauspost/compress's differ between processors, as those
//     of parquet-go's run-length encoder do (hybrid.go). Its ZSTD encoder's do not.
//   - ZSTD level 1: level 3 takes 31 % more time and saves 1 %. Snappy takes 18 % less time for 18 %
//     more bytes. A chunk that a codec makes less than 4 % smaller is left as it is.
//
// How files are laid out was measured with 2.27 million records of 115,728 client addresses on two days,
// 75 MB of gzip. Queries are DuckDB's, which does not use page indexes, and count as the bytes that they
// read; top talkers read the client addresses and the bytes of all rows.
//
//	rows sorted together          bytes   wall   peak   top talkers   hot address   absent address
//	none, without bloom filters   1.22    0.99   1.1    1.29          1.58          3.9
//	128,000 (the default)         1       1      1      1             1             1
//	512,000                       0.95    1.13   1.8    0.85          0.35          0.28
//	all                           0.93    1.26   2.6    0.76          0.07          0.12
//
// What else was tried:
//   - The client address alone orders the rows. Those of the same address stay in the order of the log,
//     which brings the two directions of a flow together.
//   - Row groups of 64,000 rows in windows of 128,000 make 0.3 % more bytes and take 2 % more time; of
//     512,000 in windows of as many, they take 12 % more memory than of 128,000 and save nothing.
//   - Pages of 16,000 rows make 0.3 % more bytes, of 65,000 save 0.3 % and let readers skip less.
//   - A bloom filter of 10 bits for each distinct address costs 1.5 % of the bytes and 1.3 % of the
//     time.
//   - Ports, packets and bytes are not dictionary encoded: packets would take 3.6 % more bytes of the
//     whole file in as much time, bytes 0.5 %.
//
// What gained nothing is not here: constant columns that are not gathered, tables instead of hashes for
// times and ports, a look at whether a number repeats, smaller ZSTD windows.
package columnar

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/flowlake/flowlake/schema"
)

// Codec names a compression codec.
type Codec string

// The codecs. The zero Codec stands for Zstd.
const (
	Zstd   Codec = "zstd"
	Snappy Codec = "snappy"
)

// Codecs gives the valid codecs, the default one first.
func Codecs() []Codec { return []Codec{Zstd, Snappy} }

// CreatedBy is the program that every file names as its maker. It is fixed: with a version of the
// build in it, two builds would write different bytes.
const CreatedBy = "flowlake version 1 (build 0)"

// DefaultRowGroupRows is the default of [Options].RowGroupRows: four pages.
const DefaultRowGroupRows = 4 * pageRows

// Options says how to write.
type Options struct {
	// Codec compresses pages; the zero value stands for [Zstd].
	Codec Codec
	// RowGroupRows is the number of rows of a row group, of which the last of a batch has up to a
	// quarter more; 0 stands for [DefaultRowGroupRows].
	RowGroupRows int
	// Idle is the number of encoders, some megabytes each, that are kept for the next batch; 0 stands
	// for 1.
	Idle int
}

// Pool makes writers, which borrow encoders and windows from it for the time of one batch: their
// tables and buffers, some megabytes, serve file after file. It may be used by goroutines at the same
// time.
type Pool struct {
	codec Codec
	rows  int
	idle  int

	mu      sync.Mutex
	free    []*encoder // at most idle of them
	windows []*window  // at most one
}

// NewPool gives a pool of writers with those options.
func NewPool(o Options) (*Pool, error) {
	o.Codec = cmp.Or(o.Codec, Zstd)
	if !slices.Contains(Codecs(), o.Codec) {
		return nil, fmt.Errorf("unknown codec %q, want one of %q", string(o.Codec), Codecs())
	}
	return &Pool{codec: o.Codec, rows: cmp.Or(o.RowGroupRows, DefaultRowGroupRows), idle: max(1, o.Idle)}, nil
}

// NewWriter begins a file. Bytes go to w as row groups are finished; w sees no other calls than
// Write. A file without a row group is valid, too.
func (p *Pool) NewWriter(w io.Writer, t *schema.Table) *Writer {
	return &Writer{pool: p, table: t, out: &tailWriter{w: w}, want: footer{table: t}}
}

// maxPooled bounds the memory, in bytes, that an idle encoder or window may hold on to: after a hostile
// file, or a very large one that was sorted whole, it is not kept.
const maxPooled = 32 << 20

func (p *Pool) get() (*encoder, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		e := p.free[n-1]
		p.free = p.free[:n-1]
		return e, nil
	}
	return newEncoder(p.codec)
}

func (p *Pool) put(e *encoder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < p.idle && e.memory() <= maxPooled {
		p.free = append(p.free, e)
	}
}

func (p *Pool) window() *window {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.windows); n > 0 {
		w := p.windows[n-1]
		p.windows = p.windows[:n-1]
		return w
	}
	return new(window)
}

func (p *Pool) putWindow(w *window) {
	w.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.windows) == 0 && w.memory() <= maxPooled {
		p.windows = append(p.windows, w)
	}
}
