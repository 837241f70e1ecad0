package world

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/klauspost/compress/gzip"
)

// header is the first line of a log.
const header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"

// midnight is the first second of 2026-01-10.
const midnight = 1768003200

// KeyOf gives the key of a log below a prefix, of the five minutes before midnight.
func KeyOf(prefix, name string) string {
	return prefix + "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20260109T2355Z_" + name + ".log.gz"
}

// LogOf gives a log of n records around midnight, and of some lines that are none, so that its
// conversion has three outputs. Salt makes it differ from others.
func LogOf(n, salt int) []byte {
	return compressed(func(w io.Writer) { writeRecords(w, n, salt, midnight-logSpan/2, 1000, plainVPC) })
}

// QuietLog gives a log of n records of one day, so that its conversion has one output.
func QuietLog(n, salt int) []byte {
	return compressed(func(w io.Writer) { writeRecords(w, n, salt, midnight-12*3600, 0, plainVPC) })
}

// logSpan is the time from the first record of a log to its last, in seconds.
const logSpan = 2000

// The logs whose outputs are uploaded in two parts have few lines of long texts that do not compress: it is
// lines that conversions take their time for.
const (
	largeLines = 9_000
	largeText  = 1000 // bytes of text in a line, of 6 bits each
)

// LargeRows gives a log of one day whose rows are uploaded in two parts, and whose few rejects are not.
func LargeRows() []byte {
	return compressed(func(w io.Writer) { writeRecords(w, largeLines, 2, midnight-12*3600, 1000, randomText()) })
}

// LargeRejects gives a log of lines that are no records, which are uploaded in two parts.
func LargeRejects() []byte {
	return compressed(func(w io.Writer) {
		text := randomText()
		for range largeLines {
			fmt.Fprintln(w, text())
		}
	})
}

// plainVPC is a VPC as most records have it.
func plainVPC() string { return "vpc-01234567891abcdef" }

// randomText gives texts that do not compress, the same ones each time.
func randomText() func() string {
	random := rand.NewChaCha8([32]byte{})
	text := make([]byte, base64.RawURLEncoding.DecodedLen(largeText))
	return func() string {
		random.Read(text)
		return base64.RawURLEncoding.EncodeToString(text)
	}
}

// compressed gives a log with a header.
func compressed(write func(io.Writer)) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, header)
	write(z)
	z.Close()
	return b.Bytes()
}

// writeRecords writes n records, with a line that is none once in so many.
func writeRecords(w io.Writer, n, salt, start, bad int, vpc func() string) {
	for i := range n {
		at := start + i*logSpan/n
		// A number that does not compress, so that much text makes much Parquet.
		noise := uint64(i+salt*1_000_003) * 0x9E3779B97F4A7C15 >> 20
		fmt.Fprintf(w, "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 10.%d.%d.%d %d 5.6.7.8 80 172.31.25.4 80 TCP IPV4 %d %d %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS %s\n",
			salt%256, noise>>8&255, noise&255, noise&0xffff, noise>>4&0xfffff, noise, at, at+8, vpc())
		if bad > 0 && i%bad == bad/2 {
			fmt.Fprintln(w, "no record")
		}
	}
}
