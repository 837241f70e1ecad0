package verify

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/schema"
)

const (
	header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region direction vpc_id\n"
	// midnight is the first second of 2026-01-10.
	midnight = 1768003200
)

// record gives a line of that start time.
func record(client string, start int) string {
	return fmt.Sprintf("2.0 012345678910 f0154cf1-4ac0-451b-87a2-5b2ce89142e6 %s 57825 5.6.7.8 80 172.31.25.4 80 TCP IPV4 1 40 %d %d ACCEPT OK - 0 us-east-1 JFK6-2 INGRESS vpc-01234567891abcdef\n", client, start, start+8)
}

func compress(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

// tally is a flowlog.Sink that counts the rows of each day and adds up their columns.
type tally struct {
	sums []int
	days map[schema.Day]*dayText
}

func (c *tally) NewBatch(day schema.Day) *batch.Batch {
	b := batch.New(schema.GlobalAccelerator())
	b.Reset(day)
	return b
}

func (c *tally) Batch(b *batch.Batch) error {
	d := c.days[b.Day]
	if d == nil {
		d = &dayText{}
		for range c.sums {
			d.sums = append(d.sums, new(big.Int))
		}
		c.days[b.Day] = d
	}
	d.rows += int64(b.Rows)
	for i, column := range c.sums {
		for row := range b.Rows {
			if v := &b.Columns[column]; !v.IsNull(row) {
				d.sums[i].Add(d.sums[i], big.NewInt(v.Number(row)))
			}
		}
	}
	return nil
}

func (c *tally) Reject(flowlog.Reject) error { return nil }

// sameAsFlowlog fails the test where this package reads a gzip stream otherwise than the conversion does.
func sameAsFlowlog(t *testing.T, stream []byte, day schema.Day, maxLine, maxDays int) {
	t.Helper()
	table := schema.GlobalAccelerator()
	sums := []int{table.Column("bytes"), table.Column("clientport")}
	want := &tally{sums: sums, days: map[schema.Day]*dayText{}}
	counts, wantErr := flowlog.Read(bytes.NewReader(stream), table, flowlog.Options{Object: "o", Day: day, MaxLine: maxLine, MaxPartitions: maxDays}, want)
	got, err := newReader(table, sums, maxLine, maxDays).read(iotest.HalfReader(bytes.NewReader(stream)), day)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("error %v, the conversion gives %v\nstream %q", err, wantErr, stream)
	}
	if err != nil {
		if !errors.As(err, new(contentError)) {
			t.Fatalf("error %v is not marked as the content's", err)
		}
		return
	}
	c := got.Counts
	if c.Lines != c.Rows+c.Rejected+c.Headers+c.Blank {
		t.Fatalf("lines do not add up: %+v", c)
	}
	if c != (Counts{counts.Lines, counts.Rows, counts.Rejected, counts.Headers, counts.Blank, counts.Text}) || got.bytes != int64(len(stream)) {
		t.Fatalf("counts %+v of %d bytes, the conversion gives %+v of %d\nstream %q", c, got.bytes, counts, len(stream), stream)
	}
	describe := func(days map[schema.Day]*dayText) string {
		var b strings.Builder
		for _, d := range slices.Sorted(maps.Keys(days)) {
			fmt.Fprintln(&b, d, days[d].rows, days[d].sums)
		}
		return b.String()
	}
	if g, w := describe(got.days), describe(want.days); g != w {
		t.Fatalf("days\n%sthe conversion gives\n%sstream %q", g, w, stream)
	}
}

func TestTextOfTheTestdataIsReadAsTheConversionDoes(t *testing.T) {
	var logs []string
	err := filepath.WalkDir("../../../testdata/logs", func(path string, d os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".log.gz") {
			logs = append(logs, path)
		}
		return err
	})
	if err != nil || len(logs) < 10 {
		t.Fatalf("%d logs, error %v", len(logs), err)
	}
	for _, path := range logs {
		stream, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sameAsFlowlog(t, stream, schema.NoDay, flowlog.DefaultMaxLine, 64)
		sameAsFlowlog(t, stream, 20000, 300, 2)
	}
}

// The rules of what a line is stand here for the second time: any text must be read alike.
func TestAnyTextIsReadAsTheConversionDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	names := strings.Fields(header)
	line := func() string {
		fields := strings.Split(strings.TrimSuffix(record("1.2.3.4", midnight-5+r.IntN(10)), "\n"), " ")
		if r.IntN(12) == 0 {
			fields = slices.Clone(names)
			if r.IntN(2) == 0 {
				fields[r.IntN(len(fields))] = "other-" + names[r.IntN(len(names))]
			}
			if r.IntN(2) == 0 {
				i, j := r.IntN(len(fields)), r.IntN(len(fields))
				fields[i], fields[j] = fields[j], fields[i]
			}
		}
		for r.IntN(3) == 0 {
			odd := []string{"", "-", "--", "0", "00", "+1", "-1", "1.5", "65535", "65536", "2147483648", "9223372036854775807",
				"9223372036854775808", "00000000000000000001", "253402300799", "253402300800", "\xff", "é", "\r", "a\tb", "x\x00", strings.Repeat("y", 400)}
			fields[r.IntN(len(fields))] = odd[r.IntN(len(odd))]
		}
		switch r.IntN(12) {
		case 0:
			fields = fields[:r.IntN(len(fields))]
		case 1:
			fields = append(fields, "BPA")
		case 2:
			fields = append(fields, "", "more")
		}
		ends := []string{"\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r\n\r\n", "\r", "", " \n"}
		return strings.Join(fields, " ") + ends[r.IntN(len(ends))]
	}
	for range 1500 {
		var text strings.Builder
		if r.IntN(3) > 0 {
			text.WriteString(header)
		}
		for range r.IntN(12) {
			text.WriteString(line())
		}
		stream := compress(text.String())
		if r.IntN(10) == 0 {
			stream = append(stream, compress(line())...)
		}
		if r.IntN(20) == 0 {
			stream = stream[:r.IntN(len(stream))]
		}
		day := schema.Day(20000)
		if r.IntN(2) == 0 {
			day = schema.NoDay
		}
		sameAsFlowlog(t, stream, day, 350, 1+r.IntN(3))
	}
}

func FuzzText(f *testing.F) {
	f.Add(header + record("1.2.3.4", midnight))
	f.Add(header + record("-", midnight) + "\n\r\n" + header + "no record\n" + strings.Repeat("x", 2000))
	f.Add(record("1.2.3.4", midnight-1) + record("", midnight))
	f.Fuzz(func(t *testing.T, text string) {
		sameAsFlowlog(t, compress(text), schema.NoDay, 1<<10, 64)
		sameAsFlowlog(t, compress(header+text), 7, 1<<10, 2)
	})
}

func TestASourceThatFailsIsNotDamaged(t *testing.T) {
	broken := errors.New("broken")
	stream := compress(header + strings.Repeat(record("1.2.3.4", midnight), 10))
	source := io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), iotest.ErrReader(broken))
	_, err := newReader(schema.GlobalAccelerator(), nil, 1000, 64).read(source, schema.NoDay)
	if !errors.Is(err, broken) || errors.As(err, new(contentError)) {
		t.Errorf("error %v", err)
	}
}
