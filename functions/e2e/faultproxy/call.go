package faultproxy

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Call is a request as it arrived. The log keeps it, so what it holds must not be changed.
type Call struct {
	// Seq counts the calls of the proxy, from 1.
	Seq int
	// Operation is the name that the service gives to the call, such as GetObject, UploadPart or
	// BatchCreatePartition. What is not known is method and path.
	Operation string
	// Bucket and Key are what a call of S3 is about, or "". The key is decoded.
	Bucket, Key string
	// Method, Path, Query and Header are those of the request; the path is decoded.
	Method, Path string
	Query        url.Values
	Header       http.Header
}

// newCall describes a request.
func newCall(r *http.Request) Call {
	c := Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone()}
	if c.glue() {
		_, c.Operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return c
	}
	c.Bucket, c.Key, _ = strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	c.Operation = c.s3Operation()
	return c
}

// glue says whether the call is one of the JSON protocol.
func (c Call) glue() bool { return c.Header.Get("X-Amz-Target") != "" }

// s3Operation names a call of S3, by its method and the sub-resource in its query. The parameter x-id,
// by which the SDK names some of them, is not relied on.
func (c Call) s3Operation() string {
	on := "bucket"
	switch {
	case c.Key != "":
		on = "object"
	case c.Bucket == "":
		on = "service"
	}
	for _, o := range operations {
		if o.method == c.Method && o.on == on && (o.query == "" || c.Query.Has(o.query)) && (o.header == "" || c.Header.Get(o.header) != "") {
			return o.name
		}
	}
	return c.Method + " " + c.Path
}

// operations are those of S3 that flowlake could make use of; the first that fits counts.
var operations = []struct{ method, on, query, header, name string }{
	{"GET", "object", "uploadId", "", "ListParts"},
	{"GET", "object", "attributes", "", "GetObjectAttributes"},
	{"GET", "object", "tagging", "", "GetObjectTagging"},
	{"GET", "object", "", "", "GetObject"},
	{"HEAD", "object", "", "", "HeadObject"},
	{"PUT", "object", "uploadId", "X-Amz-Copy-Source", "UploadPartCopy"},
	{"PUT", "object", "uploadId", "", "UploadPart"},
	{"PUT", "object", "tagging", "", "PutObjectTagging"},
	{"PUT", "object", "", "X-Amz-Copy-Source", "CopyObject"},
	{"PUT", "object", "", "", "PutObject"},
	{"POST", "object", "uploads", "", "CreateMultipartUpload"},
	{"POST", "object", "uploadId", "", "CompleteMultipartUpload"},
	{"DELETE", "object", "uploadId", "", "AbortMultipartUpload"},
	{"DELETE", "object", "", "", "DeleteObject"},
	{"GET", "bucket", "uploads", "", "ListMultipartUploads"},
	{"GET", "bucket", "versions", "", "ListObjectVersions"},
	{"GET", "bucket", "location", "", "GetBucketLocation"},
	{"GET", "bucket", "notification", "", "GetBucketNotificationConfiguration"},
	{"GET", "bucket", "list-type", "", "ListObjectsV2"},
	{"GET", "bucket", "", "", "ListObjects"},
	{"HEAD", "bucket", "", "", "HeadBucket"},
	{"PUT", "bucket", "notification", "", "PutBucketNotificationConfiguration"},
	{"PUT", "bucket", "", "", "CreateBucket"},
	{"DELETE", "bucket", "", "", "DeleteBucket"},
	{"POST", "bucket", "delete", "", "DeleteObjects"},
	{"GET", "service", "", "", "ListBuckets"},
}

// failure writes an error as the called service does: S3 in XML, and without a body to HEAD (S3 API
// Reference, "Error responses"), Glue in JSON (AWS JSON 1.1 protocol of Smithy).
func (c Call) failure(w http.ResponseWriter, status int, code string) {
	message := fmt.Sprintf("made to fail by the test, call %d", c.Seq)
	id := fmt.Sprintf("FAULT%011d", c.Seq)
	if c.glue() {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", id)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message})
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", id)
	w.WriteHeader(status)
	if c.Method == http.MethodHead {
		return
	}
	body, _ := xml.Marshal(struct {
		XMLName                            xml.Name `xml:"Error"`
		Code, Message, Resource, RequestId string
	}{Code: code, Message: message, Resource: c.Path, RequestId: id})
	_, _ = w.Write(append([]byte(xml.Header), body...))
}
