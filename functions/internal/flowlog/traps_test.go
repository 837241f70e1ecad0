package flowlog

import (
	"strings"
	"testing"

	"github.com/flowlake/flowlake/schema"
)

// These are bugs that other readers of flow logs shipped. Those about files that are cut off, long
// lines and missing times are in flowlog_test.go.

// field gives the value of a column in the only row of a text.
func field(t *testing.T, text, column string) string {
	t.Helper()
	got := readText(text, noDay)
	if got.err != nil || len(got.rows[day]) != 1 || len(got.rejects) > 0 {
		t.Fatalf("rows %v, rejects %q, error %v", got.rows, got.rejects, got.err)
	}
	return strings.Split(got.rows[day][0], "|")[schema.GlobalAccelerator().Column(column)]
}

func TestTrapShortLinesAreNotPadded(t *testing.T) {
	short := strings.Join(strings.Split(record, " ")[:15], " ")
	got := readText(header+short+"\n"+record+"\n", noDay)
	if got.counts.Rows != 1 || len(got.rejects) != 1 || !strings.HasPrefix(got.rejects[0], "2: want 22 to 24 fields, have 15") {
		t.Errorf("rows %v, rejects %q", got.rows, got.rejects)
	}
}

func TestTrapUnknownHeaderNameIsNotADataRow(t *testing.T) {
	got := readText(strings.Replace(header, "client_ip", "client_address", 1)+record+"\n", noDay)
	if got.counts.Headers != 1 || got.counts.UnknownFields != 1 || got.counts.Rows != 1 || got.counts.Rejected != 0 {
		t.Errorf("counts %+v, rejects %q", got.counts, got.rejects)
	}
	if v := field(t, strings.Replace(header, "client_ip", "client_address", 1)+record+"\n", "clientip"); v != "NULL" {
		t.Errorf("clientip %s: nobody said that client_address is it", v)
	}
}

func TestTrapEmptyFieldsDoNotShiftColumns(t *testing.T) {
	if v := field(t, header+record+" \n", "vpcid"); v != `"vpc-01234567891abcdef"` {
		t.Errorf("vpcid before an empty last field: %s", v)
	}
	if v := field(t, header+edit(5, "")+"\n", "gipport"); v != "80" {
		t.Errorf("gipport behind an empty field: %s", v)
	}
}

func TestTrapBytesAreNotPacketsAndNot32Bits(t *testing.T) {
	line := strings.Replace(record, " 0 0 1676984801", " 5000000001 7000000000002 1676984801", 1)
	if p, b := field(t, header+line+"\n", "packets"), field(t, header+line+"\n", "bytes"); p != "5000000001" || b != "7000000000002" {
		t.Errorf("packets %s, bytes %s", p, b)
	}
}

func TestTrapNoDataAndSkipDataRowsAreKept(t *testing.T) {
	for _, status := range []string{"NODATA", "SKIPDATA"} {
		line := "2.0 012345678910 f0154cf1 - - - - - - - - - - 1676984801 1676984861 - " + status + " - - - - - -\n"
		if v := field(t, header+line, "logstatus"); v != `"`+status+`"` {
			t.Errorf("logstatus %s", v)
		}
		if v := field(t, header+line, "clientip"); v != "NULL" {
			t.Errorf("clientip %s", v)
		}
	}
}
