package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/schema"
)

func TestSelection(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		from, err := ParseFrom(text)
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	day := schema.DayOf(at("2026-01-09").Unix())
	named := schema.Source{Account: "123456789012", Region: "us-west-2", Resource: "f0154cf1", Day: day, Time: at("2026-01-09T13:05:00Z")}
	misfiled := named // its name counts, not its folder
	dated := named
	dated.Time = time.Time{}
	unknown := schema.Source{Day: schema.NoDay}
	for _, test := range []struct {
		name     string
		sel      Selection
		about    schema.Source
		selected bool
		skip     string
	}{
		{"all", Selection{}, unknown, true, ""},
		{"its day", Selection{From: at("2026-01-09"), To: at("2026-01-10")}, named, true, ""},
		{"the day before", Selection{From: at("2026-01-08"), To: at("2026-01-09")}, named, false, ""},
		{"the day after", Selection{From: at("2026-01-10"), To: at("2026-01-11")}, misfiled, false, ""},
		{"from its time", Selection{From: at("2026-01-09T13:05:00Z")}, named, true, ""},
		{"from later", Selection{From: at("2026-01-09T13:05:01Z")}, named, false, ""},
		{"to its time", Selection{To: at("2026-01-09T13:05:00Z")}, named, false, ""},
		{"to later", Selection{To: at("2026-01-09T13:05:01Z")}, named, true, ""},
		{"late does not select", Selection{From: at("2026-01-10"), Late: 24 * time.Hour}, named, false, ""},
		{"a part of the day", Selection{From: at("2026-01-09T23:59:59Z")}, dated, true, ""},
		{"the next day", Selection{From: at("2026-01-10")}, dated, false, ""},
		{"the beginning of the day", Selection{To: at("2026-01-09T00:00:01Z")}, dated, true, ""},
		{"the day before its", Selection{To: at("2026-01-09")}, dated, false, ""},
		{"no time", Selection{From: at("2026-01-09")}, unknown, false, noTime},
		{"no time, to", Selection{To: at("2026-01-09")}, unknown, false, noTime},
		{"account", Selection{Account: "123456789012"}, named, true, ""},
		{"other account", Selection{Account: "123456789013"}, named, false, ""},
		{"no account", Selection{Account: "123456789012"}, unknown, false, noAccount},
		{"resource", Selection{Resource: "f0154cf1"}, named, true, ""},
		{"other resource", Selection{Resource: "f0154cf"}, named, false, ""},
		{"no resource", Selection{Resource: "f0154cf1"}, unknown, false, noResource},
		{"Region", Selection{Region: "us-west-2"}, named, true, ""},
		{"other Region", Selection{Region: "us-west-1"}, named, false, ""},
		{"no Region", Selection{Region: "us-west-2"}, unknown, false, noRegion},
		{"all at once", Selection{From: at("2026-01-09"), To: at("2026-01-10"), Account: "123456789012", Resource: "f0154cf1", Region: "us-west-2"}, named, true, ""},
		// What is certainly another is not counted among those that do not tell.
		{"unknown in other", Selection{Region: "us-west-2", Account: "123456789013"}, schema.Source{Account: "123456789012", Day: schema.NoDay}, false, ""},
		{"unknown at another time", Selection{Region: "us-west-2", To: at("2026-01-01")}, schema.Source{Day: day}, false, ""},
		{"unknown at its time", Selection{Region: "us-west-2", From: at("2026-01-01")}, schema.Source{Day: day}, false, noRegion},
	} {
		if selected, skip := test.sel.Judge(test.about); selected != test.selected || skip != test.skip {
			t.Errorf("%s: selected %t, skip %q", test.name, selected, skip)
		}
	}
	if s := (Selection{Late: 1}); !s.All() {
		t.Error("late alone selects")
	}
	if s := (Selection{Region: "x"}); s.All() {
		t.Error("a Region selects nothing")
	}
}

func TestSelectionValidate(t *testing.T) {
	now := time.Unix(1e9, 0)
	bad := Selection{From: now, To: now, Late: -1}
	err := bad.Validate()
	if err == nil || !strings.Contains(err.Error(), "to: ") || !strings.Contains(err.Error(), "late: ") {
		t.Errorf("error %v", err)
	}
	good := Selection{From: now, To: now.Add(1)}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestParseTimes(t *testing.T) {
	for text, want := range map[string][2]string{
		"2026-01-09":                {"2026-01-09T00:00:00Z", "2026-01-10T00:00:00Z"},
		"2026-12-31":                {"2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2026-01-09T13:05:00Z":      {"2026-01-09T13:05:00Z", "2026-01-09T13:05:00Z"},
		"2026-01-09T13:05:00+09:00": {"2026-01-09T04:05:00Z", "2026-01-09T04:05:00Z"},
	} {
		from, err := ParseFrom(text)
		to, err2 := ParseTo(text)
		if err != nil || err2 != nil || from.Format(time.RFC3339) != want[0] || to.Format(time.RFC3339) != want[1] {
			t.Errorf("%s: %v, %v, %v, %v", text, from, to, err, err2)
		}
	}
	for _, text := range []string{"", "today", "2026-1-9", "2026-01-09T13:05", "2026-02-30"} {
		if _, err := ParseTo(text); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
}
