package s3store

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// answer is one of the fake's.
type answer struct {
	status int
	header http.Header
	body   io.Reader
	length int64
}

func (a *answer) xml(v any) {
	data, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	a.body, a.length = bytes.NewReader(data), int64(len(data))
}

func (a *answer) fail(status int, code string) {
	a.status = status
	a.xml(struct {
		XMLName               xml.Name `xml:"Error"`
		Code, Message, HostId string
	}{Code: code, Message: "S3 says " + code + "."})
}

// send sends the answer, of its body only the first bytes unless that is negative.
func (a *answer) send(w http.ResponseWriter, r *http.Request, first int64) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Amz-Request-Id", "REQUEST1")
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.FormatInt(a.length, 10))
	}
	w.WriteHeader(max(a.status, http.StatusOK))
	if a.body == nil || r.Method == "HEAD" {
		return
	}
	body := a.body
	if first >= 0 {
		body = io.LimitReader(body, first)
	}
	if _, err := io.Copy(w, body); err != nil {
		return
	}
	if first >= 0 {
		_ = http.NewResponseController(w).Flush()
	}
}

// readBody reads the body of a request. Over TLS the client sends it in the chunks that are called
// aws-chunked, with the checksum behind, which becomes a header here.
func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "aws-chunked" {
		return io.ReadAll(r.Body)
	}
	in := bufio.NewReader(r.Body)
	var body []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		start := len(body)
		body = append(body, make([]byte, n+2)...)
		if _, err := io.ReadFull(in, body[start:]); err != nil {
			return nil, err
		}
		body = body[:start+int(n)]
	}
	rest, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	name, value, ok := strings.Cut(strings.TrimSpace(string(rest)), ":")
	if !ok || r.Header.Get("X-Amz-Decoded-Content-Length") != fmt.Sprint(len(body)) {
		return nil, errors.New("aws-chunked: no checksum, or another length")
	}
	r.Header.Set(name, value)
	return body, nil
}

func crc32Of(data []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)))
}
