package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"strings"
	"time"
)

// SourceSuffix ends the name of every flow log that AWS delivers.
const SourceSuffix = ".log.gz"

// FileWindow is the time whose traffic one file holds: it begins at the time that the file's name
// gives.
const FileWindow = 5 * time.Minute

// Source is what a source object's key tells of it. Any part may be missing.
type Source struct {
	// Account and Region are the account and Region of the log, "" where the key does not say.
	Account, Region string
	// Resource is the identifier of what the log is about, which the file's name gives after the
	// service: for Global Accelerator that of the accelerator. It is "" where the key does not say.
	Resource string
	// Day is the day that the key names, [NoDay] where it names none.
	Day Day
	// Time is the start of the file's [FileWindow], the zero time where the key does not say.
	Time time.Time
}

var (
	// [prefix/]AWSLogs/<account>/<service>/<region>/YYYY/MM/DD/, as the developer guides give it.
	keyPath = regexp.MustCompile(`^AWSLogs/(?:[^/]+/)?(\d{12})/([a-z][a-z0-9-]*)/(?:([^/]+)/)?`)
	keyDate = regexp.MustCompile(`/(\d{4}/\d{2}/\d{2})/`)
	// <account>_<service>_<ids>_<YYYYMMDDTHHmmZ>_<hash>.log.gz
	keyName = regexp.MustCompile(`^(\d{12})_([a-z][a-z0-9-]*)_(?:([^_]*)_(?:.*_)?)?(\d{8}T\d{4}Z)_[^_]*$`)
	// The folder of a Region, and nothing below it.
	regionPath = regexp.MustCompile(`(?:^|/)AWSLogs/(?:[^/]+/)?\d{12}/([a-z][a-z0-9-]*)/[^/]+/$`)
)

// Match says whether the object of that key is a log of this table, going by its key alone. Where
// it is not, skip says why, in words that are the same for all such objects, so that they can be
// counted. A key of no known layout that ends in [SourceSuffix] is taken for a log: files are
// renamed and moved.
func (t *Table) Match(key string) (src Source, skip string) {
	src.Day = NoDay
	name, ok := strings.CutSuffix(path.Base(key), SourceSuffix)
	if !ok {
		return src, "name does not end in " + SourceSuffix
	}
	// What precedes the last AWSLogs/ is a prefix, or a folder of this machine, and tells nothing.
	if i := strings.LastIndex(key, "AWSLogs/"); i == 0 || i > 0 && key[i-1] == '/' {
		key = key[i:]
	}
	if m := keyPath.FindStringSubmatch(key); m != nil {
		if m[2] != t.Service {
			return src, "log of another service: " + m[2]
		}
		src.Account, src.Region = m[1], m[3]
	}
	if m := keyDate.FindStringSubmatch(key); m != nil {
		if at, err := time.Parse("2006/01/02", m[1]); err == nil && at.Unix() >= 0 {
			src.Day = DayOf(at.Unix())
		}
	}
	if m := keyName.FindStringSubmatch(name); m != nil {
		if m[2] != t.Service {
			return src, "log of another service: " + m[2]
		}
		src.Account, src.Resource = m[1], m[3]
		if at, err := time.Parse("20060102T1504Z", m[4]); err == nil && at.Unix() >= 0 {
			src.Time, src.Day = at, DayOf(at.Unix())
		}
	}
	return src, ""
}

// DayFolder gives the key of the folder of a day's logs, relative to a folder that holds one Region's
// logs of this table and whose key, or URL, ends in a slash; ok is false if the folder is no such one.
func (t *Table) DayFolder(folder string, d Day) (key string, ok bool) {
	m := regionPath.FindStringSubmatch(folder)
	if m == nil || m[1] != t.Service {
		return "", false
	}
	return d.Start().Format("2006/01/02/"), true
}

// maxBase bounds the part of an output's name that comes from its source, in bytes: the name must
// fit a file system's 255.
const maxBase = 180

// ObjectKey gives the key, relative to the lake's URL, of the object that holds one day's records
// of one source object. It depends on the source's URL and on nothing else, so that converting a
// source again overwrites what the first conversion wrote.
func (t *Table) ObjectKey(d Day, sourceURL string) string {
	base := strings.TrimSuffix(path.Base(sourceURL), SourceSuffix)
	base = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-', r == '.':
			return r
		}
		return '-'
	}, base)
	if len(base) > maxBase {
		base = base[:maxBase]
	}
	// Athena does not see objects whose names start with an underscore or a dot.
	if base == "" || base[0] == '_' || base[0] == '.' {
		base = "x" + base
	}
	sum := sha256.Sum256([]byte(sourceURL))
	return t.Partition(d).Location + base + "-" + hex.EncodeToString(sum[:4]) + ".parquet"
}
