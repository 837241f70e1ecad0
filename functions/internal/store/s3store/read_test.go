package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestReadResumesAtEveryByte cuts the connection after each number of bytes of a small object.
func TestReadResumesAtEveryByte(t *testing.T) {
	f := newFake(t)
	want := randomBytes(300)
	f.put(bucket+"/a", want)
	s := newStore(t, f, "", Options{})
	for cut := range int64(len(want)) {
		broken := false
		f.script(func(c call) *fault {
			if broken {
				return nil
			}
			broken = true
			return &fault{broken: true, at: cut}
		})
		f.reset()
		if got, err := read(t, s, "a"); err != nil || got != string(want) {
			t.Fatalf("cut at %d: %d bytes, %v", cut, len(got), err)
		}
		// What has arrived is not asked for again, though some of it may be lost with the connection.
		var from int64
		if n, _ := fmt.Sscanf(f.requests()[1].header.Get("Range"), "bytes=%d-299", &from); n != 1 || from > cut {
			t.Errorf("cut at %d: goes on with the range %q", cut, f.requests()[1].header.Get("Range"))
		}
		if got := f.requests()[1].header.Get("If-Match"); got != f.object(bucket+"/a").etag {
			t.Errorf("cut at %d: goes on with any object that matches %q", cut, got)
		}
	}
}

// TestReadResumesAnywhere cuts every connection somewhere, as long as the object lasts.
func TestReadResumesAnywhere(t *testing.T) {
	f := newFake(t)
	want := randomBytes(1 << 20)
	f.put(bucket+"/a", want)
	s := newStore(t, f, "", Options{})
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		f.reset()
		f.script(func(c call) *fault {
			// Now and then not a single byte comes, or S3 has no time.
			switch at := random.Int64N(1 << 18); c.n % 5 {
			case 2:
				return &fault{broken: true}
			case 4:
				return &fault{status: 503, code: "SlowDown"}
			default:
				return &fault{broken: true, at: at}
			}
		})
		r, _, err := s.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, r, make([]byte, 1+random.IntN(1<<16))); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("seed %d: %d bytes, %v", seed, got.Len(), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if f.counted("Get") < 2 {
			t.Errorf("seed %d: %d requests, none was cut", seed, f.counted("Get"))
		}
	}
}

func TestReadResumesAfterSilence(t *testing.T) {
	f := newFake(t)
	want := randomBytes(10_000)
	f.put(bucket+"/a", want)
	s := newStore(t, f, "", Options{Stall: 50 * time.Millisecond})
	f.script(func(c call) *fault {
		if c.n <= 3 {
			return &fault{broken: true, hang: true, at: 1000}
		}
		return nil
	})
	if got, err := read(t, s, "a"); err != nil || got != string(want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if f.counted("Get") != 4 {
		t.Errorf("%d requests, want 4", f.counted("Get"))
	}
}

func TestReadGivesUp(t *testing.T) {
	f := newFake(t)
	f.put(bucket+"/a", randomBytes(10_000))
	s := newStore(t, f, "", Options{Stall: 20 * time.Millisecond})
	for name, hang := range map[string]bool{"broke off at byte 5000 of 10000, 9 times in a row: unexpected EOF": false, "not a byte for 20ms": true} {
		f.reset()
		f.script(func(c call) *fault {
			if c.n == 1 {
				return &fault{broken: true, hang: hang, at: 5000}
			}
			return &fault{broken: true, hang: hang}
		})
		got, err := read(t, s, "a")
		if len(got) != 5000 || !retryable(err) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "s3://flow-logs/a") {
			t.Errorf("%d bytes, %v, want 5000 and %q", len(got), err, name)
		}
		if f.counted("Get") != 1+maxFailures {
			t.Errorf("%d requests, want %d", f.counted("Get"), 1+maxFailures)
		}
	}
}

// TestReadOfOneVersion has the object change between two requests.
func TestReadOfOneVersion(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, "", Options{})
	for _, test := range []struct {
		name      string
		change    func()
		retryable bool
		is        error
		say       string
	}{
		{"replaced", func() { f.put(bucket+"/a", randomBytes(20_000)) }, true, nil, "the object was replaced while it was read"},
		{"deleted", func() { f.remove(bucket + "/a") }, false, fs.ErrNotExist, "NoSuchKey"},
	} {
		f.put(bucket+"/a", randomBytes(10_000))
		f.reset()
		f.script(func(c call) *fault {
			if c.n > 1 {
				test.change()
				return nil
			}
			return &fault{broken: true, at: 100}
		})
		r, _, err := s.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if len(got) > 100 || err == nil || retryable(err) != test.retryable || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.say) {
			t.Errorf("%s: %d bytes, %v", test.name, len(got), err)
		}
		if _, again := r.Read(make([]byte, 1)); again != err {
			t.Errorf("%s: after %v, Read gives %v", test.name, err, again)
		}
		r.Close()
	}
}

// TestReadChecksTheRange has a server that ignores what it was asked for.
func TestReadChecksTheRange(t *testing.T) {
	f := newFake(t)
	want := randomBytes(10_000)
	f.put(bucket+"/a", want)
	s := newStore(t, f, "", Options{})
	f.script(func(c call) *fault {
		if c.n > 1 {
			c.header.Del("Range") // the fake's own header
			return nil
		}
		return &fault{broken: true, at: 100}
	})
	got, err := read(t, s, "a")
	if len(got) > 100 || err == nil || !retryable(err) || !strings.Contains(err.Error(), "bytes 100-9999/10000") {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	f.put(bucket+"/a", randomBytes(10_000))
	s := newStore(t, f, "", Options{})
	f.script(func(c call) *fault { return &fault{broken: true, hang: true, at: 100} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _, err := s.Open(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	// While it waits for a byte.
	done := make(chan error)
	go func() {
		_, err := r.Read(make([]byte, 1))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Read gives %v", err)
	}

	// While it waits before it goes on.
	f.script(func(c call) *fault { return &fault{broken: true, at: 100} })
	ctx, cancel = context.WithCancel(t.Context())
	s.backoff = func(int) time.Duration {
		cancel()
		return time.Hour
	}
	r, _, err = s.Open(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); len(got) != 100 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestReadAfterClose(t *testing.T) {
	f := newFake(t)
	f.put(bucket+"/a", []byte("data"))
	s := newStore(t, f, "", Options{})
	r, _, err := s.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read gives %d, %v", n, err)
	}
}

func TestReaderAt(t *testing.T) {
	f := newFake(t)
	want := randomBytes(100_000)
	f.put(bucket+"/lake/a", want)
	s := newStore(t, f, "lake/", Options{})
	r, o, err := s.ReaderAt(t.Context(), "a")
	if err != nil || o.Key != "a" || o.Size != 100_000 || o.ETag == "" || strings.Contains(o.ETag, `"`) || o.Modified.IsZero() {
		t.Fatalf("%+v, %v", o, err)
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 1))
	f.script(func(c call) *fault {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(2) == 0 {
			return &fault{broken: true, at: random.Int64N(10_000)}
		}
		return nil
	})
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(i)))
			for range 25 {
				off, p := random.IntN(len(want)+10), make([]byte, random.IntN(20_000))
				n, err := r.ReadAt(p, int64(off))
				rest := want[min(off, len(want)):]
				if n != min(len(p), len(rest)) || !bytes.Equal(p[:n], rest[:n]) || (err == io.EOF) != (n < len(p)) && len(rest) > 0 || err != nil && err != io.EOF {
					t.Errorf("ReadAt(%d, %d) gives %d, %v", len(p), off, n, err)
				}
			}
		})
	}
	readers.Wait()
	f.script(nil)
	if n, err := r.ReadAt(nil, 0); n != 0 || err != nil {
		t.Errorf("reading nothing gives %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a negative offset gives %v", err)
	}
	if n, err := r.ReadAt(make([]byte, 1), 100_000); n != 0 || err != io.EOF {
		t.Errorf("reading at the end gives %d, %v", n, err)
	}

	f.put(bucket+"/lake/a", want[1:])
	if _, err := r.ReadAt(make([]byte, 10), 0); err == nil || !retryable(err) || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("of another version, ReadAt gives %v", err)
	}
	if _, _, err := s.ReaderAt(t.Context(), "missing"); !errors.Is(err, fs.ErrNotExist) || retryable(err) {
		t.Errorf("of a missing object, ReaderAt gives %v", err)
	}
}

// TestErrors is what callers and people learn from S3's errors.
func TestErrors(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, "lake/", Options{})
	for _, test := range []struct {
		fault
		retryable bool
		is        error
		attempts  int
		say       string
	}{
		{fault{status: 404, code: "NoSuchKey"}, false, fs.ErrNotExist, 1, `open "a": s3://flow-logs/lake/a: NoSuchKey: S3 says NoSuchKey (HTTP 404, request REQUEST1)`},
		{fault{status: 404, code: "NoSuchBucket"}, false, fs.ErrNotExist, 1, "NoSuchBucket"},
		{fault{status: 403, code: "AccessDenied"}, false, fs.ErrPermission, 1, "AccessDenied"},
		{fault{status: 403, code: "SignatureDoesNotMatch"}, false, fs.ErrPermission, 1, "SignatureDoesNotMatch"},
		{fault{status: 403, code: "InvalidObjectState"}, false, nil, 1, "InvalidObjectState"},
		{fault{status: 403, code: "RequestTimeTooSkewed"}, true, nil, 8, "RequestTimeTooSkewed"},
		{fault{status: 400, code: "InvalidRequest"}, false, nil, 1, "InvalidRequest"},
		{fault{status: 400, code: "KMS.DisabledException"}, false, nil, 1, "KMS.DisabledException"},
		{fault{status: 400, code: "KMS.ThrottlingException"}, true, nil, 8, "KMS.ThrottlingException"},
		{fault{status: 400, code: "RequestTimeout"}, true, nil, 8, "RequestTimeout"},
		{fault{status: 400, code: "ExpiredToken"}, true, nil, 8, "ExpiredToken"},
		{fault{status: 409, code: "OperationAborted"}, true, nil, 8, "OperationAborted"},
		{fault{status: 429, code: "TooManyRequests"}, true, nil, 8, "TooManyRequests"},
		{fault{status: 301, code: "PermanentRedirect", header: map[string][]string{"X-Amz-Bucket-Region": {"eu-west-1"}}}, false, nil, 1, "PermanentRedirect: the bucket is in another region: eu-west-1"},
		{fault{status: 500, code: "InternalError"}, true, nil, 8, "(HTTP 500, request REQUEST1, 8 attempts)"},
		{fault{status: 503, code: "SlowDown"}, true, nil, 8, "SlowDown"},
		{fault{status: 503, code: "ServiceUnavailable"}, true, nil, 8, "ServiceUnavailable"},
		{fault{}, true, nil, 8, `open "a": s3://flow-logs/lake/a: EOF (8 attempts)`},
	} {
		f.reset()
		f.script(func(call) *fault { return &test.fault })
		_, _, err := s.Open(t.Context(), "a")
		if err == nil || retryable(err) != test.retryable || !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d %s: retryable %t, %v", test.status, test.code, retryable(err), err)
		}
		for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission} {
			if errors.Is(err, kind) != (kind == test.is) {
				t.Errorf("%d %s: is %v: %t", test.status, test.code, kind, errors.Is(err, kind))
			}
		}
		// Where nothing at all came back, net/http itself may have tried once more.
		if n := f.counted("Get"); n != test.attempts && !(n == test.attempts+1 && test.status == 0) {
			t.Errorf("%d %s: %d attempts, want %d", test.status, test.code, f.counted("Get"), test.attempts)
		}
	}

	f.Close()
	if _, _, err := s.Open(t.Context(), "a"); !retryable(err) || !strings.Contains(err.Error(), "connection refused (8 attempts)") {
		t.Errorf("without a server: %v", err)
	}
}

// TestListFails has pages of a list fail, and answers that only look like lists.
func TestListFails(t *testing.T) {
	f := newFake(t)
	f.pageSize = 2
	s := newStore(t, f, "", Options{})
	var want []string
	for i := range 7 {
		key := fmt.Sprint("a/", i)
		f.put(bucket+"/"+key, nil)
		want = append(want, key)
	}
	for page := 1; page <= 4; page++ {
		for name, ft := range map[string]fault{"500": {status: 500, code: "InternalError"}, "cut": {}, "half": {broken: true, at: 200}} {
			f.reset()
			f.script(func(c call) *fault {
				if c.n == page {
					return &ft
				}
				return nil
			})
			if got := list(t, s, ""); !slices.Equal(got, want) || f.counted("List") != 5 {
				t.Errorf("page %d, %s: List gives %q after %d requests", page, name, got, f.counted("List"))
			}
		}
	}
	for name, answer := range map[string]string{
		"empty":      "",
		"not whole":  "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"other keys": "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>b</Key></Contents></ListBucketResult>",
		"bad coding": "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>lake/%x</Key></Contents></ListBucketResult>",
	} {
		s := newStoreOf(t, newClient(answering(200, answer), noBackoff, attemptLimit), "lake/", Options{})
		err := s.List(t.Context(), "a", nil)
		if err == nil || !retryable(err) || !strings.Contains(err.Error(), `list "a": s3://flow-logs/lake/a: `) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// randomBytes gives bytes that are the same each time.
func randomBytes(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}
