package report

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/flowlake/flowlake/schema"
)

// namedFiles are the files of every location.
type namedFiles []string

func (f namedFiles) Files(context.Context, string) ([]string, error) { return f, nil }

// TestSlots says which slots the names of files tell of.
func TestSlots(t *testing.T) {
	const a, b = "/lake/x/123456789012_globalaccelerator_a_", "/lake/x/0123456789abcdef-123456789012_globalaccelerator_b_"
	files := namedFiles{
		a + "20260109T0000Z_1-01234567.parquet", a + "20260109T0000Z_1-01234567.parquet", // of two days
		a + "20260109T2355Z_2-01234567.parquet", a + "20260111T0000Z_3-01234567.parquet",
		b + "20260109T0005Z_4-01234567.parquet", // a copy of a lake in S3
		"/lake/x/renamed-01234567.parquet", "/lake/x/other",
		a + "20260201T0000Z_5-01234567.parquet", // outside
	}
	day := func(d int) schema.Day { return schema.DayOf(day1.AddDate(0, 0, d-9).Unix()) }
	s := NewSlots(day(9), day(31))
	if _, err := s.Watch(files).Files(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	have := fmt.Sprintf("%+v", s.put([]value{{text: "a"}, {text: "silent"}}))
	want := fmt.Sprintf("%+v", slots{PerDay: 288, Accelerators: []int{1, 0, 1}, Days: []int64{day(9).Start().Unix(), day(10).Start().Unix(), day(11).Start().Unix()},
		Seen: [][]int{{2, 0, 1}, {0, 0, 0}, {1, 0, 0}}, Unnamed: 2})
	if have != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
	if have := NewSlots(0, math.MaxInt32).put(nil); len(have.Days) != 0 {
		t.Errorf("have %+v of nothing", have)
	}
}
