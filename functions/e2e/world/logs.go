package world

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Header is the first line of a log.
const Header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"

// Midnight is the first second of 2026-01-10.
const Midnight = 1768003200

// KeyOf gives the key of a log below a prefix, of the five minutes before midnight.
func KeyOf(prefix, name string) string {
	return prefix + "AWSLogs/012345678910/globalaccelerator/us-west-2/2026/01/09/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20260109T2355Z_" + name + ".log.gz"
}

// LogOf gives a log of n records around midnight, and of some lines that are none, so that its
// conversion has three outputs. Salt makes it differ from others.
func LogOf(n, salt int) []byte { return Log(n, salt, Midnight-logSpan/2, 1000) }

// QuietLog gives a log of n records of one day, so that its conversion has one output.
func QuietLog(n, salt int) []byte { return Log(n, salt, Midnight-12*3600, 0) }

// logSpan is the time from the first record of a log to its last, in seconds.
const logSpan = 2000

// Log gives a log of n records, with a line that is none once in so many.
func Log(n, salt, start, bad int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, Header)
	for i := range n {
		at := start + i*logSpan/n
		// Numbers that do not compress, so that little text makes much Parquet.
		mixed := uint64(i+salt*1_000_003) * 0x9E3779B97F4A7C15
		noise := mixed >> 20
		fmt.Fprintf(z, "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 10.%d.%d.%d %d 5.6.7.8 80 172.31.25.4 80 TCP IPV4 %d %d %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-0%016x\n",
			salt%256, noise>>8&255, noise&255, noise&0xffff, noise>>4&0xfffff, noise, at, at+8, mixed*mixed)
		if bad > 0 && i%bad == bad/2 {
			io.WriteString(z, "no record\n")
		}
	}
	z.Close()
	return b.Bytes()
}
