package failed

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// next gives the next line without its end, its number from 1, and whether it is whole: the last one of
// a file that was being written may not be. The line is valid until the next call. At the end the error
// is io.EOF.
func (s *scanner) next() (text []byte, whole bool, err error) {
	text, err = s.r.ReadSlice('\n')
	s.line++
	switch {
	case err == bufio.ErrBufferFull:
		return nil, false, fmt.Errorf("line %d: want at most %d bytes", s.line, maxLine)
	case err == io.EOF && len(text) > 0:
	case err != nil:
		return nil, false, err
	default:
		whole = true
	}
	return bytes.TrimSpace(text), whole, nil
}

type scanner struct {
	r    *bufio.Reader
	line int
}

// text reads a path or a URL from each line.
func (l *list) text() error {
	s := scanner{r: l.r}
	for {
		text, _, err := s.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(text) == 0 {
			continue
		}
		// A name that begins with a brace is less likely than the wrong kind of file.
		odd := !utf8.Valid(text) || text[0] == '{' || text[0] == '['
		if odd || strings.ContainsFunc(string(text), unicode.IsControl) {
			reason := "want one path or URL"
			if s.line == 1 {
				reason = wantList
			}
			return fmt.Errorf("line %d: %s, found %s", s.line, reason, quote(text))
		}
		if err := l.fn(Object{URL: string(text)}); err != nil {
			return err
		}
	}
}

// outcomeFailed is what a journal says of an object that failed.
const outcomeFailed = "failed"

// line is one line of JSON, of a journal, a log or the progress of a replay.
type line struct {
	Journal int `json:"flowlake_journal"`
	URL     string
	Outcome string
	Error   string
	Reason  string
	// Msg is that of a log.
	Msg string
	// As flowlake replay --format json tells of its progress.
	Failed, Progress json.RawMessage
}

// verdict says whether the line tells what became of its object, and if so, whether that failed. Of the
// Lambda's log (functions/convert/report.go) only the messages about outcomes do: others name objects,
// too, and may have an error that is not theirs.
func (l *line) verdict() (failed, known bool) {
	switch l.Msg {
	case "":
		return l.Outcome == outcomeFailed || l.Outcome == "" && l.Error != "", true
	case "object failed", "object not converted in time":
		return true, true
	case "object converted", "object skipped":
		return false, true
	}
	return false, false
}

// lines reads lines of JSON. What is said of an object last counts: a journal that was resumed, or a
// log, goes on after a failure. Once it is known that they are such lines, those of text between them
// are passed over: whoever wrote them may have ended with a message.
func (l *list) lines() error {
	s := scanner{r: l.r}
	failures := map[string]int{} // by URL, the place in objects
	var objects []Object
	named := false
	for {
		text, whole, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(text) == 0 || named && text[0] != '{' {
			continue
		}
		var line line
		if err := json.Unmarshal(text, &line); err != nil {
			if !whole && named {
				break // whoever wrote it was ended meanwhile
			}
			return fmt.Errorf("line %d: want an object in JSON with url and error, found %s: %w", s.line, quote(text), err)
		}
		named = named || line.Journal > 0 || line.Progress != nil
		if line.URL == "" && len(line.Failed) > 0 && line.Failed[0] == '{' {
			if err := json.Unmarshal(line.Failed, &line); err != nil {
				return fmt.Errorf("line %d: want failed with url and error, found %s: %w", s.line, quote(line.Failed), err)
			}
		}
		if line.URL == "" {
			continue // of a log, what is not about an object
		}
		named = true
		failed, told := line.verdict()
		if !told {
			continue
		}
		at, known := failures[line.URL]
		switch {
		case !failed:
			if known {
				objects[at].URL = ""
				delete(failures, line.URL)
			}
			continue
		case !known:
			at = len(objects)
			failures[line.URL] = at
			objects = append(objects, Object{URL: line.URL})
		}
		objects[at].Error = cmp.Or(line.Error, line.Reason)
	}
	if !named {
		return errors.New("want lines of JSON of which some have a url, found none that has")
	}
	for _, o := range objects {
		if o.URL == "" {
			continue
		}
		if err := l.fn(o); err != nil {
			return err
		}
	}
	return nil
}
