package synth

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flowlake/flowlake/schema"
)

// record is a line by the names of its fields, for the tests to look at.
type record map[string]string

// parse reads a line, and fails where a parser could object to a field.
func parse(t *testing.T, line string) record {
	t.Helper()
	if !utf8.ValidString(line) {
		t.Fatalf("%q is not UTF-8", line)
	}
	columns := schema.GlobalAccelerator().Columns
	fields := strings.Split(line, " ")
	if len(fields) < 22 || len(fields) > 24 {
		t.Fatalf("%q: have %d fields", line, len(fields))
	}
	r := make(record)
	for i, value := range fields {
		c := &columns[i]
		r[c.Field] = value
		if value == "" && i < 23 {
			t.Fatalf("%q: field %s is empty", line, c.Field)
		}
		if c.Type == schema.String || value == "-" {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 || n > c.Limit() {
			t.Fatalf("%q: %s: have %q", line, c.Field, value)
		}
	}
	return r
}

func (r record) number(field string) int64 {
	n, _ := strconv.ParseInt(r[field], 10, 64)
	return n
}

func TestHeaderIsTheSchemas(t *testing.T) {
	var names []string
	for _, c := range schema.GlobalAccelerator().Columns[:23] {
		names = append(names, c.Field)
	}
	if want := strings.Join(names, " ") + "\n"; header != want {
		t.Errorf("want %q, have %q", want, header)
	}
}

// survey counts what the lines of a day's files are.
type survey struct {
	kinds   map[string]int
	clients map[string]int
	// accelerators holds, by accelerator, the different static addresses and Regions of endpoints.
	accelerators map[string]*places
}

type places struct{ gips, regions map[string]bool }

// checkWindow checks the capture window of a record of the file for the five minutes from that time.
func (s *survey) checkWindow(t *testing.T, r record, from int64) {
	t.Helper()
	start, end := r.number("start_time"), r.number("end_time")
	if start < from-maxEarly || start >= from+secondsPerSlot+maxLate || end < start || end > start+maxWindow {
		t.Fatalf("%v: window from %d to %d of the file's time", r, start-from, end-from)
	}
	if start < from || start >= from+secondsPerSlot {
		s.kinds["outside the five minutes"]++
	}
	switch at := time.Unix(start, 0).UTC(); {
	case at.Before(day):
		s.kinds["day before"]++
	case !at.Before(day.AddDate(0, 0, 1)):
		s.kinds["day after"]++
	}
}

// checkFlow checks that the fields of a record fit each other.
func (s *survey) checkFlow(t *testing.T, r record) {
	t.Helper()
	s.kinds["log status "+r["log_status"]]++
	if r["log_status"] != "OK" {
		if r["client_ip"] != "-" || r["bytes"] != "-" || r["action"] != "-" || r["direction"] != "-" {
			t.Fatalf("%v: has traffic", r)
		}
		return
	}
	for _, field := range []string{"client_ip", "gip", "endpoint_ip"} {
		a, err := netip.ParseAddr(r[field])
		if err != nil || a.String() != r[field] || a.Is6() != (r["ip_address_type"] == "IPV6") {
			t.Fatalf("%v: %s", r, field)
		}
	}
	preserved := r["version"] == "2.0"
	if preserved != (r["globalaccelerator_source_ip"] == "-") || preserved != (r["globalaccelerator_source_port"] == "0") ||
		preserved != strings.HasPrefix(r["vpc_id"], "vpc-0") {
		t.Fatalf("%v: not as the version says", r)
	}
	reason, has := r["reject_reason"]
	if has {
		s.kinds[fmt.Sprintf("reason %q", reason)]++
	}
	if rejected := r["action"] == "REJECT"; rejected != (reason == "BPA") || !rejected && r["action"] != "ACCEPT" {
		t.Fatalf("%v: action", r)
	}
	for _, field := range []string{"ip_address_type", "protocol", "direction"} {
		s.kinds[r[field]]++
	}
	switch packets, bytes := r.number("packets"), r.number("bytes"); {
	case packets == 0 && bytes == 0:
		s.kinds["keep-alive"]++
	case packets > math.MaxUint32 && bytes > math.MaxUint32:
		s.kinds["elephant"]++
	}
	s.clients[r["client_ip"]]++
	p := s.accelerators[r["accelerator_id"]]
	if p == nil {
		p = &places{make(map[string]bool), make(map[string]bool)}
		s.accelerators[r["accelerator_id"]] = p
	}
	p.gips[r["gip"]] = true
	p.regions[r["endpoint_region"]] = true
}

// TestContent looks at a day of 200,000 records.
func TestContent(t *testing.T) {
	const records = 200_000
	files, b := mustMake(t, Config{Day: day, Accelerators: 3, Records: records, Seed: 1})
	s := survey{make(map[string]int), make(map[string]int), make(map[string]*places)}
	mixed := 0 // files with all forms of lines
	for _, f := range files {
		src, _ := schema.GlobalAccelerator().Match(f.Key)
		text, ok := strings.CutPrefix(b.text(t, f.Key), header)
		if !ok {
			t.Fatalf("%s: no header", f.Key)
		}
		forms := make(map[string]bool)
		for line := range strings.Lines(text) {
			r := parse(t, strings.TrimSuffix(line, "\n"))
			form := fmt.Sprintf("%d fields, version %s", len(r), r["version"])
			forms[form] = true
			s.kinds[form]++
			s.checkWindow(t, r, src.Time.Unix())
			s.checkFlow(t, r)
		}
		if len(forms) == 3 {
			mixed++
		}
	}
	if mixed < len(files)/2 {
		t.Errorf("of %d files only %d mix lines of 22, 23 and 24 fields", len(files), mixed)
	}

	for kind, want := range map[string]struct{ low, high float64 }{
		"22 fields, version 1.0":   {0.2, 0.6},
		"23 fields, version 2.0":   {0.2, 0.6},
		"24 fields, version 2.0":   {0.1, 0.5},
		"log status OK":            {0.99, 1},
		"log status SKIPDATA":      {0.00002, 0.001},
		"log status NODATA":        {0.00001, 0.001},
		"outside the five minutes": {0.02, 0.06},
		"day before":               {3. / records, 0.001},
		"day after":                {3. / records, 0.001},
		"IPV6":                     {0.05, 0.15},
		"IPV4":                     {0.85, 0.95},
		"UDP":                      {0.03, 0.12},
		"TCP":                      {0.88, 0.97},
		"INGRESS":                  {0.45, 0.65},
		"EGRESS":                   {0.35, 0.55},
		`reason ""`:                {0.1, 0.5},
		`reason "BPA"`:             {0.0005, 0.01},
		"keep-alive":               {0.005, 0.05},
		"elephant":                 {1. / records, 1. / records},
	} {
		if share := float64(s.kinds[kind]) / records; share < want.low || share > want.high {
			t.Errorf("%s: want a share of %g to %g, have %g", kind, want.low, want.high, share)
		}
	}
	for id, p := range s.accelerators {
		if len(p.gips) != 4 || len(p.regions) < 1 || len(p.regions) > 3 {
			t.Errorf("%s: want 4 addresses and 1 to 3 Regions, have %d and %d", id, len(p.gips), len(p.regions))
		}
	}
	byCount := slices.Sorted(maps.Values(s.clients))
	top := 0
	for _, n := range byCount[len(byCount)-len(byCount)/100:] {
		top += n
	}
	if share := float64(top) / records; share < 0.2 {
		t.Errorf("want more than 0.2 of the lines from the top 1%% of %d clients, have %g", len(byCount), share)
	}
	t.Logf("%d clients, the top 1%% of them in %d lines; %v", len(byCount), top, s.kinds)
}

// TestAnswersFollow holds that an EGRESS line has its flow's INGRESS line above it, within reach, and
// that most flows have one.
func TestAnswersFollow(t *testing.T) {
	var text bytes.Buffer
	if err := One(&text, Config{Records: 20_000, Seed: 2}, day, 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	flows := make(map[string]int) // the line of the flow
	answers, farthest := 0, 0
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")[1:] {
		r := parse(t, line)
		if r["log_status"] != "OK" {
			continue
		}
		id := strings.Join([]string{r["client_ip"], r["client_port"], r["gip"], r["gip_port"], r["start_time"], r["end_time"],
			r["endpoint_ip"], r["globalaccelerator_source_port"], r["globalaccelerator_region"], r["vpc_id"]}, " ")
		switch at, ok := flows[id]; {
		case r["direction"] == "INGRESS":
			flows[id] = i
		case !ok:
			t.Fatalf("%q answers nothing", line)
		default:
			answers++
			farthest = max(farthest, i-at)
		}
	}
	if answers < len(flows)*8/10 || answers >= len(flows) {
		t.Errorf("of %d flows %d have an answer", len(flows), answers)
	}
	if farthest < maxLag/2 {
		t.Errorf("the farthest answer is %d lines below", farthest)
	}
}

func TestOne(t *testing.T) {
	const records = 1000
	var text bytes.Buffer
	start := time.Date(2026, 1, 9, 23, 0, 0, 0, time.UTC)
	if err := One(&text, Config{Records: records, Seed: 2, NoElephant: true}, start, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	if len(lines) != 1+records || lines[0]+"\n" != header {
		t.Fatalf("want a header and %d lines, have %d lines", records, len(lines))
	}
	perHour := make(map[int64]int)
	for _, line := range lines[1:] {
		r := parse(t, line)
		perHour[(r.number("start_time")-start.Unix())/3600]++
		if r.number("packets") > math.MaxUint32 {
			t.Error("there is an elephant")
		}
	}
	if perHour[0] < 430 || perHour[1] < 430 {
		t.Errorf("not spread evenly: %v", perHour)
	}
}
