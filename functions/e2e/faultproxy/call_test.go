package faultproxy_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/faultproxy"
)

// TestPassesUnchanged compares what is sent and what arrives.
func TestPassesUnchanged(t *testing.T) {
	s := newServer(t)
	p := proxy(t, s.URL, nil)
	body := strings.Repeat("5;chunk-signature=0\r\nhello\r\n", 1000)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL+"/b/a%2Fb%20c+d//e/../%C3%A4?x-id=PutObject&partNumber=1;2", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "bucket.s3.example.com"
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	r.Header.Set("Expect", "100-continue")
	r.Header.Set("Accept-Encoding", "identity")
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); string(got) != answer || err != nil || response.Header.Get("Etag") != `"abc"` || response.ContentLength != 10 {
		t.Errorf("the answer is %q, %v, %v", got, err, response.Header)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.last; got.Host != r.Host || got.RequestURI != r.URL.RequestURI() || string(s.body) != body || got.ContentLength != int64(len(body)) {
		t.Errorf("%s %s of %d bytes arrived for %s", got.Method, got.RequestURI, got.ContentLength, got.Host)
	}
	for _, name := range []string{"Content-Encoding", "X-Amz-Trailer", "Expect", "Accept-Encoding"} {
		if got := s.last.Header[name]; !slices.Equal(got, r.Header[name]) {
			t.Errorf("%s arrives as %q", name, got)
		}
	}
	for name := range s.last.Header {
		if !slices.Contains([]string{"Content-Encoding", "X-Amz-Trailer", "Expect", "Accept-Encoding", "Content-Length", "User-Agent"}, name) {
			t.Errorf("%s was added", name)
		}
	}
}

func TestOperations(t *testing.T) {
	s := newServer(t)
	p := proxy(t, s.URL, nil)
	c := client(t)
	for _, test := range []struct{ method, target, want string }{
		{"GET", "/", "ListBuckets"},
		{"GET", "/b?list-type=2&prefix=a%2F", "ListObjectsV2"},
		{"GET", "/b/?prefix=a", "ListObjects"},
		{"GET", "/b?uploads", "ListMultipartUploads"},
		{"GET", "/b?location", "GetBucketLocation"},
		{"PUT", "/b", "CreateBucket"},
		{"HEAD", "/b", "HeadBucket"},
		{"DELETE", "/b", "DeleteBucket"},
		{"POST", "/b?delete", "DeleteObjects"},
		{"GET", "/b/a%20b/c?x-id=GetObject", "GetObject"},
		{"HEAD", "/b/k", "HeadObject"},
		{"PUT", "/b/k?x-id=PutObject", "PutObject"},
		{"POST", "/b/k?uploads", "CreateMultipartUpload"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"},
		{"GET", "/b/k?uploadId=u", "ListParts"},
		{"POST", "/b/k?uploadId=u", "CompleteMultipartUpload"},
		{"DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"},
		{"DELETE", "/b/k", "DeleteObject"},
		{"PATCH", "/b/k", "PATCH /b/k"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, p.URL+test.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		log := p.Log()
		last := log[len(log)-1]
		if last.Operation != test.want || last.Seq != len(log) {
			t.Errorf("%s %s is call %d, %s; want %d, %s", test.method, test.target, last.Seq, last.Operation, len(log), test.want)
		}
		if test.want == "GetObject" && (last.Bucket != "b" || last.Key != "a b/c") {
			t.Errorf("bucket %q, key %q", last.Bucket, last.Key)
		}
		if test.want == "ListObjectsV2" && last.Query.Get("prefix") != "a/" {
			t.Errorf("query %v", last.Query)
		}
	}
	if p.Count("GetObject", "HeadObject") != 2 || p.Count() != 19 || p.Counts()["PutObject"] != 1 {
		t.Errorf("counted %v", p.Counts())
	}
}

func TestGlueErrors(t *testing.T) {
	p := proxy(t, newServer(t).URL, always(faultproxy.Fail(faultproxy.Before, 400, "ThrottlingException")))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSGlue.BatchCreatePartition")
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if want := `{"Message":"made to fail by the test, call 1","__type":"ThrottlingException"}` + "\n"; string(body) != want || err != nil {
		t.Errorf("the answer is %s, %v", body, err)
	}
	if response.StatusCode != 400 || response.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("the answer is %s, %v", response.Status, response.Header)
	}
	if p.Count("BatchCreatePartition") != 1 || p.Log()[0].Bucket != "" {
		t.Errorf("the log has %+v", p.Log())
	}
}
