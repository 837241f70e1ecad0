package store

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Create begins a new object. Its bytes go to a temporary file beside its place, which hides from
// [Local.List]; Commit moves it there. Two writers of one key do not disturb each other, and the
// last Commit wins. An object that is there already gives the new one its mode. Each Write is one
// call of the operating system, so small ones should be buffered by the caller.
//
// The context is that of the writes: once it is canceled, they give errors.
func (s *Local) Create(ctx context.Context, key string) (Writer, error) {
	if err := check(ctx, "create", key); err != nil {
		return nil, err
	}
	path := s.Path(key)
	mode := fs.FileMode(0o666) // of any new file, unlike os.CreateTemp's: others may read the lake
	old, missing := os.Stat(path)
	if missing == nil {
		mode = old.Mode().Perm()
	}
	f, err := s.createTemp(filepath.Dir(path), mode)
	if err != nil {
		return nil, &Error{Op: "create", Key: key, Err: err}
	}
	if missing == nil {
		_ = f.Chmod(mode) // what the umask took; where that cannot be, fewer may read it
	}
	return &localWriter{ctx: ctx, key: key, path: path, file: f}, nil
}

// createTemp makes a file in a directory, and the directory too if need be.
func (s *Local) createTemp(dir string, mode fs.FileMode) (*os.File, error) {
	name := filepath.Join(dir, ".tmp-"+rand.Text())
	open := func() (*os.File, error) {
		if err := s.makeDir(dir); err != nil {
			return nil, err
		}
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	}
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has removed the directory since we saw it.
		s.forget()
		f, err = open()
	}
	return f, err
}

// localWriter writes one file.
type localWriter struct {
	ctx  context.Context
	key  string
	path string
	file *os.File // the temporary file
	err  error    // why a write failed; Commit then refuses
	done bool     // after Commit or Abort
}

func (w *localWriter) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, &Error{Op: "write", Key: w.key, Err: fs.ErrClosed}
	}
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err == nil {
		n, w.err = w.file.Write(p)
	}
	if w.err != nil {
		return n, &Error{Op: "write", Key: w.key, Err: w.err}
	}
	return n, nil
}

func (w *localWriter) Commit(ctx context.Context) error {
	if err := w.commit(ctx); err != nil {
		return &Error{Op: "commit", Key: w.key, Err: err}
	}
	return nil
}

// commit publishes in the order that survives a crash at any point: the bytes reach the disk before
// the name does, and the name before anybody is told.
func (w *localWriter) commit(ctx context.Context) error {
	if w.done {
		return fs.ErrClosed
	}
	defer w.Abort()
	if w.err != nil {
		return w.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.file.Name(), w.path); err != nil {
		return err
	}
	w.done = true
	return syncDir(filepath.Dir(w.path))
}

func (w *localWriter) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	_ = w.file.Close() // its bytes are not wanted
	if err := os.Remove(w.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: "abort", Key: w.key, Err: err}
	}
	return nil
}

// MakeDir makes the directory of the keys with that prefix, which is "" or ends in a slash, for
// callers that put files of their own there, such as locks. When it returns nil the directory is
// durable.
func (s *Local) MakeDir(prefix string) error {
	if err := checkPrefix("make directory", prefix); err != nil {
		return err
	}
	dir := s.Path(prefix)
	if _, err := os.Stat(dir); err != nil {
		s.forget() // if somebody has removed it, then perhaps also what is above
	}
	if err := s.makeDir(dir); err != nil {
		return &Error{Op: "make directory", Key: prefix, Err: err}
	}
	return nil
}

// SyncDir makes durable which objects the directory of that prefix holds, without those in
// directories below it. It is for callers that act upon an object which another process may have
// committed just now.
func (s *Local) SyncDir(prefix string) error {
	if err := checkPrefix("sync directory", prefix); err != nil {
		return err
	}
	if err := syncDir(s.Path(prefix)); err != nil {
		return &Error{Op: "sync directory", Key: prefix, Err: err}
	}
	return nil
}

// makeDir makes a directory and those above it, and has their entries on the disk when it returns.
// The lock is held meanwhile, so that nobody commits an object into a directory that another
// goroutine has made but not yet synced.
func (s *Local) makeDir(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeDirs(dir)
}

func (s *Local) makeDirs(dir string) error {
	if s.made[dir] {
		return nil
	}
	// From the root upwards, what is there is none of our business.
	if strings.HasPrefix(s.dir, dir) {
		if _, err := os.Stat(dir); err == nil {
			return nil
		}
	}
	parent := filepath.Dir(dir)
	if err := s.makeDirs(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also if it was there: another process may have made it just now.
	if err := syncDir(parent); err != nil {
		return err
	}
	s.made[dir] = true
	return nil
}

// forget forgets which directories are there.
func (s *Local) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.made)
}

// syncDir makes a directory's entries durable, as far as the file system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // some network file systems know no such thing
	}
	return errors.Join(err, d.Close())
}
