package stepfunctions

import (
	"math"
	"testing"
)

// A million small logs cost what deploy/README.md says, but for rounding, the listing and the logs.
func TestEstimate(t *testing.T) {
	e := NewEstimate(1_000_000, 0, 1, DefaultRates)
	const want = `Step Functions: 50,000 batches of 20 × 4 + 1 prefixes × 3 + 10 = 200,013 state transitions × 0.000025 = 5.00 USD
Lambda, requests: 50,000 batches = 50,000 requests × 0.0000002 = 0.01 USD
Lambda, time: (1,000,000 objects × 0.05 s + 0 bytes / 18,000,000 bytes/s) × 1769 / 1,024 GB = 86,377 GB-seconds × 0.0000133334 = 1.15 USD
S3, reading: 1,000,000 objects = 1,000,000 GET × 0.0000004 = 0.40 USD
S3, writing: 1,000,000 outputs + 0 bytes × 0.39 / 8,388,608 bytes of a part = 1,000,000 PUT × 0.000005 = 5.00 USD
S3, listing: 1 prefixes + 1,000,000 objects / 1,000 = 1,001 LIST × 0.000005 = 0.01 USD
CloudWatch, logs: 1,000,000 objects × 2,000 bytes = 2 GB × 0.5 = 1.00 USD
sum: 12.57 USD, at list prices of US East (N. Virginia)
`
	if got := e.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	sum := 0.0
	for _, l := range e.Lines {
		sum += l.Quantity * l.Price
	}
	if math.Abs(sum-e.USD) > 1e-9 {
		t.Errorf("sum %g, lines add up to %g", e.USD, sum)
	}
}

// Large logs cost the time that their bytes take, and requests for their parts.
func TestEstimateOfLargeLogs(t *testing.T) {
	e := NewEstimate(21, 180e9, 2, Rates{Memory: 1024, BytesPerSecond: 18e6, SecondsPerObject: 0, Ratio: 0.5})
	for what, want := range map[string]float64{
		"Step Functions": 2*4 + 2*3 + 10, "Lambda, requests": 2, "Lambda, time": 10_000,
		"S3, writing": 21 + 10_728, "S3, reading": 21, "S3, listing": 2,
	} {
		found := false
		for _, l := range e.Lines {
			if l.What == what {
				found = true
				if l.Quantity != want {
					t.Errorf("%s, want %g", l, want)
				}
			}
		}
		if !found {
			t.Errorf("no line for %s", what)
		}
	}
}
