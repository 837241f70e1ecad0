package flowlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// dictWatcher is a Sink that watches how much text open batches hold.
type dictWatcher struct {
	open []*batch.Batch
	most int
}

func (d *dictWatcher) NewBatch(day schema.Day) *batch.Batch {
	b := batch.New(schema.GlobalAccelerator())
	b.Reset(day)
	d.open = append(d.open, b)
	return b
}

func (d *dictWatcher) Batch(*batch.Batch) error { d.watch(); return nil }
func (d *dictWatcher) Reject(Reject) error      { d.watch(); return nil }

func (d *dictWatcher) watch() {
	for _, b := range d.open {
		d.most = max(d.most, b.DictBytes())
	}
}

// Lines that are rejected leave nothing in the dictionaries, and a day of few rows with long texts
// is handed over before it is too large, though another day has more rows.
func TestInvariantBoundsOfBatchText(t *testing.T) {
	var rejected, twoDays strings.Builder
	rejected.WriteString(header + record + "\n")
	twoDays.WriteString(header)
	for i := range 600 {
		text := fmt.Sprintf("%06d%s", i, strings.Repeat("x", 10_000))
		rejected.WriteString(strings.Replace(edit(20, text), "57825", "99999", 1) + "\n")
		twoDays.WriteString(strings.Repeat(record+"\n", 20))
		twoDays.WriteString(strings.Replace(edit(20, text), "1676984801", "1677084801", 1) + "\n")
	}
	const limit = 1 << 20
	for name, text := range map[string]string{"rejected lines": rejected.String(), "two days": twoDays.String()} {
		d := &dictWatcher{}
		if _, err := Read(strings.NewReader(string(compress(text))), schema.GlobalAccelerator(), Options{Object: "o", Day: schema.NoDay, BatchText: limit}, d); err != nil {
			t.Fatal(err)
		}
		if d.most > limit+limit/10 {
			t.Errorf("%s: a batch holds %d bytes of text, want about %d at most", name, d.most, limit)
		}
	}
}

// A line that cannot be read fails alone, whatever it resembles.
func TestMalformedLinesFailAlone(t *testing.T) {
	var days strings.Builder
	for i := range 5 {
		days.WriteString(strings.Replace(edit(13, fmt.Sprint(1676984801+i*86400)), "57825", "99999", 1) + "\n")
	}
	for name, text := range map[string]string{
		"words of a header": header + record + "\nunknown protocol version seen\n" + record + "\n",
		"another header":    header + record + "\nclient_ip bytes\n" + record + "\n",
		"days of bad lines": header + days.String() + record + "\n" + record + "\n",
	} {
		compare(t, text, Options{Day: schema.NoDay, MaxPartitions: 1})
		if got := readText(text, Options{Day: schema.NoDay, MaxPartitions: 1}); got.err != nil || got.counts.Rows != 2 || got.counts.Rejected == 0 {
			t.Errorf("%s: counts %+v, error %v", name, got.counts, got.err)
		}
	}
	text := "accelerator_id vpc_id\na b\n\n\r\nc d\n"
	compare(t, text, Options{Day: 7})
	if got := readText(text, Options{Day: 7}); got.counts.Blank != 2 || got.counts.Rows != 2 {
		t.Errorf("counts %+v", got.counts)
	}
}
