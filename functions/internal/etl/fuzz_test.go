package etl_test

import (
	"bytes"
	"fmt"
	"slices"
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
			v := columnartest.Null
			switch {
			case column.IsNull(row):
			case b.Table.Columns[c].Type == schema.String:
				v = strconv.Quote(string(column.Text(row)))
			case b.Table.Columns[c].Type == schema.Timestamp:
				v = time.Unix(column.Number(row), 0).UTC().Format("2006-01-02T15:04:05.000Z")
			default:
				v = strconv.FormatInt(column.Number(row), 10)
			}
			rows[row] = append(rows[row], v)
		}
	}
	// As in the files: by client address, NULL last.
	order := make([]int, b.Rows)
	for row := range order {
		order[row] = row
	}
	client := &b.Columns[b.Table.Column(b.Table.SortColumn)]
	slices.SortStableFunc(order, func(i, j int) int {
		if client.IsNull(i) || client.IsNull(j) {
			return strings.Compare(strconv.FormatBool(client.IsNull(i)), strconv.FormatBool(client.IsNull(j)))
		}
		return bytes.Compare(client.Text(i), client.Text(j))
	})
	for _, i := range order {
		row := rows[i]
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
// there, in the order of client addresses, and nothing else.
func FuzzRoundTrip(f *testing.F) {
	f.Add(header+record("10.0.0.1", midnight)+record("2001:db8::1", midnight-1), uint8(3))
	f.Add(text(300), uint8(100))
	f.Add(header+strings.ReplaceAll(record("-", midnight), "57825", "-")+"x\n\xff\n", uint8(1))
	f.Add(header+strings.ReplaceAll(record("", midnight), "INGRESS", "")+record("a", 0)+record("b", 1), uint8(2))
	f.Fuzz(func(t *testing.T, text string, rows uint8) {
		content := compress(text)
		config := etl.Config{SortRows: 1 + int(rows), RowGroupRows: 1 + int(rows)/3}
		source, lake := new(storetest.Memory), new(storetest.Memory)
		source.Put(key, content)
		res, err := newConverter(t, config, lake, new(memoryCatalog)).Convert(t.Context(), source, key)

		table := schema.GlobalAccelerator()
		about, _ := table.Match(key)
		want := &parsed{table: table, rows: map[schema.Day][]string{}}
		_, parseErr := flowlog.Read(bytes.NewReader(content), table, flowlog.Options{Object: key, Day: about.Day, BatchRows: config.SortRows}, want)
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
