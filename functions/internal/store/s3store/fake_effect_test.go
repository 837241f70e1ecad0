package s3store

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// effect does what the call asks for.
func (f *fake) effect(c call, body []byte, a *answer) {
	switch c.op {
	case "Get", "Head":
		f.getObject(c, a)
	case "Put":
		part, ok := f.receive(c, body, a)
		if !ok {
			return
		}
		f.objects[c.key] = fakeObject{bytes.NewReader(part.data), int64(part.size), part.etag, time.Now()}
		a.header.Set("ETag", part.etag)
	case "Delete":
		delete(f.objects, c.key)
		a.status = http.StatusNoContent
	case "List":
		f.list(c, a)
	case "CreateUpload":
		f.serial++
		id := fmt.Sprint("upload-", f.serial)
		f.uploads[id] = &fakeUpload{c.key, c.header.Get("X-Amz-Checksum-Algorithm") == "CRC32", map[int]fakePart{}}
		a.xml(struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
	case "UploadPart", "Complete", "AbortUpload":
		id := c.query.Get("uploadId")
		u := f.uploads[id]
		if u == nil || u.key != c.key {
			a.fail(http.StatusNotFound, codeNoSuchUpload)
			return
		}
		f.multipart(c, u, id, body, a)
	default:
		f.t.Errorf("unknown request %v", c)
	}
}

func (f *fake) getObject(c call, a *answer) {
	o, ok := f.objects[c.key]
	if !ok {
		a.fail(http.StatusNotFound, codeNoSuchKey)
		return
	}
	if match := c.header.Get("If-Match"); match != "" && match != o.etag {
		a.fail(http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	a.header.Set("ETag", o.etag)
	a.header.Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	first, last := int64(0), o.size-1
	if text := c.header.Get("Range"); text != "" {
		if n, _ := fmt.Sscanf(text, "bytes=%d-%d", &first, &last); n == 0 || first >= o.size || last < first {
			a.fail(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		last = min(last, o.size-1)
		a.status = http.StatusPartialContent
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, o.size))
	}
	a.length = last - first + 1
	if c.op == "Get" {
		a.body = io.NewSectionReader(o.content, first, a.length)
	}
}

func (f *fake) list(c call, a *answer) {
	type content struct {
		Key, ETag, LastModified string
		Size                    int64
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		EncodingType          string   `xml:",omitempty"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	page.EncodingType = c.query.Get("encoding-type")
	for _, name := range slices.Sorted(maps.Keys(f.objects)) {
		key, inside := strings.CutPrefix(name, strings.TrimSuffix(c.key, "/")+"/")
		after, _ := hex.DecodeString(c.query.Get("continuation-token"))
		if !inside || !strings.HasPrefix(key, c.query.Get("prefix")) || key <= string(after) {
			continue
		}
		if len(page.Contents) == f.pageSize {
			page.IsTruncated = true
			break
		}
		o := f.objects[name]
		page.NextContinuationToken = hex.EncodeToString([]byte(key))
		if page.EncodingType == "url" {
			key = strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
		}
		page.Contents = append(page.Contents, content{key, o.etag, o.modified.UTC().Format("2006-01-02T15:04:05.000Z"), o.size})
	}
	if !page.IsTruncated {
		page.NextContinuationToken = ""
	}
	a.xml(page)
}

func (f *fake) multipart(c call, u *fakeUpload, id string, body []byte, a *answer) {
	switch c.op {
	case "AbortUpload":
		delete(f.uploads, id)
		a.status = http.StatusNoContent
	case "UploadPart":
		part, ok := f.receive(c, body, a)
		if !ok {
			return
		}
		number, _ := strconv.Atoi(c.query.Get("partNumber"))
		u.parts[number] = part
		a.header.Set("ETag", part.etag)
		a.header.Set("X-Amz-Checksum-Crc32", part.crc32)
	case "Complete":
		var in struct {
			Part []struct {
				PartNumber          int
				ETag, ChecksumCRC32 string
			}
		}
		if err := xml.Unmarshal(body, &in); err != nil || len(in.Part) == 0 {
			a.fail(http.StatusBadRequest, "MalformedXML")
			return
		}
		sum, all, size := md5.New(), []byte(nil), 0
		for i, p := range in.Part {
			part, ok := u.parts[p.PartNumber]
			switch {
			case !ok || p.ETag != part.etag || i > 0 && p.PartNumber <= in.Part[i-1].PartNumber:
				a.fail(http.StatusBadRequest, "InvalidPart")
				return
			case u.checksums && p.ChecksumCRC32 != part.crc32:
				a.fail(http.StatusBadRequest, "InvalidPart")
				return
			case i < len(in.Part)-1 && part.size < f.minPart:
				a.fail(http.StatusBadRequest, "EntityTooSmall")
				return
			}
			sum.Write(part.digest[:])
			all = append(all, part.data...)
			size += part.size
		}
		etag := quote(fmt.Sprintf("%x-%d", sum.Sum(nil), len(in.Part)))
		f.objects[u.key] = fakeObject{bytes.NewReader(all), int64(size), etag, time.Now()}
		delete(f.uploads, id)
		a.xml(struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}{ETag: etag})
	}
}

// receive takes the bytes of an object or a part, if they came as they were sent.
func (f *fake) receive(c call, body []byte, a *answer) (fakePart, bool) {
	p := fakePart{data: body, size: len(body), digest: md5.Sum(body), crc32: crc32Of(body)}
	p.etag = quote(hex.EncodeToString(p.digest[:]))
	if want := c.header.Get("X-Amz-Checksum-Crc32"); want != p.crc32 {
		f.t.Errorf("%s: the checksum of %d bytes is %q, the client says %q", c.op, len(body), p.crc32, want)
		a.fail(http.StatusBadRequest, "BadDigest")
		return p, false
	}
	if f.forget {
		p.data = nil
	}
	return p, true
}

func quote(s string) string { return `"` + s + `"` }
