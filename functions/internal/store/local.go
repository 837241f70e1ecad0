package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Local keeps objects as files under a directory. It may be shared by goroutines, and several
// processes may work on one directory.
//
// The directory is the caller's: symbolic links in it are followed, wherever they lead, so that a
// source may be put together from several disks. Keys never lead out of it. Nothing but regular
// files is an object.
//
// A process that is killed while it writes leaves its temporary file behind, whose name begins with
// ".tmp-"; it may be removed at any time.
type Local struct {
	dir string

	mu sync.Mutex
	// made are the directories that are known to be there, and whose entries are durable.
	made map[string]bool
}

// OpenLocal gives the store of a directory, which need not exist: it is made by the first write,
// and until then holds no objects.
func OpenLocal(dir string) (*Local, error) {
	if dir == "" {
		return nil, errors.New("open store: no directory given")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open store %s: %w", abs, syscall.ENOTDIR)
	}
	return &Local{dir: abs, made: map[string]bool{}}, nil
}

// URL gives the file URL of a key, or of a prefix of keys; "" stands for the root.
func (s *Local) URL(key string) string {
	p := filepath.ToSlash(s.dir)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a drive letter
	}
	if key != "" {
		p = strings.TrimSuffix(p, "/") + "/" + key
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}

// Path gives the file's name for a key, or the directory's for a prefix that is "" or ends in a
// slash. It is absolute and for tools that open files themselves; there need not be such a file. It
// is never outside of the root: ".." does not lead above it.
func (s *Local) Path(key string) string {
	return filepath.Join(s.dir, filepath.FromSlash(path.Clean("/"+key)))
}

// Open opens an object for reading. What is read is the object as it stood at that moment, even if
// it is replaced or deleted meanwhile. The error is fs.ErrNotExist if there is no such object.
func (s *Local) Open(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := check(ctx, "open", key); err != nil {
		return nil, Object{}, err
	}
	f, info, err := openRegular(s.Path(key))
	if err != nil {
		return nil, Object{}, &Error{Op: "open", Key: key, Err: err, Permanent: errors.Is(err, fs.ErrNotExist)}
	}
	return f, object(key, info), nil
}

// Delete deletes an object, for good when it returns nil. Deleting what is not there is success.
// Directories that become empty stay: removing one would race with a writer that has just made it.
func (s *Local) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	name := s.Path(key)
	if _, err := statRegular(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return &Error{Op: "delete", Key: key, Err: err}
	}
	return nil
}

// check is what every call on one key does first.
func check(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return &Error{Op: op, Key: key, Err: err}
	}
	return CheckKey(op, key)
}

// openRegular opens a regular file. Anything else does not exist; to open a named pipe would block,
// hence the look before.
func openRegular(name string) (*os.File, fs.FileInfo, error) {
	if _, err := statRegular(name); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// statRegular describes a regular file, following symbolic links. Anything else does not exist,
// nor does what lies below a file.
func statRegular(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	if errors.Is(err, syscall.ENOTDIR) || err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info, err
}

func object(key string, info fs.FileInfo) Object {
	return Object{Key: key, Size: info.Size(), Modified: info.ModTime()}
}
