package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/flowlake/flowlake/functions/internal/store"
)

const (
	// folder holds the catalog's files in the lake. Readers such as Athena do not see names that
	// begin with an underscore.
	folder = "_catalog/"
	// poll is how often a lock that another process holds is tried again.
	poll = 5 * time.Millisecond
	// racy is how long a file must have rested before its identity, size and modification time tell
	// it from its successors: longer than the steps in which any file system counts time, as inodes
	// are used again at once.
	racy = 2 * time.Second
)

// snapshot is what a table's file held when it was read.
type snapshot struct {
	doc  *document
	info fs.FileInfo
	// rested says that the file had not been modified for a while when it was read.
	rested bool
	// durable says that the file's name has reached the disk. A file that another process has just
	// renamed into place can be read before that is so.
	durable atomic.Bool
}

// current says whether the file described so is certainly the one that s was read from.
func (s *snapshot) current(info fs.FileInfo) bool {
	return s.rested && os.SameFile(info, s.info) && info.Size() == s.info.Size() && info.ModTime().Equal(s.info.ModTime())
}

// load gives what is registered of a table, or nil if it does not exist.
func (l *Local) load(ctx context.Context, table string) (*snapshot, error) {
	if err := checkName(table); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	s, err := l.recall(table)
	if s == nil && err == nil {
		s, err = read(l.objects.Path(file(table)), table)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.As(err, new(*TableError)) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	l.remember(table, s)
	return s, nil
}

// recall gives what is remembered of a table, if that is what its file holds now, or nil.
func (l *Local) recall(table string) (*snapshot, error) {
	info, err := os.Stat(l.objects.Path(file(table)))
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.known[table]; s != nil && s.current(info) {
		return s, nil
	}
	return nil, nil
}

func (l *Local) remember(table string, s *snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[table] = s
}

// read reads a table's file.
func read(name, table string) (*snapshot, error) {
	now := time.Now()
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	d, err := decode(data, table)
	if err != nil {
		return nil, &TableError{Table: table, Err: fmt.Errorf("%s: %w", name, err)}
	}
	return &snapshot{doc: d, info: info, rested: now.Sub(info.ModTime()) > racy}, nil
}

// write replaces a table's file. The caller holds its lock.
func (l *Local) write(ctx context.Context, d *document) error {
	data, err := d.encode()
	if err != nil {
		return err
	}
	w, err := l.objects.Create(ctx, file(d.Table))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit(ctx)
}

// settle makes sure that what was read is durable.
func (l *Local) settle(s *snapshot) error {
	if s.durable.Load() {
		return nil
	}
	if err := l.objects.SyncDir(folder); err != nil {
		return err
	}
	s.durable.Store(true)
	return nil
}

// lock waits until nobody else changes the table, and gives the function that ends the wait of
// others.
func (l *Local) lock(ctx context.Context, table string) (unlock func() error, err error) {
	select {
	case l.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() {
		if err != nil {
			<-l.writing
		}
	}()
	if err := l.objects.MakeDir(folder); err != nil {
		return nil, err
	}
	// Anybody who may write to the lake may lock it.
	f := flock.New(l.objects.Path(folder+table+".lock"), flock.SetPermissions(0o666))
	if _, err := f.TryLockContext(ctx, poll); err != nil {
		return nil, err
	}
	return func() error {
		defer func() { <-l.writing }()
		if err := f.Unlock(); err != nil {
			return fmt.Errorf("unlock table %s: %w", table, err)
		}
		return nil
	}, nil
}

// file gives the key of a table's file.
func file(table string) string { return folder + table + ".json" }

// checkName gives an error for a name that cannot be part of a file's name.
func checkName(table string) error {
	err := store.CheckKey("read", file(table))
	if err == nil && (table == "" || table[0] == '.' || strings.ContainsAny(table, `/\`)) {
		err = errors.New("not a table's name")
	}
	if err != nil {
		return &TableError{Table: fmt.Sprintf("%q", table), Err: err}
	}
	return nil
}
