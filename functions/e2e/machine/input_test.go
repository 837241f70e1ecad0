package machine

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Whatever is wrong with the input is told at once, with the field and what was expected, before
// anything is listed.
func TestReplayMachineChecksItsInput(t *testing.T) {
	m := replayMachine(t)
	m.invokes(func(context.Context, []byte) ([]byte, error) {
		return []byte(`{"converted":1,"skipped":{},"failed":[]}`), nil
	})
	for _, test := range []struct {
		input string
		wrong []string // what the cause holds; none if the input is right
	}{
		{`{}`, nil},
		{`{"bucket":"logs"}`, nil},
		{`{"prefix":"AWSLogs/012345678910/"}`, nil},
		{`{"concurrency":1,"toleratedFailurePercentage":0}`, nil},
		{`{"concurrency":1000,"toleratedFailurePercentage":100}`, nil},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2024-02-29","to":"2024-02-29"}`, nil},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2016-02-01","to":"2026-01-31"}`, nil},

		{`[]`, []string{"input: want an object"}},
		{`"2026"`, []string{"input: want an object"}},
		{`null`, []string{"input: want an object"}},
		{`{"form":"2026-01-01","until":1}`, []string{"form, until: no such field, want bucket, prefix, from"}},
		{`{"bucket":"other"}`, []string{"bucket: want logs, the only one", "have other"}},
		{`{"bucket":null}`, []string{"bucket: want logs"}},
		{`{"prefix":"other/"}`, []string{"prefix: want a text that begins with AWSLogs/ and ends with a slash, have other/"}},
		{`{"prefix":"AWSLogs/012345678910"}`, []string{"ends with a slash, have AWSLogs/012345678910"}},
		{`{"prefix":7}`, []string{"prefix: want", "have 7"}},
		{`{"from":"2026-01-01","to":"2026-01-31"}`, []string{"prefix: want", "such as AWSLogs/123456789012/globalaccelerator/us-west-2/, where from or to is given, have AWSLogs/"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/2026/","from":"2026-01-01","to":"2026-01-31"}`, []string{"prefix: want"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-01-01"}`, []string{"to: want a day such as 2026-01-09, and from with it, have none"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","to":"2026-01-01"}`, []string{"from: want a day such as 2026-01-09, and to with it, have none"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-02-29","to":"2026-1-1"}`, []string{"from: want a day", "have 2026-02-29; to: want a day", "have 2026-1-1"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2100-02-29","to":"2100-04-31"}`, []string{"have 2100-02-29", "have 2100-04-31"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":20260101,"to":null}`, []string{"have 20260101", "have null"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2026-01-10","to":"2026-01-09"}`, []string{"to: want no day before 2026-01-10", "have 2026-01-09"}},
		{`{"prefix":"AWSLogs/012345678910/globalaccelerator/us-west-2/","from":"2016-01-31","to":"2026-01-01"}`, []string{"no more than 120 months"}},
		{`{"concurrency":0}`, []string{"concurrency: want a whole number from 1 to 1000, have 0"}},
		{`{"concurrency":2.5,"toleratedFailurePercentage":101}`, []string{"have 2.5; toleratedFailurePercentage: want a whole number from 0 to 100, have 101"}},
		{`{"concurrency":"10","toleratedFailurePercentage":-1}`, []string{"concurrency: want", "have 10", "have -1"}},
		{`{"concurrency":1001,"toleratedFailurePercentage":null}`, []string{"have 1001", "have null"}},
	} {
		var input any
		if err := json.Unmarshal([]byte(test.input), &input); err != nil {
			t.Fatal(err)
		}
		m.runs = nil
		m.listsKeys(logAt("2026/01/30", "00000001"))
		_, err := m.run(t.Context(), "input", input)
		var failure *stateError
		switch {
		case test.wrong == nil && err != nil:
			t.Errorf("%s: %v", test.input, err)
		case test.wrong == nil:
		case !errors.As(err, &failure) || failure.name != "WrongInput":
			t.Errorf("%s: error %v, want WrongInput", test.input, err)
		case len(m.runs) > 0:
			t.Errorf("%s: something was replayed", test.input)
		default:
			for _, part := range test.wrong {
				if !strings.Contains(failure.cause, part) {
					t.Errorf("%s: cause %q, want %q in it", test.input, failure.cause, part)
				}
			}
		}
	}
}

// The prefixes of a range hold each of its days once, and no other day.
func TestReplayMachinePlansDays(t *testing.T) {
	m := replayMachine(t)
	m.listsKeys() // nothing
	date := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	}
	ranges := [][2]time.Time{
		{date(2016, 1, 2), date(2025, 12, 30)}, // the most prefixes that a range can have
		{date(2026, 1, 1), date(2026, 1, 31)},
		{date(2024, 2, 1), date(2024, 2, 29)},
		{date(2023, 12, 31), date(2024, 1, 1)},
		{date(2100, 2, 28), date(2100, 3, 1)},
	}
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 10 {
		from := date(2000+random.IntN(100), 1+random.IntN(12), 1+random.IntN(31))
		ranges = append(ranges, [2]time.Time{from, from.AddDate(0, 0, random.IntN(1+i*60))})
	}
	most := 0
	for _, r := range ranges {
		from, to := r[0], r[1]
		m.runs = nil
		_, err := m.run(t.Context(), "days", map[string]any{"prefix": logPrefix, "from": from.Format(time.DateOnly), "to": to.Format(time.DateOnly)})
		var failure *stateError
		if !errors.As(err, &failure) || failure.name != "NoObjects" {
			t.Fatalf("from %v to %v: %v", from, to, err)
		}
		most = max(most, len(m.runs))
		listed := map[string]int{} // by day
		for _, run := range m.runs {
			below, ok := strings.CutPrefix(run.prefix, logPrefix)
			day, err := time.Parse("2006/01/02/", below)
			next := day.AddDate(0, 0, 1)
			if err != nil {
				day, err = time.Parse("2006/01/", below)
				next = day.AddDate(0, 1, 0)
			}
			if !ok || err != nil {
				t.Fatalf("from %v to %v: lists %s", from, to, run.prefix)
			}
			for ; day.Before(next); day = day.AddDate(0, 0, 1) {
				listed[day.Format(time.DateOnly)]++
			}
		}
		want := map[string]int{}
		for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
			want[day.Format(time.DateOnly)] = 1
		}
		if !maps.Equal(listed, want) {
			t.Errorf("from %v to %v: %d days are listed, want %d, or others", from, to, len(listed), len(want))
		}
	}
	if most != 178 {
		t.Errorf("%d prefixes at most; the definition's comment says 178", most)
	}
}
