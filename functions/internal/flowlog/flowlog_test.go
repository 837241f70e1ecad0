package flowlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/schema"
)

const (
	header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"
	record = "2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 1.2.3.4 57825 5.6.7.8 80 172.31.25.4 80 TCP IPV4 0 0 1676984801 1676984809 ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-01234567891abcdef"
	row    = `"2.0"|"012345678910"|"f0154cf1-4ac0-451b-87a2-5b2ce89142e6"|"1.2.3.4"|57825|"5.6.7.8"|80|"172.31.25.4"|80|"TCP"|"IPV4"|0|0|1676984801|1676984809|"ACCEPT"|"OK"|NULL|0|"us-east-1"|"JFK6-2"|"INGRESS"|"vpc-01234567891abcdef"|NULL`
)

var noDay = Options{Day: schema.NoDay}

// day of record
var day = schema.DayOf(1676984801)

// edit gives a record with one field replaced.
func edit(field int, value string) string {
	f := strings.Split(record, " ")
	f[field] = value
	return strings.Join(f, " ")
}

func TestRealRecords(t *testing.T) {
	text, err := os.ReadFile("../../../testdata/real/records.log")
	if err != nil {
		t.Fatal(err)
	}
	got := readText(string(text), noDay)
	if got.err != nil || got.counts.Rows != 2 || got.counts.Headers != 1 || got.counts.Rejected != 0 {
		t.Fatalf("counts %+v, error %v", got.counts, got.err)
	}
	if got.rows[day][0] != row {
		t.Errorf("row\n%s\nwant\n%s", got.rows[day][0], row)
	}
	compare(t, string(text), noDay)
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		name, line string
		column     string
		want       string // the column's value, or the beginning of the reject's reason
	}{
		{"hyphen is NULL", edit(3, "-"), "clientip", "NULL"},
		{"empty is NULL", edit(3, ""), "clientip", "NULL"},
		{"hyphen in a number is NULL", edit(12, "-"), "bytes", "NULL"},
		{"empty number is NULL", edit(4, ""), "clientport", "NULL"},
		{"zero port is 0", edit(4, "0"), "clientport", "0"},
		{"zero bytes is 0", edit(12, "0"), "bytes", "0"},
		{"leading zeros of an account stay", edit(1, "000000000001"), "awsaccountid", `"000000000001"`},
		{"version is text", edit(0, "2.0"), "version", `"2.0"`},
		{"bytes beyond 32 bits", edit(12, "5000000000"), "bytes", "5000000000"},
		{"largest bigint", edit(12, "9223372036854775807"), "bytes", "9223372036854775807"},
		{"beyond bigint", edit(12, "9223372036854775808"), "", "bytes: want an integer from 0 to 9223372036854775807"},
		{"twenty digits", edit(12, "00000000000000000001"), "", "bytes: want an integer"},
		{"largest port", edit(4, "65535"), "clientport", "65535"},
		{"beyond ports", edit(4, "65536"), "", `clientport: want an integer from 0 to 65535, have "65536"`},
		{"negative", edit(11, "-1"), "", "packets: want an integer"},
		{"signed", edit(11, "+1"), "", "packets: want an integer"},
		{"decimal", edit(11, "1.5"), "", "packets: want an integer"},
		{"letters", edit(4, "http"), "", "clientport: want an integer"},
		{"time is not a number", edit(13, "yesterday"), "", "starttime: want seconds since 1970-01-01"},
		{"time in milliseconds", edit(13, "1676984801000"), "", "starttime: want seconds"},
		{"time of zero", edit(13, "0"), "starttime", "0"},
		{"end time is NULL", edit(14, "-"), "endtime", "NULL"},
		{"no start time and no day", edit(13, "-"), "", "starttime: want a start time"},
		{"trailing space is an empty 24th field", record + " ", "rejectreason", "NULL"},
		{"24th field", record + " BPA", "rejectreason", `"BPA"`},
		{"22 fields", record[:strings.LastIndex(record, " ")], "vpcid", "NULL"},
		{"21 fields", strings.Join(strings.Split(record, " ")[:21], " "), "", "want 22 to 24 fields, have 21"},
		{"25 fields", record + " BPA x", "", "want 22 to 24 fields, have 25"},
		{"two spaces are an empty field, not one separator", strings.Replace(record, " 1.2.3.4 57825", "  57825", 1), "clientip", "NULL"},
		{"a tab does not separate", edit(9, "TCP\tx"), "protocol", `"TCP\tx"`},
		{"text that is not UTF-8", edit(20, "JFK\xff"), "", "want UTF-8 text"},
		{"text beyond ASCII", edit(20, "Zürich"), "globalacceleratorregion", `"Zürich"`},
		{"carriage return", record + "\r", "vpcid", `"vpc-01234567891abcdef"`},
		{"IPv6", edit(3, "2001:db8:1234:a100:8d6e:3477:df66:f105"), "clientip", `"2001:db8:1234:a100:8d6e:3477:df66:f105"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Among other lines, so that the line is met in the middle of a stretch.
			text := header + record + "\n" + test.line + "\n" + record + "\n"
			compare(t, text, noDay)
			got := readText(text, noDay)
			if test.column == "" {
				if len(got.rejects) != 1 || !strings.HasPrefix(got.rejects[0], "3: "+test.want) {
					t.Fatalf("rejects %q, want %q", got.rejects, test.want)
				}
				return
			}
			if len(got.rejects) > 0 {
				t.Fatalf("rejects %q", got.rejects)
			}
			var found bool
			for _, rows := range got.rows {
				for _, r := range rows {
					found = found || strings.Split(r, "|")[schema.GlobalAccelerator().Column(test.column)] == test.want
				}
			}
			if !found {
				t.Errorf("no row with %s = %s: %v", test.column, test.want, got.rows)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	shuffled := func(line string) string {
		f := strings.Fields(line)
		slices.Reverse(f)
		return strings.Join(f, " ")
	}
	for _, test := range []struct {
		name, text     string
		rows, rejected int64
		unknown        int64
	}{
		{"none", record + "\n", 1, 0, 0},
		{"documented spellings", strings.NewReplacer(" gip ", " accelerator_ip ", " gip_port ", " accelerator_port ", "log_status", "log-status").Replace(header) + record + "\n", 1, 0, 0},
		{"upper case and hyphens", strings.ToUpper(strings.ReplaceAll(header, "_", "-")) + record + "\n", 1, 0, 0},
		{"other order", shuffled(header) + "\n" + shuffled(record) + "\n", 1, 0, 0},
		{"unknown name in the middle", strings.Replace(header, "gip ", "colour gip ", 1) + strings.Replace(record, "5.6.7.8", "blue 5.6.7.8", 1) + "\n", 1, 0, 1},
		{"unknown name at the end", strings.TrimSpace(header) + " reject_reason colour\n" + record + " BPA blue\n" + record + "\n", 2, 0, 1},
		{"a name is missing", strings.Replace(header, "client_port ", "", 1) + strings.Replace(record, "57825 ", "", 1) + "\n", 1, 0, 0},
		{"mostly unknown names are still a header", "accelerator_id start_time a b c\nx 1676984801 1 2 3\n", 1, 0, 3},
		{"again in the middle", header + record + "\n" + shuffled(header) + "\n" + shuffled(record) + "\n", 2, 0, 0},
		{"below blank lines", "\n\r\n" + header + record + "\n", 1, 0, 0},
		{"without line end", strings.TrimSpace(header), 0, 0, 0},
		{"of another language is a reject", "a b c\n" + record + "\n", 1, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			compare(t, test.text, noDay)
			got := readText(test.text, noDay)
			if got.counts.Rows != test.rows || got.counts.Rejected != test.rejected || got.counts.UnknownFields != test.unknown {
				t.Errorf("counts %+v, rejects %q, error %v", got.counts, got.rejects, got.err)
			}
			if test.name == "other order" && got.rows[day][0] != row {
				t.Errorf("row %s", got.rows[day][0])
			}
		})
	}
	for name, text := range map[string]string{
		"a VPC flow log":       "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n",
		"a column named twice": strings.Replace(header, "endpoint_ip", "client_ip", 1),
	} {
		if got := readText(text, noDay); got.err == nil || !strings.Contains(got.err.Error(), "header") {
			t.Errorf("%s: error %v", name, got.err)
		}
	}
}

func TestTrapMissingTimestampIsNotTheCurrentTime(t *testing.T) {
	got := readText(header+edit(13, "-")+"\n", Options{Day: 1234})
	if got.err != nil || len(got.rows[1234]) != 1 || !strings.Contains(got.rows[1234][0], "|NULL|1676984809|") {
		t.Errorf("rows %v, rejects %q, error %v", got.rows, got.rejects, got.err)
	}
	// Where the key names no day either, the line is a reject: there is no day to guess.
	if got := readText(header+edit(13, "-")+"\n", noDay); got.counts.Rejected != 1 || len(got.rows) > 0 {
		t.Errorf("rows %v, rejects %q, error %v", got.rows, got.rejects, got.err)
	}
}

func TestTrapLinesLongerThanABuffer(t *testing.T) {
	long := edit(20, strings.Repeat("x", 1<<20))
	text := header + record + "\n" + long + "\n" + record + "\n"
	compare(t, text, noDay)
	got := readText(text, noDay)
	if got.err != nil || got.counts.Rows != 2 || got.counts.Rejected != 1 {
		t.Fatalf("counts %+v, error %v", got.counts, got.err)
	}
	if !strings.HasPrefix(got.rejects[0], "3: want a line of at most 65536 bytes") {
		t.Errorf("reject %.80s", got.rejects[0])
	}
	// Around the bound, around blocks, and at the end of the text.
	for _, n := range []int{DefaultMaxLine - 1, DefaultMaxLine, DefaultMaxLine + 1, blockText - 1, blockText, 2 * blockText} {
		line := strings.Repeat("y", n)
		for _, text := range []string{line, line + "\n", header + line + "\n" + record, header + record + "\n" + line, header + line + "\r\n" + record} {
			compare(t, text, noDay)
		}
	}
}

func TestTrapHalfAFileIsAnError(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		text.WriteString(edit(12, fmt.Sprint(r.Uint32())) + "\n")
	}
	whole := compress(text.String())
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/200 {
		got := read(bytes.NewReader(whole[:cut]), noDay)
		var e *Error
		if !errors.As(got.err, &e) || e.Object != "test.log.gz" || e.Retryable() {
			t.Fatalf("cut at %d of %d: error %v", cut, len(whole), got.err)
		}
	}
	for i := 0; i < len(whole); i += 1 + len(whole)/200 {
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x10
		got := read(bytes.NewReader(flipped), noDay)
		if got.err == nil && i >= 10 { // the header has bytes that mean nothing: time, system
			t.Fatalf("bit flipped at %d of %d: no error", i, len(whole))
		}
	}
}

func TestNotGzip(t *testing.T) {
	for name, content := range map[string]string{
		"empty":                     "",
		"plain text":                header + record + "\n",
		"one byte":                  "\x1f",
		"zeros":                     strings.Repeat("\x00", 100),
		"garbage behind the stream": string(compress(header)) + "garbage that is no gzip member",
	} {
		got := read(strings.NewReader(content), noDay)
		var e *Error
		if !errors.As(got.err, &e) || len(got.batches) > 0 {
			t.Errorf("%s: error %v, batches %v", name, got.err, got.batches)
		}
	}
}

func TestSourceErrorsCanBeRetried(t *testing.T) {
	broken := errors.New("connection reset")
	whole := compress(header + record + "\n")
	got := read(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), &failing{broken}), noDay)
	var e *Error
	if !errors.Is(got.err, broken) || errors.As(got.err, &e) {
		t.Errorf("error %v", got.err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestSeveralGzipMembers(t *testing.T) {
	both := append(compress(header+record+"\n"), compress(header+record+"\n")...)
	got := read(bytes.NewReader(both), noDay)
	if got.err != nil || got.counts.Rows != 2 || got.counts.Headers != 2 {
		t.Errorf("counts %+v, rejects %q, error %v", got.counts, got.rejects, got.err)
	}
}

func TestSinkErrorEndsTheReading(t *testing.T) {
	full := errors.New("disk full")
	for _, text := range []string{header + record + "\n", header + "x\n"} {
		c := &collector{table: schema.GlobalAccelerator(), fail: full}
		_, err := Read(bytes.NewReader(compress(text)), c.table, Options{Object: "o", Day: schema.NoDay}, c)
		if !errors.Is(err, full) {
			t.Errorf("error %v", err)
		}
	}
}

func TestBatchesEndAtTheCapWhateverTheStretches(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 5000 {
		at := 1676937600 - 40 + i/60 + r.IntN(3) // crosses midnight
		text.WriteString(edit(13, fmt.Sprint(at)) + "\n")
		if i%997 == 0 {
			text.WriteString("broken\n")
		}
	}
	o := Options{Day: schema.NoDay, BatchRows: 1000}
	compare(t, text.String(), o)
	got := readText(text.String(), o)
	total := 0
	for _, b := range got.batches {
		var n int
		fmt.Sscanf(b[len("2023-02-21:"):], "%d", &n)
		if n > 1000 {
			t.Errorf("batch %s is over the cap", b)
		}
		total += n
	}
	if total != 5000 {
		t.Errorf("%d rows in batches %v", total, got.batches)
	}
	if len(got.rows) != 2 {
		t.Errorf("days: %d, want 2", len(got.rows))
	}
}

func TestTooManyPartitionsIsAnError(t *testing.T) {
	var text strings.Builder
	for i := range 5 {
		text.WriteString(edit(13, fmt.Sprint(1676984801+i*86400)) + "\n")
	}
	got := readText(text.String(), Options{Day: schema.NoDay, MaxPartitions: 4})
	var e *Error
	if !errors.As(got.err, &e) || e.Field != "starttime" || !strings.Contains(e.Error(), "at most 4 days") {
		t.Errorf("error %v", got.err)
	}
}

func TestBatchTextIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	for i := range 2000 {
		text.WriteString(edit(20, fmt.Sprintf("%05d%s", i, strings.Repeat("x", 1000))) + "\n")
	}
	o := Options{Day: schema.NoDay, BatchText: 100_000}
	compare(t, text.String(), o)
	if got := readText(text.String(), o); len(got.batches) < 15 {
		t.Errorf("%d batches of 2 MB of distinct text, at most 100 kB each wanted", len(got.batches))
	}
}

// Where a batch ends depends on the text alone: not on how the stream comes in, nor on who inflates it.
func TestInvariantIdentityOfBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var text strings.Builder
	text.WriteString(header)
	for i := range 8000 {
		line := edit(13, fmt.Sprint(1676937600+i/100+r.IntN(100)-90)) // around midnight
		if r.IntN(10) == 0 {
			line = strings.Replace(line, "JFK6-2", fmt.Sprintf("%d%s", i, strings.Repeat("x", r.IntN(500))), 1)
		}
		switch {
		case r.IntN(500) == 0:
			line = "x"
		case r.IntN(500) == 0: // a fault in a number, which is found after the day
			line = strings.Replace(line, "57825", "x", 1)
		case r.IntN(100) == 0:
			// A header that is met as a record with a time, and under which the next lines have other
			// texts in their columns.
			line = strings.NewReplacer("start_time", "1676937650", "packets", "start_time", "direction", "vpc_id", "vpc_id", "direction").Replace(strings.TrimSpace(header)) +
				"\n" + line + "\n" + strings.TrimSpace(header)
		}
		text.WriteString(line + "\n")
	}
	stream := compress(text.String())
	for _, o := range []Options{{BatchText: 10_000}, {BatchRows: 700}, {BatchText: 30_000, BatchRows: 1500}} {
		o.Day = schema.NoDay
		want := read(bytes.NewReader(stream), o)
		if len(want.batches) < 10 || len(want.rows) < 2 || want.counts.Rejected == 0 {
			t.Fatalf("%d batches, %d days, %+v", len(want.batches), len(want.rows), want.counts)
		}
		standard := o
		standard.StandardGunzip = true
		for name, got := range map[string]result{
			"byte by byte":         read(iotest.OneByteReader(bytes.NewReader(stream)), o),
			"by halves":            read(iotest.HalfReader(bytes.NewReader(stream)), o),
			"the standard library": read(bytes.NewReader(stream), standard),
		} {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: %s gives batches\n%v\nwant\n%v", o, name, got.batches, want.batches)
			}
		}
	}
}

// TestAgainstOracle reads random texts made of lines of every kind.
func TestAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	kinds := []func() string{
		func() string { return record },
		func() string { return edit(12, fmt.Sprint(r.Uint64()>>r.IntN(64))) },
		func() string { return edit(3, fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))) },
		func() string { return edit(13, fmt.Sprint(1676937600+r.IntN(100)-50)) },
		func() string { return edit(r.IntN(23), "-") },
		func() string { return edit(r.IntN(23), "") },
		func() string { return edit(r.IntN(23), strings.Repeat("9", r.IntN(25))) },
		func() string { return edit(r.IntN(23), strings.Repeat("z", r.IntN(60))) },
		func() string { return record + " BPA" },
		func() string { return record + " " },
		func() string { return record + "\r" },
		func() string { return record[:strings.LastIndex(record, " ")] },
		func() string { return record[:r.IntN(len(record))] },
		func() string { return strings.TrimSpace(header) },
		func() string { return "" },
		func() string { return "\r" },
		func() string { return " " },
		func() string { return edit(r.IntN(23), string([]byte{byte(r.IntN(256))})) },
		func() string { return edit(r.IntN(23), strings.Repeat("w", 20_000+r.IntN(60_000))) },
	}
	for range 300 {
		var text strings.Builder
		if r.IntN(4) > 0 {
			text.WriteString(header)
		}
		usual := r.IntN(len(kinds))
		for range r.IntN(400) {
			k := usual
			if r.IntN(20) == 0 {
				k = r.IntN(len(kinds))
			}
			if k == len(kinds)-1 && r.IntN(10) > 0 {
				k = 0
			}
			text.WriteString(kinds[k]())
			text.WriteByte('\n')
		}
		s := text.String()
		if r.IntN(2) == 0 {
			s = strings.TrimSuffix(s, "\n")
		}
		o := Options{Day: schema.NoDay}
		if r.IntN(2) == 0 {
			o.Day = 100
		}
		if r.IntN(3) == 0 {
			o.MaxLine = 200 + r.IntN(200)
		}
		compare(t, s, o)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(header + record + "\n")
	f.Add(header + record + " BPA\n" + record[:len(record)-22] + "\n\n" + edit(13, "-") + "\r\n")
	f.Add(record + "\n" + strings.Replace(record, "TCP", "TCP\x00", 1))
	f.Add(strings.Repeat("- ", 23) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		compare(t, text, Options{Day: schema.NoDay, MaxLine: 1 << 10})
		compare(t, header+text, Options{Day: 7})
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(compress(header + record + "\n"))
	f.Add(append(compress("a"), compress("b")...))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, stream []byte) {
		text, err := plainGunzip(stream)
		got := read(bytes.NewReader(stream), Options{Day: 7})
		if err != nil {
			if got.err == nil {
				t.Fatalf("no error, the standard library says %v", err)
			}
			return
		}
		if want := oracle(text, Options{Day: 7}); got.err == nil && got.counts != want.counts {
			t.Fatalf("counts %+v, want %+v", got.counts, want.counts)
		}
		// The library refuses reserved header flags, as RFC 1952 demands; the standard one does not.
		if got.err != nil && strings.Contains(got.err.Error(), "gzip") && !errors.Is(got.err, gzip.ErrHeader) {
			t.Fatalf("error %v, the standard library reads the stream", got.err)
		}
	})
}

func TestAllocationsPerRecord(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	const records = 50_000
	for i := range records {
		text.WriteString(edit(4, fmt.Sprint(i%65536)) + "\n")
	}
	stream := compress(text.String())
	table := schema.GlobalAccelerator()
	sink := newRecycler(table)
	n := testing.AllocsPerRun(3, func() {
		if _, err := Read(bytes.NewReader(stream), table, noDay, sink); err != nil {
			t.Fatal(err)
		}
	})
	// A reading has its blocks, its parser and its inflater; a record has nothing.
	if perRecord := n / records; perRecord > 0.005 {
		t.Errorf("%.4f allocations per record, want at most 0.005", perRecord)
	}
}
