package s3store

import (
	"errors"
	"testing"
)

// TestThrottled has S3 fail in each of the ways that mean it was asked too often, and in others.
func TestThrottled(t *testing.T) {
	f := newFake(t)
	s := newStore(t, f, "", Options{})
	for _, test := range []struct {
		fault
		want bool
	}{
		{fault{status: 503, code: "SlowDown"}, true},
		{fault{status: 503, code: "ServiceUnavailable"}, true},
		{fault{status: 429, code: "TooManyRequests"}, true},
		{fault{status: 400, code: "KMS.ThrottlingException"}, true},
		{fault{status: 400, code: "RequestLimitExceeded"}, true},
		{fault{status: 500, code: "InternalError"}, false},
		{fault{status: 403, code: "AccessDenied"}, false},
		{fault{status: 404, code: "NoSuchKey"}, false},
		{fault{}, false}, // no answer
	} {
		f.script(func(call) *fault { return &test.fault })
		_, _, err := s.Open(t.Context(), "a")
		var throttled interface{ Throttled() bool }
		if got := errors.As(err, &throttled) && throttled.Throttled(); err == nil || got != test.want {
			t.Errorf("%d %s: throttled %t, want %t; %v", test.status, test.code, got, test.want, err)
		}
	}
}
