package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// value is a value in JSON that remembers where it stands, for errors.
type value struct {
	path string
	// raw is valid JSON with no space around it, or nil where there is no such value.
	raw json.RawMessage
}

// object is a value that is an object. Names are exact; the last of several equal ones counts.
type object struct {
	value
	fields map[string]json.RawMessage
}

// parse gives the value that a text holds, with nothing behind it.
func parse(path string, text []byte) (value, error) {
	var raw json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return value{}, &Error{Field: path, Reason: "want JSON, found " + quote(string(text)), Err: err}
	}
	return value{path: path, raw: bytes.TrimSpace(raw)}, nil
}

// present says whether there is a value other than null.
func (v value) present() bool { return v.raw != nil && string(v.raw) != "null" }

// wrong gives the error for a value that is not what was wanted.
func (v value) wrong(want string) error {
	found := "nothing"
	if v.raw != nil {
		found = quoteJSON(v.raw)
	}
	return &Error{Field: v.path, Reason: fmt.Sprintf("want %s, found %s", want, found)}
}

// object gives the value as an object, or one without fields and an error.
func (v value) object() (object, error) {
	o := object{value: v}
	if len(v.raw) == 0 || v.raw[0] != '{' || json.Unmarshal(v.raw, &o.fields) != nil {
		return o, v.wrong("a JSON object")
	}
	return o, nil
}

// maxList bounds the elements of a list. SQS gives Lambda 10,000 messages at once at most; S3 lists
// 1000 objects a page, and a batch of Step Functions, 256 KiB, holds some 1500 of them.
const maxList = 10_000

// list gives the value as the list of its elements, or an error.
func (v value) list() ([]value, error) {
	if len(v.raw) == 0 || v.raw[0] != '[' {
		return nil, v.wrong("a list")
	}
	d := json.NewDecoder(bytes.NewReader(v.raw))
	if _, err := d.Token(); err != nil {
		return nil, v.wrong("a list")
	}
	var elements []value
	for d.More() {
		// One by one, because 6 MB hold millions.
		if len(elements) == maxList {
			return nil, v.wrong(fmt.Sprintf("%d elements at most", maxList))
		}
		e := value{path: fmt.Sprintf("%s[%d]", v.path, len(elements))}
		if err := d.Decode(&e.raw); err != nil {
			return nil, v.wrong("a list")
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// text gives the value as a text that is not empty, or an error.
func (v value) text() (string, error) {
	s, err := v.optional()
	if err == nil && s == "" {
		err = v.wrong("a text")
	}
	return s, err
}

// optional gives the value as a text, "" if it is absent or null, or an error.
func (v value) optional() (string, error) {
	if !v.present() {
		return "", nil
	}
	// Bytes that are not UTF-8 would be replaced, which would name another object.
	var s string
	if v.raw[0] != '"' || !utf8.Valid(v.raw) || json.Unmarshal(v.raw, &s) != nil {
		return "", v.wrong("a text")
	}
	return s, nil
}

// is gives an error unless the value is that text.
func (v value) is(want string) error {
	if s, err := v.text(); err != nil || s != want {
		return v.wrong(want)
	}
	return nil
}

// has says whether there is such a field, null or not.
func (o object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// get gives the value of a field, which need not be there.
func (o object) get(name string) value {
	path := name
	if o.path != "" {
		path = o.path + "." + name
	}
	return value{path: path, raw: o.fields[name]}
}

// either gives the field that is there of two that mean the same, and the first if there is none.
func (o object) either(first, second string) (value, error) {
	a, b := o.get(first), o.get(second)
	switch {
	case !b.present():
		return a, nil
	case !a.present() || bytes.Equal(a.raw, b.raw):
		return b, nil
	}
	return a, o.wrong("one of " + first + " and " + second)
}
