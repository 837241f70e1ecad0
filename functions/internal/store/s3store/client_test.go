package s3store

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

func TestNewClient(t *testing.T) {
	o := NewClient(config("http://127.0.0.1:1")).Options()
	if got := o.Retryer.MaxAttempts(); got != attempts {
		t.Errorf("%d attempts, want %d", got, attempts)
	}
	transport := o.HTTPClient.(*awshttp.BuildableClient)
	if got := transport.GetTransport(); got.ResponseHeaderTimeout != headerTimeout || got.MaxIdleConnsPerHost != idleConns {
		t.Errorf("the transport waits %v for headers and keeps %d connections", got.ResponseHeaderTimeout, got.MaxIdleConnsPerHost)
	}
	if got := transport.GetDialer().Timeout; got != dialTimeout {
		t.Errorf("the dialer waits %v", got)
	}

	cfg := config("http://127.0.0.1:1")
	cfg.RetryMaxAttempts = 3
	if got := NewClient(cfg).Options().Retryer.MaxAttempts(); got != 3 {
		t.Errorf("%d attempts where the configuration says 3", got)
	}
	if NewClient(config("http://127.0.0.1:1")).Options().Retryer == o.Retryer {
		t.Error("two clients share a retryer")
	}
}

// TestBackoff is full jitter: every time from nothing to the bound, which grows.
func TestBackoff(t *testing.T) {
	slowDown := &slowDownError{}
	r := NewClient(config("http://127.0.0.1:1")).Options().Retryer
	for name, test := range map[string]struct {
		delay func(n int) time.Duration
		base  time.Duration
	}{
		"resume":    {fullJitter, 100 * time.Millisecond},
		"client":    {func(n int) time.Duration { d, _ := r.RetryDelay(n, io.EOF); return d }, 100 * time.Millisecond},
		"throttled": {func(n int) time.Duration { d, _ := r.RetryDelay(n, slowDown); return d }, time.Second},
	} {
		for n := 1; n <= 70; n++ {
			bound := min(test.base<<min(n-1, 20), 10*time.Second)
			var least, most time.Duration = bound, 0
			for range 200 {
				d := test.delay(n)
				least, most = min(least, d), max(most, d)
			}
			// That none of 200 is in the upper or the lower half happens once in 1e60.
			if least < 0 || least > bound/2 || most < bound/2 || most > bound {
				t.Errorf("%s: after %d failures, the delay is %v to %v, want up to %v", name, n, least, most, bound)
			}
		}
	}
}

type slowDownError struct{}

func (*slowDownError) Error() string     { return "slow down" }
func (*slowDownError) ErrorCode() string { return "SlowDown" }

// TestAttemptsHaveNoQuota has S3 fail often in a row, as in a bad minute, but each call no more often
// than it may.
func TestAttemptsHaveNoQuota(t *testing.T) {
	f := newFake(t)
	f.put(bucket+"/a", []byte("data"))
	s := newStore(t, f, "", Options{})
	f.script(func(c call) *fault {
		if c.n%attempts != 0 {
			return &fault{status: 500, code: "InternalError"}
		}
		return nil
	})
	for range 20 {
		if got, err := read(t, s, "a"); got != "data" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// TestNeverAnswered has S3 fall silent, before and within its answers. The first attempt of each
// call is lost, and then all are.
func TestNeverAnswered(t *testing.T) {
	for name, silence := range map[string]fault{
		"no answer":      {hang: true},
		"answer is lost": {hang: true, after: true},
		"half an answer": {hang: true, broken: true, at: 20},
	} {
		f := newFake(t)
		s := newStoreWithLimit(t, f, "", Options{PartSize: 5 << 20, Stall: 150 * time.Millisecond}, 150*time.Millisecond)
		f.script(func(c call) *fault {
			// Puts, parts and deletes have no body in their answer, and a head none at all.
			if c.n == 1 && !(silence.broken && slices.Contains([]string{"Put", "UploadPart", "Delete", "Head"}, c.op)) {
				return &silence
			}
			return nil
		})
		large := randomBytes(5<<20 + 1)
		if err := errors.Join(put(t, s, "small", large[:1000]), put(t, s, "large", large)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := list(t, s, ""); !slices.Equal(got, []string{"large", "small"}) {
			t.Errorf("%s: List gives %q", name, got)
		}
		if got, err := read(t, s, "large"); got != string(large) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, _, err := s.ReaderAt(t.Context(), "large"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Delete(t.Context(), "large"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if counts := f.counts(); len(counts) != 8 {
			t.Errorf("%s: calls %v, want all but AbortUpload", name, counts)
		}
	}

	f := newFake(t)
	f.script(func(call) *fault { return &fault{hang: true} })
	s := newStoreWithLimit(t, f, "", Options{}, 30*time.Millisecond)
	_, _, err := s.Open(t.Context(), "a")
	if err == nil || !retryable(err) || !strings.Contains(err.Error(), "no answer within 30ms (8 attempts)") {
		t.Errorf("with no answer ever, Open gives %v", err)
	}
	if err := put(t, s, "a", []byte("data")); err == nil || !retryable(err) || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("with no answer ever, Commit gives %v", err)
	}
}

// TestOverTLS writes and reads as with AWS: over TLS the SDK sends a body in another form, with its
// checksum behind it.
func TestOverTLS(t *testing.T) {
	f := newFake(t)
	f.StartTLS()
	cfg := config(f.URL)
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{RootCAs: f.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	})
	s := newStoreOf(t, newClient(cfg, noBackoff, attemptLimit), "", Options{PartSize: 5 << 20})
	f.script(func(c call) *fault {
		switch c.n {
		case 1:
			return &fault{status: 503, code: "SlowDown"}
		case 2:
			return &fault{after: c.op != "CreateUpload" && c.op != "Complete"}
		}
		return nil
	})
	data := randomBytes(12 << 20)
	for key, size := range map[string]int{"empty": 0, "small": 100_000, "large": len(data)} {
		if err := put(t, s, key, data[:size]); err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got, err := read(t, s, key); err != nil || got != string(data[:size]) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
	if f.counted("UploadPart") != 5 {
		t.Errorf("%d uploads of parts, want 3 and two repeated", f.counted("UploadPart"))
	}
}

// answering gives the configuration of a client that gets the same answer to everything.
func answering(status int, body string) aws.Config {
	cfg := config("http://127.0.0.1:1")
	cfg.HTTPClient = clientFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
	return cfg
}
