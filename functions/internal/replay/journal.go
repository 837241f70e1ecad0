package replay

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/flowlake/flowlake/functions/internal/etl"
)

// Journal remembers in a file what became of the objects of a replay, so that a later run goes on where
// this one ended, however it ended.
//
// The file has a line of JSON for each object that is done with, behind a first line that says what it
// is a journal of. It only ever grows, and each line is written whole, after the object's outputs are
// durable and registered. Lines reach the disk in batches: a process that is killed loses at most the
// line that it was writing, a machine that fails at most the lines of a second or so. An object whose
// line is lost is converted again, which does no harm: it overwrites what it wrote.
//
// The last line of an object counts. An open journal takes 16 bytes of memory for each line that it had
// when it was opened: a hash of the URL, and where the line is; the line itself is read when its object
// is asked for. One process at a time may have it open.
type Journal struct {
	file  *os.File
	lock  *flock.Flock
	seed  maphash.Seed
	index []entry // by hash
	now   func() time.Time

	// Damaged counts the lines that cannot be read, but for a last one that is not whole. Their objects
	// are converted again.
	Damaged int

	mu       sync.Mutex
	unsynced int // lines
	synced   time.Time
	err      error // of a write; there are no more then
}

// journalVersion is that of the format.
const journalVersion = 1

// header is the first line of a journal.
type header struct {
	Version  int    `json:"flowlake_journal"`
	Lake     string `json:"lake"`
	Settings string `json:"settings"`
}

// line is one line of a journal.
type line struct {
	URL string `json:"url"`
	// Content identifies the object's content, see [identity].
	Content string `json:"content"`
	Outcome string `json:"outcome"`
	// Reason is why it was skipped or failed.
	Reason string `json:"reason,omitempty"`
	*Tally
}

// Outcomes of a line.
const (
	outcomeConverted = "converted"
	outcomeSkipped   = "skipped"
	outcomeFailed    = "failed"
)

// Lines are synced when so many are not yet, or when the last time is so long ago.
const (
	syncLines = 1000
	syncTime  = time.Second
)

// maxReason bounds the reason in a line, and maxLine a line, in bytes: the URL is of some 1,100.
const (
	maxReason = 4 << 10
	maxLine   = 64 << 10
)

// Settings gives a digest of what decides, besides the objects, on the bytes that a conversion writes.
func Settings(c *etl.Config) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %d %d %d %d", c.Table.Name, c.Table.Version, c.Codec,
		c.RowGroupRows, c.SortRows, c.MaxLine, c.MaxPartitions))
	return hex.EncodeToString(sum[:8])
}

// OpenJournal opens the journal of that path, or makes a new one, for replays into a lake with
// settings that have that digest. A journal of another lake or of other settings is an error, and so is
// one that another process has open. The caller closes it.
func OpenJournal(path, lake, settings string) (*Journal, error) {
	j, err := openJournal(path, header{journalVersion, lake, settings})
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return j, nil
}

// ReadJournal opens the journal of that path to look into, also while a replay writes it, and changes
// nothing. It must be there. Nothing may be added.
func ReadJournal(path, lake, settings string) (*Journal, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{file: file, seed: maphash.MakeSeed(), now: time.Now}
	if err := j.load(header{journalVersion, lake, settings}); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

func openJournal(path string, want header) (j *Journal, err error) {
	// A file beside it, as some systems let nobody write to a file that is locked.
	lock := flock.New(path+".lock", flock.SetPermissions(0o666))
	if free, err := lock.TryLock(); err != nil {
		return nil, err
	} else if !free {
		return nil, errors.New("another replay has it open")
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	j = &Journal{file: file, lock: lock, seed: maphash.MakeSeed(), now: time.Now, synced: time.Now()}
	if err = j.load(want); err != nil {
		return nil, errors.Join(err, file.Close(), lock.Unlock())
	}
	return j, nil
}

// begin writes the first line. The file is empty, or holds a part of one.
func (j *Journal) begin(h header) error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

// check says whether a journal that begins so is the one that is wanted.
func (h *header) check(want header) error {
	switch {
	case h.Version != want.Version:
		return fmt.Errorf("want a journal of format %d, have one of format %d", want.Version, h.Version)
	case h.Lake != want.Lake:
		return fmt.Errorf("it is the journal of another lake, %s; this one is %s", h.Lake, want.Lake)
	case h.Settings != want.Settings:
		return errors.New("it is the journal of a replay with other conversion settings, whose outputs differ; " +
			"use those settings again, or another journal")
	}
	return nil
}

// identity identifies an object's content: by its ETag, or else by its size and by when it was written.
func identity(o *Object) string {
	if o.ETag != "" {
		return "etag " + o.ETag
	}
	return fmt.Sprintf("%d bytes %s", o.Size, o.Modified.UTC().Format(time.RFC3339Nano))
}

// Len gives the number of objects that the journal held when it was opened.
func (j *Journal) Len() int { return len(j.index) }

// Lookup gives what became of an object, if the journal, as it was opened, has it as converted or
// skipped with the content that it has now. It must not be called after Close.
func (j *Journal) Lookup(o *Object, url string) (out Outcome, done bool, err error) {
	e, ok := j.find(url)
	if !ok {
		return Outcome{}, false, nil
	}
	text, err := j.read(e.offset)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("read journal %s: %w", j.file.Name(), err)
	}
	var l line
	// A line that cannot be read, or that is another object's with the same hash, tells nothing.
	if json.Unmarshal(text, &l) != nil || l.URL != url || l.Content != identity(o) {
		return Outcome{}, false, nil
	}
	out = Outcome{Object: *o, URL: url, Before: true}
	switch {
	case l.Outcome == outcomeSkipped:
		out.Skipped = l.Reason
	case l.Outcome == outcomeConverted && l.Tally != nil:
		out.Tally = *l.Tally
	default:
		return Outcome{}, false, nil
	}
	return out, true, nil
}

// read gives the line that begins there.
func (j *Journal) read(offset int64) ([]byte, error) {
	for size := 1 << 10; ; size *= 4 {
		text := make([]byte, size)
		n, err := j.file.ReadAt(text, offset)
		if end := bytes.IndexByte(text[:n], '\n'); end >= 0 {
			return text[:end], nil
		}
		if err == nil && size < maxLine {
			continue
		}
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
}

// Add adds an object that is done with. Once it gave an error, it always does.
func (j *Journal) Add(o *Outcome) error {
	l := line{URL: o.URL, Content: identity(&o.Object), Outcome: outcomeConverted, Tally: &o.Tally}
	switch {
	case o.Err != nil:
		l.Outcome, l.Reason, l.Tally = outcomeFailed, o.Err.Error(), nil
	case o.Skipped != "":
		l.Outcome, l.Reason, l.Tally = outcomeSkipped, o.Skipped, nil
	}
	if len(l.Reason) > maxReason {
		l.Reason = strings.ToValidUTF8(l.Reason[:maxReason], "")
	}
	text, err := json.Marshal(&l)
	if err != nil {
		return fmt.Errorf("write journal %s: %w", j.file.Name(), err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		_, j.err = j.file.Write(append(text, '\n'))
	}
	j.unsynced++
	if now := j.now(); j.unsynced >= syncLines || now.Sub(j.synced) >= syncTime {
		j.sync(now)
	}
	return j.failure()
}

// sync has all lines on the disk. The lock is held.
func (j *Journal) sync(now time.Time) {
	if j.err == nil && j.unsynced > 0 {
		j.err = j.file.Sync()
	}
	j.unsynced, j.synced = 0, now
}

func (j *Journal) failure() error {
	if j.err != nil {
		return fmt.Errorf("write journal %s: %w", j.file.Name(), j.err)
	}
	return nil
}

// Close has all lines on the disk, and lets others open the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return j.file.Close()
	}
	j.sync(j.now())
	return errors.Join(j.failure(), j.file.Close(), j.lock.Unlock())
}
