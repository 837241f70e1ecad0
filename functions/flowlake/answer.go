package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/flowlake/flowlake/functions/internal/query"
	"github.com/flowlake/flowlake/functions/internal/query/format"
)

// answerTo is where an answer goes, and how.
type answerTo struct {
	w      io.Writer // standard output, unless there is a file
	file   string    // "" is none
	format string
	screen *format.Screen // that of standard output; nil if it is no terminal, or not asked
}

// answerTo finds what is wrong with the flags about the output.
func (o *queryOptions) answerTo(stdout io.Writer) (*answerTo, error) {
	if isS3(o.out) {
		return nil, usage("--out: want a file of this machine, have %s", o.out)
	}
	out := &answerTo{w: stdout, file: o.out, format: o.format}
	if out.file == "-" {
		out.file = ""
	}
	if ending := strings.TrimPrefix(filepath.Ext(o.out), "."); out.format == "" && slices.Contains(formats(), ending) {
		out.format = ending
	} else if out.format == "" {
		out.format = format.Table
	}
	if !slices.Contains(formats(), out.format) {
		return nil, usage("--format: unknown format %q, want one of %q", out.format, formats())
	}
	f, terminal := terminalOf(stdout)
	if terminal && out.file == "" {
		if out.format == parquet {
			return nil, usage("--format: parquet is not for a terminal; give --out FILE, or have a program or a file take it")
		}
		out.screen = &format.Screen{Width: widthOf(f), Raw: o.raw}
	}
	return out, nil
}

// terminalOf gives the terminal that a writer leads to.
func terminalOf(w io.Writer) (*os.File, bool) {
	if c, ok := w.(*checkedWriter); ok {
		w = c.w
	}
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// widthOf gives the width of a terminal in characters, or 0 where nobody knows.
func widthOf(f *os.File) int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// write writes the answer, and gives the number of its rows. A file is there when it is whole.
func (o *answerTo) write(ctx context.Context, db *query.DB, sql string) (n int64, err error) {
	if o.file == "" {
		return o.writeTo(ctx, o.w, db, sql)
	}
	err = writeFile(ctx, o.file, func(w io.Writer) (err error) {
		n, err = o.writeTo(ctx, w, db, sql)
		return err
	})
	return n, err
}

func (o *answerTo) writeTo(ctx context.Context, w io.Writer, db *query.DB, sql string) (n int64, err error) {
	if o.format == parquet {
		return db.WriteParquet(ctx, w, sql)
	}
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if o.format == format.Table && o.screen != nil {
		return format.WriteScreen(w, *o.screen, rows)
	}
	return format.Write(w, o.format, rows)
}
