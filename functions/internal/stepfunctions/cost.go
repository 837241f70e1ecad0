package stepfunctions

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// List prices in USD for US East (N. Virginia), without free tiers, from AWS's pricing pages of AWS Step
// Functions (Standard Workflows), AWS Lambda (arm64), Amazon S3 (S3 Standard) and Amazon CloudWatch
// (Logs). They are from documentation and not from a bill; deploy/README.md reckons with the same.
const (
	transitionPrice = 0.025 / 1e3  // a state transition
	requestPrice    = 0.20 / 1e6   // a request of Lambda
	gbSecondPrice   = 0.0000133334 // a GB-second of Lambda
	putPrice        = 0.005 / 1e3  // a PUT or LIST of S3
	getPrice        = 0.0004 / 1e3 // a GET of S3
	logPrice        = 0.50         // a GB of logs taken in
)

// What a replay by the state machine takes.
const (
	batchObjects     = 20      // objects of a batch
	batchTransitions = 4       // the start, Convert, All converted? and Converted
	prefixSteps      = 3       // Prefix left?, Replay prefix and Count
	otherSteps       = 10      // the start, the checks of the input, and the end
	listed           = 1e3     // objects of an answer of LIST
	logBytes         = 2e3     // bytes of log lines that the function writes for an object
	partBytes        = 8 << 20 // bytes of a part of a large output
)

// Rates is what an estimate of the function's time rests on.
type Rates struct {
	// Memory is that of the function in MB; 1769 comes with one processor.
	Memory int `json:"memory_mb"`
	// BytesPerSecond is how much gzip one invocation converts in a second, and SecondsPerObject the
	// time that each object takes besides.
	BytesPerSecond   float64 `json:"gzip_bytes_per_second"`
	SecondsPerObject float64 `json:"seconds_per_object"`
	// Ratio is the size of the outputs to that of the objects.
	Ratio float64 `json:"output_ratio"`
}

// DefaultRates are the template's memory; half of the speed that this project measured on one processor
// (README.md, "How fast it is": 75.6 MB in 2.1 s), to be careful; and an assumption of 50 ms for each
// object, for the requests that it takes.
var DefaultRates = Rates{Memory: 1769, BytesPerSecond: 18e6, SecondsPerObject: 0.05, Ratio: 0.39}

// Line is one line of an estimate: Quantity times Price is USD.
type Line struct {
	// What is paid for.
	What string `json:"what"`
	// Quantity is how many Units there are, and From says how that comes about.
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	From     string  `json:"from"`
	// Price is that of a unit.
	Price float64 `json:"usd_per_unit"`
	USD   float64 `json:"usd"`
}

// String gives the line with its arithmetic.
func (l Line) String() string {
	return fmt.Sprintf("%s: %s = %s %s × %s = %.2f USD", l.What, l.From, number(l.Quantity), l.Unit, price(l.Price), l.USD)
}

// Estimate is what a replay by the state machine may cost.
type Estimate struct {
	Lines []Line `json:"lines"`
	// USD is the sum.
	USD float64 `json:"usd"`
	// Rates is what it rests on.
	Rates Rates `json:"rates"`
}

// NewEstimate estimates what it costs to replay so many objects with so many bytes of gzip, below so many
// prefixes, if no batch is repeated. The catalog's calls are free for most, and are not in it.
func NewEstimate(objects, bytes int64, prefixes int, r Rates) *Estimate {
	e := &Estimate{Rates: r}
	add := func(what, unit string, price, quantity float64, from string, args ...any) {
		e.Lines = append(e.Lines, Line{what, quantity, unit, fmt.Sprintf(from, args...), price, quantity * price})
		e.USD += quantity * price
	}
	batches := (objects + batchObjects - 1) / batchObjects
	add("Step Functions", "state transitions", transitionPrice, float64(batches*batchTransitions+int64(prefixes)*prefixSteps+otherSteps),
		"%s batches of %d × %d + %s prefixes × %d + %d", comma(batches), batchObjects, batchTransitions, comma(int64(prefixes)), prefixSteps, otherSteps)
	add("Lambda, requests", "requests", requestPrice, float64(batches), "%s batches", comma(batches))
	add("Lambda, time", "GB-seconds", gbSecondPrice, (float64(objects)*r.SecondsPerObject+float64(bytes)/r.BytesPerSecond)*float64(r.Memory)/1024,
		"(%s objects × %g s + %s bytes / %s bytes/s) × %d / 1,024 GB", comma(objects), r.SecondsPerObject, comma(bytes), number(r.BytesPerSecond), r.Memory)
	add("S3, reading", "GET", getPrice, float64(objects), "%s objects", comma(objects))
	parts := int64(float64(bytes) * r.Ratio / partBytes)
	add("S3, writing", "PUT", putPrice, float64(objects+parts), "%s outputs + %s bytes × %g / %s bytes of a part", comma(objects), comma(bytes), r.Ratio, comma(partBytes))
	lists := int64(prefixes) + objects/listed
	add("S3, listing", "LIST", putPrice, float64(lists), "%s prefixes + %s objects / %s", comma(int64(prefixes)), comma(objects), number(listed))
	add("CloudWatch, logs", "GB", logPrice, float64(objects)*logBytes/1e9, "%s objects × %s bytes", comma(objects), number(logBytes))
	return e
}

// String gives a line for each of the estimate's, and one for the sum.
func (e *Estimate) String() string {
	var b strings.Builder
	for _, l := range e.Lines {
		fmt.Fprintf(&b, "%s\n", l)
	}
	fmt.Fprintf(&b, "sum: %.2f USD, at list prices of US East (N. Virginia)\n", e.USD)
	return b.String()
}

func comma(n int64) string { return humanize.Comma(n) }

// number gives a number with two digits behind the point if it is small, else with none.
func number(n float64) string {
	if n < 100 && n != float64(int64(n)) {
		return humanize.FtoaWithDigits(n, 2)
	}
	return humanize.Comma(int64(n + 0.5))
}

// price gives a price with all of its digits, and no exponent.
func price(p float64) string { return strings.TrimRight(fmt.Sprintf("%.10f", p), "0") }
