package store

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// CheckKey gives an error, as the given call's, unless the key can name an object in every store:
// it has no empty element, so that it neither begins nor ends with a slash, none that is "." or
// "..", and no NUL.
func CheckKey(op, key string) error {
	if err := checkKey(key); err != nil {
		return &Error{Op: op, Key: key, Err: err, Permanent: true}
	}
	return nil
}

func checkKey(key string) error {
	for element := range strings.SplitSeq(key, "/") {
		switch element {
		case "":
			return errors.New("invalid key: an element is empty")
		case ".", "..":
			return fmt.Errorf("invalid key: an element is %q", element)
		}
	}
	if strings.Contains(key, "\x00") {
		return errors.New("invalid key: holds a NUL")
	}
	// Device names, drive letters and backslashes mean something on Windows.
	if !filepath.IsLocal(filepath.FromSlash(key)) {
		return errors.New("invalid key: cannot be a file's name here")
	}
	return nil
}

// checkPrefix is [CheckKey] for a prefix of keys, whose last element may be any beginning of one.
func checkPrefix(op, prefix string) error {
	dir, _ := path.Split(prefix)
	if dir == "" {
		return nil
	}
	if err := checkKey(strings.TrimSuffix(dir, "/")); err != nil {
		return &Error{Op: op, Key: prefix, Err: err, Permanent: true}
	}
	return nil
}

// Hidden says whether an object of that key exists without being listed: an element of the key
// starts with a dot.
func Hidden(key string) bool {
	return strings.HasPrefix(key, ".") || strings.Contains(key, "/.")
}
