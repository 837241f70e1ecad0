package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flowlake/flowlake/functions/internal/store"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

const bucket = "flow-logs"

func TestContract(t *testing.T) {
	for _, prefix := range []string{"", "lake/", "/", "odd +%?/é/"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Store {
				f := newFake(t)
				if prefix != "" {
					f.put(bucket+"/other/a", []byte("of somebody else"))
				}
				t.Cleanup(func() {
					if n := f.open(); n != 0 {
						t.Errorf("%d uploads are left behind", n)
					}
				})
				return newStore(t, f, prefix, Options{})
			})
		})
	}
}

// TestContractInParts has nearly every object written in parts, and listed in many pages.
func TestContractInParts(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		f := newFake(t)
		f.minPart, f.pageSize = 1, 7
		t.Cleanup(func() {
			if n := f.open(); n != 0 {
				t.Errorf("%d uploads are left behind", n)
			}
		})
		s := newStore(t, f, "lake/", Options{Uploads: 2})
		s.partSize = 3
		switch {
		case strings.Contains(t.Name(), "reads_back"):
			s.partSize = 1 << 20
		case strings.Contains(t.Name(), "concurrent"):
			s.partSize = 5000
		}
		return s
	})
}

func TestNew(t *testing.T) {
	client := NewClient(aws.Config{Region: "us-west-2"})
	for _, o := range []Options{
		{},
		{PartSize: 5 << 20, Uploads: 1, Stall: time.Nanosecond, BucketOwner: "012345678901", KMSKey: "alias/lake"},
		{PartSize: 5 << 30},
	} {
		if _, err := New(client, bucket, "a/b/", o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	_, err := New(NewClient(aws.Config{}), "a/b", "no/slash", Options{PartSize: 5<<20 - 1, Uploads: -1, Stall: -1, BucketOwner: "12345678901x"})
	if err == nil {
		t.Fatal("everything is wrong, and no error")
	}
	for _, want := range []string{"bucket:", "prefix:", "part size:", "uploads:", "stall:", "bucket owner:", "region:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestParseURL(t *testing.T) {
	for url, want := range map[string][2]string{
		"s3://flow-logs":                   {"flow-logs", ""},
		"s3://flow-logs/":                  {"flow-logs", ""},
		"s3://flow-logs/lake":              {"flow-logs", "lake"},
		"s3://flow-logs/lake/":             {"flow-logs", "lake/"},
		"s3://flow-logs//AWSLogs/1/x+y%20": {"flow-logs", "/AWSLogs/1/x+y%20"},
		"s3://Old_Bucket.of.2006/?a=b#c":   {"Old_Bucket.of.2006", "?a=b#c"},
	} {
		bucket, prefix, err := ParseURL(url)
		if err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("ParseURL(%q) gives %q, %q, %v, want %q", url, bucket, prefix, err, want)
		}
	}
	for _, url := range []string{"", "s3:", "s3://", "s3:///a", "s3://../a", "s3://ab", "s3://a b c/", "s3://host:80/a", "s3://user@host/a", "S3://flow-logs", "./lake", "https://flow-logs/a"} {
		if bucket, prefix, err := ParseURL(url); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("ParseURL(%q) gives %q, %q, %v, want an error that quotes it", url, bucket, prefix, err)
		}
	}
}

func TestURL(t *testing.T) {
	f := newFake(t)
	for prefix, want := range map[string][3]string{
		"":      {"s3://flow-logs", "s3://flow-logs/a b%+/é", "s3://flow-logs//AWSLogs/x"},
		"lake/": {"s3://flow-logs/lake", "s3://flow-logs/lake/a b%+/é", "s3://flow-logs/lake//AWSLogs/x"},
		"/":     {"s3://flow-logs/", "s3://flow-logs//a b%+/é", "s3://flow-logs///AWSLogs/x"},
	} {
		s := newStore(t, f, prefix, Options{})
		for i, key := range []string{"", "a b%+/é", "/AWSLogs/x"} {
			if got := s.URL(key); got != want[i] {
				t.Errorf("below %q, URL(%q) = %q, want %q", prefix, key, got, want[i])
			}
		}
	}
}

// foreignKeys are keys that no store makes, but that S3 has, each another object.
var foreignKeys = []string{
	"/AWSLogs/1/x.log.gz", "//x", "a//b", "a/b", "a/./b", "a/../b", "b", "../b", "..", ".", "a/", "a//", "/", "%2e%2e/b", "a\tb", "a\\b", "a\u0001b",
}

func TestForeignKeys(t *testing.T) {
	f := newFake(t)
	f.pageSize = 3
	s := newStore(t, f, "", Options{})
	for _, key := range foreignKeys {
		f.put(bucket+"/"+key, []byte("content of "+key))
	}
	for _, key := range foreignKeys {
		r, o, err := s.Open(t.Context(), key)
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil || string(data) != "content of "+key || o.Key != key {
			t.Errorf("%q reads %q as %+v (%v)", key, data, o, err)
		}
		r.Close()
		if _, err := s.Create(t.Context(), key); err == nil != (store.CheckKey("", key) == nil) {
			t.Errorf("Create(%q) gives %v", key, err)
		}
	}
	var want []string
	for _, key := range foreignKeys {
		if !store.Hidden(key) {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	if got := list(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("List gives %q, want %q", got, want)
	}
	if got := list(t, s, "/"); !slices.Equal(got, []string{"/", "//x", "/AWSLogs/1/x.log.gz"}) {
		t.Errorf(`List("/") gives %q`, got)
	}
	for _, key := range foreignKeys {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
		if _, there := f.get(bucket + "/" + key); there {
			t.Errorf("%q is still there", key)
		}
	}

	for name, call := range map[string]func() error{
		"Open":     func() error { _, _, err := s.Open(t.Context(), ""); return err },
		"ReaderAt": func() error { _, _, err := s.ReaderAt(t.Context(), ""); return err },
		"Delete":   func() error { return s.Delete(t.Context(), "") },
	} {
		if err := call(); !errors.Is(err, fs.ErrInvalid) || retryable(err) {
			t.Errorf("%s of no key gives %v", name, err)
		}
	}
}

// TestDeleteOfNothing has an answer that S3 does not give, but others do, and one that must not pass for
// it.
func TestDeleteOfNothing(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, "", Options{})
	f.script(func(call) *fault { return &fault{status: 404, code: codeNoSuchKey} })
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	f.script(func(call) *fault { return &fault{status: 404, code: "NoSuchBucket"} })
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) || retryable(err) {
		t.Errorf("without a bucket, Delete gives %v", err)
	}
}

// TestRequestLine looks at requests as they leave for AWS, where the bucket is part of the host.
func TestRequestLine(t *testing.T) {
	var seen string
	cfg := config("")
	cfg.BaseEndpoint = nil
	cfg.HTTPClient = clientFunc(func(r *http.Request) (*http.Response, error) {
		seen = r.URL.Host + " " + r.URL.RequestURI()
		return &http.Response{StatusCode: 404, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<Error><Code>NoSuchKey</Code></Error>"))}, nil
	})
	s, err := New(newClient(cfg, noBackoff, attemptLimit), bucket, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"a/b":        "/a/b",
		"/AWSLogs/x": "//AWSLogs/x",
		"a//b/../c":  "/a//b/../c",
		"a b+c%é":    "/a%20b%2Bc%25%C3%A9",
	} {
		if _, _, err := s.Open(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if want := "flow-logs.s3.us-west-2.amazonaws.com " + want + "?x-id=GetObject"; seen != want {
			t.Errorf("%q is asked for as %q, want %q", key, seen, want)
		}
	}
}

// TestHeaders looks for the owner in every request, and for the encryption where it counts.
func TestHeaders(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, "lake/", Options{BucketOwner: "012345678901", KMSKey: "alias/lake", PartSize: 5 << 20})
	if err := put(t, s, "small", []byte("data")); err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "large", make([]byte, 5<<20+1)); err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(t.Context(), "aborted")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 5<<20+1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	f.script(func(c call) *fault {
		if c.op == "Get" && c.n == 1 {
			return &fault{broken: true, at: 2}
		}
		return nil
	})
	if got, err := read(t, s, "small"); got != "data" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	r, _, err := s.ReaderAt(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(make([]byte, 2), 1); err != nil {
		t.Error(err)
	}
	list(t, s, "")
	if err := s.Delete(t.Context(), "small"); err != nil {
		t.Error(err)
	}

	seen := map[string]bool{}
	for _, c := range f.requests() {
		seen[c.op] = true
		if got := c.header.Get("X-Amz-Expected-Bucket-Owner"); got != "012345678901" {
			t.Errorf("%s expects the owner %q", c.op, got)
		}
		sse, key := c.header.Get("X-Amz-Server-Side-Encryption"), c.header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
		if encrypts := c.op == "Put" || c.op == "CreateUpload"; encrypts && (sse != "aws:kms" || key != "alias/lake") || !encrypts && sse+key != "" {
			t.Errorf("%s asks for the encryption %q with the key %q", c.op, sse, key)
		}
	}
	if len(seen) != 9 {
		t.Errorf("saw %v, want all nine operations", seen)
	}

	// And nothing of it where it is not asked for.
	f.reset()
	f.script(nil)
	if err := put(t, newStore(t, f, "", Options{}), "small", nil); err != nil {
		t.Error(err)
	}
	for name := range f.requests()[0].header {
		if strings.Contains(name, "Encryption") || strings.Contains(name, "Owner") {
			t.Errorf("the header %s is sent", name)
		}
	}
}

// TestRequestsOfASmallObject is what a conversion costs.
func TestRequestsOfASmallObject(t *testing.T) {
	f := newFake(t)
	f.put(bucket+"/source", bytes.Repeat([]byte("log"), 100_000))
	s := newStore(t, f, "", Options{})
	data, err := read(t, s, "source")
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "lake", []byte(data)); err != nil {
		t.Fatal(err)
	}
	if got := f.counts(); !maps.Equal(got, map[string]int{"Get": 1, "Put": 1}) {
		t.Errorf("requests: %v", got)
	}
}

// newStore gives a store on the fake, which starts to listen if it does not yet. Nothing waits
// between attempts.
func newStore(t *testing.T, f *fake, prefix string, o Options) *Store {
	t.Helper()
	return newStoreWithLimit(t, f, prefix, o, attemptLimit)
}

func newStoreWithLimit(t *testing.T, f *fake, prefix string, o Options, limit time.Duration) *Store {
	t.Helper()
	if f.URL == "" {
		f.Start()
	}
	return newStoreOf(t, newClient(config(f.URL), noBackoff, limit), prefix, o)
}

func newStoreOf(t *testing.T, client *s3.Client, prefix string, o Options) *Store {
	t.Helper()
	s, err := New(client, bucket, prefix, o)
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = func(int) time.Duration { return 0 }
	return s
}

// config gives the configuration that a main loads, for an endpoint.
func config(endpoint string) aws.Config {
	return aws.Config{
		Region:       "us-west-2",
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	}
}

var noBackoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// put writes an object in one write.
func put(t *testing.T, s *Store, key string, data []byte) error {
	t.Helper()
	w, err := s.Create(t.Context(), key)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		if again := w.Commit(t.Context()); again == nil {
			t.Error("Commit succeeds after a failed Write")
		}
		return err
	}
	return w.Commit(t.Context())
}

// read reads an object to its end.
func read(t *testing.T, s *Store, key string) (string, error) {
	t.Helper()
	r, _, err := s.Open(t.Context(), key)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func list(t *testing.T, s *Store, prefix string) (keys []string) {
	t.Helper()
	err := s.List(t.Context(), prefix, func(o store.Object) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return keys
}

// retryable says what an error says of itself.
func retryable(err error) bool {
	var r interface{ Retryable() bool }
	return errors.As(err, &r) && r.Retryable()
}
