package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
)

// entry is where an object's last line is. Two objects may have the same hash, one in 10^19 times the
// square of their number: the line tells whose it is, and the other one is converted again.
type entry struct {
	hash   uint64 // of the URL
	offset int64  // of the line
}

// load reads a journal that begins as wanted, or begins a new one. A last line that is not whole is
// taken off: what was writing it was ended meanwhile. A journal that is only looked into stays as it is.
func (j *Journal) load(want header) error {
	lines, whole, err := j.measure()
	if err != nil {
		return err
	}
	if lines == 0 {
		if err := j.checkTorn(); err != nil {
			return err
		}
		if j.lock == nil {
			return nil
		}
		return j.begin(want)
	}
	j.index = make([]entry, 0, lines-1)
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, whole), maxLine)
	for offset := int64(0); offset < whole; {
		text, size, err := nextLine(r)
		if err != nil {
			return err
		}
		if offset == 0 {
			var h header
			if json.Unmarshal(text, &h) != nil || h.Version == 0 {
				return errNoJournal
			}
			if err := h.check(want); err != nil {
				return err
			}
		} else {
			var l struct{ URL string }
			if json.Unmarshal(text, &l) != nil || l.URL == "" {
				j.Damaged++
			} else {
				j.index = append(j.index, entry{maphash.String(j.seed, l.URL), offset})
			}
		}
		offset += size
	}
	// The last line of each URL.
	slices.SortFunc(j.index, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(b.offset, a.offset))
	})
	j.index = slices.CompactFunc(j.index, func(a, b entry) bool { return a.hash == b.hash })
	if j.lock == nil {
		return nil
	}
	return j.file.Truncate(whole)
}

var errNoJournal = errors.New("it is no journal of a replay; remove it, or give another name")

// measure counts the whole lines of the file and their bytes.
func (j *Journal) measure() (lines int, whole int64, err error) {
	buf := make([]byte, 1<<20)
	var read int64
	for {
		n, err := j.file.ReadAt(buf, read)
		if end := bytes.LastIndexByte(buf[:n], '\n'); end >= 0 {
			lines += bytes.Count(buf[:end+1], []byte{'\n'})
			whole = read + int64(end) + 1
		}
		read += int64(n)
		if err == io.EOF {
			return lines, whole, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// checkTorn gives an error unless a file without a whole line holds the beginning of a journal's first
// line, or nothing: other people's files are left alone.
func (j *Journal) checkTorn() error {
	text := make([]byte, maxLine)
	n, err := j.file.ReadAt(text, 0)
	if err != nil && err != io.EOF {
		return err
	}
	first := fmt.Sprintf(`{"flowlake_journal":%d,`, journalVersion)
	if have := string(text[:n]); !strings.HasPrefix(first, have) && !strings.HasPrefix(have, first) {
		return errNoJournal
	}
	return nil
}

// nextLine gives the next line without its end, nil if it is too long, and its size with it. The line
// is valid until the next call.
func nextLine(r *bufio.Reader) (text []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		size += int64(len(part))
		switch {
		case err == nil && size == int64(len(part)):
			return part[:len(part)-1], size, nil
		case err == nil:
			return nil, size, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, 0, err
		}
	}
}

// find gives the entry of a URL's hash.
func (j *Journal) find(url string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(j.index, maphash.String(j.seed, url), func(e entry, hash uint64) int {
		return cmp.Compare(e.hash, hash)
	})
	if !ok {
		return entry{}, false
	}
	return j.index[i], true
}
