package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// writeFile writes a file, which is there whole or as it was before; a link to it stays one, and its
// mode what it was. What is no file, such as a named pipe or /dev/null, is written to as it comes, and
// stays what it is; and so is a file that is standard output, as others write there, too.
func writeFile(ctx context.Context, name string, write func(io.Writer) error) error {
	if os.IsPathSeparator(name[len(name)-1]) {
		return fmt.Errorf("write %s: want a file, have the name of a directory", name)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeRegular(ctx, name, write)
	case err != nil:
		return fmt.Errorf("write %s: %w", name, err)
	case info.IsDir():
		return fmt.Errorf("write %s: want a file, have a directory", name)
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if opened, err := f.Stat(); err == nil && os.SameFile(opened, info) {
			return buffered(name, f, write)
		}
	}
	if info.Mode().IsRegular() {
		return writeRegular(ctx, name, write)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := buffered(name, f, write); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// follow gives where a name leads by links, the last of which may lead to a file that is not there yet.
// Names are put together as they stand: behind a link, "../" leads elsewhere than its text says.
func follow(name string) (string, error) {
	path, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return path, err // of links in a circle, too
	}
	dir, base := filepath.Split(name)
	if to, err := os.Readlink(name); err == nil {
		if !filepath.IsAbs(to) {
			to = dir + to
		}
		return follow(to)
	}
	if there, err := filepath.EvalSymlinks(cmp.Or(dir, ".")); err == nil { // else it is made
		dir = there
	}
	return filepath.Join(dir, base), nil
}

// writeRegular writes a file that is one, or is not there yet.
func writeRegular(ctx context.Context, name string, write func(io.Writer) error) error {
	path, err := follow(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	dir, err := store.OpenLocal(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := dir.Create(ctx, filepath.Base(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer f.Abort()
	if err := buffered(name, f, write); err != nil {
		return err
	}
	if err := f.Commit(ctx); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// buffered has write write to a file by way of a buffer.
func buffered(name string, f io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
