package etl_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/batch"
	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

// parsed is a flowlog.Sink that keeps the rows of each day as columnartest gives them, and the
// rejects. (That flowlog parses rightly is flowlog's own fuzz target.)
type parsed struct {
	table *schema.Table
	rows  map[schema.Day][]string
	bad   []string
}

func (p *parsed) NewBatch(day schema.Day) *batch.Batch {
	b := batch.New(p.table)
	b.Reset(day)
	return b
}

func (p *parsed) Batch(b *batch.Batch) error {
	rows := make([][]string, b.Rows)
	for c := range b.Columns {
		column := &b.Columns[c]
		for row := range rows {
			v := ""
			switch b.Table.Columns[c].Type {
			case schema.String:
				if column.Dict.Len() > 0 {
					v = strconv.Quote(string(column.Dict.Text(column.IDs[row])))
				}
			case schema.Int32:
				v = strconv.Itoa(int(column.Int32s[row]))
			case schema.Int64:
				v = strconv.FormatInt(column.Int64s[row], 10)
			case schema.Timestamp:
				v = time.UnixMilli(column.Int64s[row]).UTC().Format("2006-01-02T15:04:05.000Z")
			}
			rows[row] = append(rows[row], v)
		}
		for _, row := range column.Nulls {
			rows[row][c] = columnartest.Null
		}
	}
	for _, row := range rows {
		p.rows[b.Day] = append(p.rows[b.Day], strings.Join(row, " "))
	}
	return nil
}

func (p *parsed) Reject(r flowlog.Reject) error {
	raw := strings.ToValidUTF8(string(r.Raw), "\uFFFD")
	p.bad = append(p.bad, fmt.Sprintf("%d %q %q", r.Line, r.Reason, raw))
	return nil
}

// FuzzRoundTrip converts gzip text and reads the Parquet back: every record and every reject is
// there, in order, and nothing else.
func FuzzRoundTrip(f *testing.F) {
	f.Add(header+record("10.0.0.1", midnight)+record("2001:db8::1", midnight-1), uint8(3))
	f.Add(text(300), uint8(100))
	f.Add(header+strings.ReplaceAll(record("-", midnight), "57825", "-")+"x\n\xff\n", uint8(1))
	f.Add(header+strings.ReplaceAll(record("", midnight), "INGRESS", "")+record("a", 0)+record("b", 1), uint8(2))
	f.Fuzz(func(t *testing.T, text string, rows uint8) {
		content := compress(text)
		config := etl.Config{RowGroupRows: 1 + int(rows)}
		source, lake := new(storetest.Memory), new(storetest.Memory)
		source.Put(key, content)
		res, err := newConverter(t, config, lake, new(memoryCatalog)).Convert(t.Context(), source, key)

		table := schema.GlobalAccelerator()
		about, _ := table.Match(key)
		want := &parsed{table: table, rows: map[schema.Day][]string{}}
		_, parseErr := flowlog.Read(bytes.NewReader(content), table, flowlog.Options{Object: key, Day: about.Day, BatchRows: config.RowGroupRows}, want)
		if (err != nil) != (parseErr != nil) {
			t.Fatalf("error %v, parsing alone gives %v", err, parseErr)
		}
		if err != nil {
			if len(lake.Keys()) > 0 {
				t.Fatalf("error %v, and the lake holds %q", err, lake.Keys())
			}
			return
		}
		for _, o := range res.Outputs {
			data, _ := lake.Get(o.Key)
			_, got, err := columnartest.Rows(data)
			if err != nil {
				t.Fatal(err)
			}
			wanted := want.rows[o.Day]
			rejects := o.Table != table.Name
			if rejects {
				wanted = want.bad
			} else {
				delete(want.rows, o.Day)
			}
			if len(got) != len(wanted) {
				t.Fatalf("%s: %d rows, want %d", o.Key, len(got), len(wanted))
			}
			for i, row := range got {
				if rejects {
					row = row[1:] // without the source
				}
				if g := strings.Join(row, " "); g != wanted[i] {
					t.Fatalf("%s: row %d\n%s\nwant\n%s", o.Key, i, g, wanted[i])
				}
			}
		}
		if len(want.rows) > 0 {
			t.Fatalf("days without an output: %v", want.rows)
		}
	})
}
