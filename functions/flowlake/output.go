package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/flowlake/flowlake/functions/internal/store"
)

// writeFile writes a file, which is there whole or as it was before. What is no file, such as a named
// pipe or /dev/null, is written to as it comes, and stays what it is.
func writeFile(ctx context.Context, name string, write func(io.Writer) error) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeRegular(ctx, name, name, write)
	case err != nil:
		return fmt.Errorf("write %s: %w", name, err)
	case info.IsDir():
		return fmt.Errorf("write %s: want a file, have a directory", name)
	case info.Mode().IsRegular():
		path, err := filepath.EvalSymlinks(name) // so that a link stays one
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return writeRegular(ctx, name, path, write)
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

// writeRegular writes the file at a path, which the user knows by a name.
func writeRegular(ctx context.Context, name, path string, write func(io.Writer) error) error {
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
