package columnar

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/schema"
)

// TestLookUpsLoseNoRow looks addresses up the way an engine does, by bounds of row groups, bloom
// filters, and bounds of pages, and finds every row that has them; and what a filter says of addresses
// that are not there is mostly right.
func TestLookUpsLoseNoRow(t *testing.T) {
	table := schema.GlobalAccelerator()
	ip := table.Column("clientip")
	r := rand.New(rand.NewPCG(1, 2))
	address := func() string {
		if r.IntN(10) == 0 {
			return fmt.Sprintf("2001:db8:%x::%x", r.IntN(1<<16), r.IntN(1<<16))
		}
		return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(3), r.IntN(256), r.IntN(256), r.IntN(256))
	}
	const rowsEach = 3 * pageRows
	rows := map[string]int{}
	var batches []*batch.Batch
	for range 3 {
		b := batch.New(table)
		b.Reset(0)
		b.Extend(rowsEach)
		for c := range b.Columns {
			b.Columns[c].Values.Clear(0) // NULL
		}
		var last string
		for row := range b.Rows {
			if row%3 == 0 {
				last = address()
			}
			if row%1000 == 999 {
				b.Columns[ip].SetNull(row)
				continue
			}
			b.Columns[ip].SetText(row, []byte(last))
			rows[last]++
		}
		batches = append(batches, b)
	}
	data := write(t, table, Options{RowGroupRows: 3 * pageRows / 2}, nil, batches...)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.RowGroups()); n != 6 {
		t.Fatalf("%d row groups", n)
	}
	chunks := make([]*lookUp, len(f.RowGroups()))
	for g, group := range f.RowGroups() {
		chunks[g] = newLookUp(t, group.ColumnChunks()[ip])
		statistics := f.Metadata().RowGroups[g].Columns[ip].MetaData.Statistics
		chunks[g].least, chunks[g].greatest = string(statistics.MinValue), string(statistics.MaxValue)
		if len(chunks[g].pages) < 2 {
			t.Fatalf("%d pages in row group %d", len(chunks[g].pages), g)
		}
	}
	sampled := 0
	for text, want := range rows {
		if sampled++; sampled > 5000 {
			break
		}
		got := 0
		for _, c := range chunks {
			got += c.count(t, text)
		}
		if got != want {
			t.Fatalf("%s: %d rows found, want %d", text, got, want)
		}
	}
	asked, passed := 0, 0
	for range 5000 {
		text := address()
		if rows[text] > 0 {
			continue
		}
		for _, c := range chunks {
			asked++
			if c.mayHold(t, text) {
				passed++
			}
		}
	}
	if passed*50 > asked {
		t.Errorf("%d of %d questions after absent addresses pass the filters, want one in a hundred or so", passed, asked)
	}
}

// lookUp is a chunk of texts with what tells where they are.
type lookUp struct {
	least, greatest string // by the statistics
	filter          parquet.BloomFilter
	index           parquet.ColumnIndex
	pages           [][]string
}

func newLookUp(t *testing.T, chunk parquet.ColumnChunk) *lookUp {
	t.Helper()
	l := &lookUp{filter: chunk.BloomFilter()}
	if l.filter == nil {
		t.Fatal("no bloom filter")
	}
	var err error
	if l.index, err = chunk.ColumnIndex(); err != nil {
		t.Fatal(err)
	}
	pages := chunk.Pages()
	defer pages.Close()
	for range l.index.NumPages() {
		page, err := pages.ReadPage()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]parquet.Value, page.NumValues())
		if n, err := page.Values().ReadValues(values); n < len(values) {
			t.Fatal(n, err)
		}
		var texts []string
		for _, v := range values {
			if !v.IsNull() {
				texts = append(texts, string(v.ByteArray()))
			}
		}
		l.pages = append(l.pages, texts)
	}
	return l
}

func (l *lookUp) mayHold(t *testing.T, text string) bool {
	t.Helper()
	found, err := l.filter.Check(parquet.ByteArrayValue([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// count gives the number of rows with a text in the pages that statistics, filter and bounds leave.
func (l *lookUp) count(t *testing.T, text string) (n int) {
	t.Helper()
	if text < l.least || text > l.greatest || !l.mayHold(t, text) {
		return 0
	}
	for p, texts := range l.pages {
		if l.index.NullPage(p) || text < string(l.index.MinValue(p).ByteArray()) || text > string(l.index.MaxValue(p).ByteArray()) {
			continue
		}
		for _, v := range texts {
			if v == text {
				n++
			}
		}
	}
	return n
}
