package schema

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with the file of that name in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; have\n%s\nrun the test with -update if the change is meant", file, got)
	}
}

func TestDDL(t *testing.T) {
	table := GlobalAccelerator()
	golden(t, "aga_flow_logs.sql", table.CreateTable("sampledb", "s3://amzn-s3-demo-bucket/lake/"))
	golden(t, "aga_flow_logs_rejects.sql", table.Rejects().CreateTable("", "s3://amzn-s3-demo-bucket"))
	golden(t, "partition.sql", table.AddPartition("sampledb", "s3://amzn-s3-demo-bucket/lake", day("2026-01-09")))
	golden(t, "property.sql", table.SetProperty("sampledb", PartitionFiltering()))
}

func day(s string) Day {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return DayOf(t.Unix())
}

// Every declaration holds what the rest of the code, Glue and Athena take for granted.
func TestDeclarations(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, log := range Tables() {
		if i := log.Column(log.TimeColumn); i < 0 || log.Columns[i].Type != Timestamp || log.Columns[i].Since != "" {
			t.Errorf("%s: time column %q is no timestamp that every record has", log.Name, log.TimeColumn)
		}
		if log.Column(log.Signature) < 0 {
			t.Errorf("%s: no signature column %q", log.Name, log.Signature)
		}
		fields := map[string]bool{}
		for _, c := range log.Columns {
			for _, f := range append([]string{c.Field}, c.Aliases...) {
				if f == "" || f != canonical(f) || fields[f] {
					t.Errorf("%s.%s: header name %q is empty, not canonical, or taken", log.Name, c.Name, f)
				}
				fields[f] = true
			}
		}
		for _, table := range []*Table{log, log.Rejects()} {
			if !name.MatchString(table.Name) || table.Version < 1 || Lookup(table.Name) == nil {
				t.Errorf("table %q, version %d", table.Name, table.Version)
			}
			if i := table.Column(table.SortColumn); table.SortColumn != "" && (i < 0 || table.Columns[i].Type != String) {
				t.Errorf("%s is sorted by %q, want a text column", table.Name, table.SortColumn)
			}
			seen := map[string]bool{}
			for _, c := range append(slices.Clone(table.Columns), PartitionKeys()...) {
				if !name.MatchString(c.Name) || seen[c.Name] || c.Comment == "" || len(c.Comment) > 255 || strings.ContainsAny(c.Comment, "';\\") {
					t.Errorf("%s.%s: bad name, taken name, or bad comment %q", table.Name, c.Name, c.Comment)
				}
				seen[c.Name] = true
				if c.Max != 0 && c.Type != Int32 && c.Type != Int64 || c.Plain && c.Type == String || c.Bloom && c.Type != String {
					t.Errorf("%s.%s: a limit or an encoding that its type does not have", table.Name, c.Name)
				}
			}
		}
	}
	if Lookup("nothing") != nil {
		t.Error("found a table that does not exist")
	}
}

// The article's columns, in its spelling but for case, under names that its SQL finds.
func TestColumnsAreTheArticles(t *testing.T) {
	article := strings.Fields("Version AwsAccountId AcceleratorId ClientIp ClientPort Gip GipPort EndpointIp EndpointPort Protocol IpAddressType Packets Bytes StartTime EndTime Action LogStatus GlobalAcceleratorSourceIp GlobalAcceleratorSourcePort EndpointRegion GlobalAcceleratorRegion Direction VPCId")
	table := GlobalAccelerator()
	for i, name := range article {
		if table.Columns[i].Name != strings.ToLower(name) {
			t.Errorf("column %d is %s, want %s", i, table.Columns[i].Name, strings.ToLower(name))
		}
	}
	if n := len(table.Columns); n != len(article)+1 || table.Columns[n-1].Name != "rejectreason" {
		t.Errorf("%d columns", n)
	}
}

func TestMatch(t *testing.T) {
	at := time.Date(2023, 2, 21, 13, 5, 0, 0, time.UTC)
	for _, test := range []struct {
		key  string
		want Source
		skip string
	}{
		{"myprefix/AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/012345678910_globalaccelerator_f0154cf1-4ac0-451b-87a2-5b2ce89142e6_20230221T1305Z_2e13fabb.log.gz",
			Source{"012345678910", "us-west-2", "f0154cf1-4ac0-451b-87a2-5b2ce89142e6", day("2023-02-21"), at}, ""},
		{"/AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/012345678910_globalaccelerator_f0154cf1_20230221T1305Z_2e13fab.log.gz",
			Source{"012345678910", "us-west-2", "f0154cf1", day("2023-02-21"), at}, ""},
		// folders above tell nothing
		{"backup/2020/01/02/AWSLogs/old/vpcflowlogs/AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/renamed.log.gz",
			Source{"012345678910", "us-west-2", "", day("2023-02-21"), time.Time{}}, ""},
		{"AWSLogs/from-bob/downloads/x.log.gz", Source{Day: NoDay}, ""},
		// the guide's flow log id before the time
		{"AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/012345678910_globalaccelerator_f0154cf1_fl-0123_20230221T1305Z_2e13fabb.log.gz",
			Source{"012345678910", "us-west-2", "f0154cf1", day("2023-02-21"), at}, ""},
		// the name alone, as after a download
		{"012345678910_globalaccelerator_f0154cf1_20230221T1305Z_2e13fabb.log.gz", Source{"012345678910", "", "f0154cf1", day("2023-02-21"), at}, ""},
		// a name that identifies nothing
		{"012345678910_globalaccelerator_20230221T1305Z_2e13fabb.log.gz", Source{"012345678910", "", "", day("2023-02-21"), at}, ""},
		// the path alone
		{"AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/renamed.log.gz", Source{"012345678910", "us-west-2", "", day("2023-02-21"), time.Time{}}, ""},
		{"anything.log.gz", Source{Day: NoDay}, ""},
		{"a/2023/13/45/x.log.gz", Source{Day: NoDay}, ""},
		{"x.log", Source{Day: NoDay}, "name does not end in .log.gz"},
		{"AWSLogs/012345678910/globalaccelerator/us-west-2/2023/02/21/manifest.json", Source{Day: NoDay}, "name does not end in .log.gz"},
		{"AWSLogs/012345678910/vpcflowlogs/us-east-1/2023/02/21/x.log.gz", Source{Day: NoDay}, "log of another service: vpcflowlogs"},
		{"x/012345678910_vpcflowlogs_us-east-1_fl-1_20230221T1305Z_2e13fabb.log.gz", Source{Day: NoDay}, "log of another service: vpcflowlogs"},
	} {
		got, skip := GlobalAccelerator().Match(test.key)
		if skip != test.skip || skip == "" && got != test.want {
			t.Errorf("Match(%q) = %+v, %q; want %+v, %q", test.key, got, skip, test.want, test.skip)
		}
	}
}

func TestDayFolder(t *testing.T) {
	for folder, want := range map[string]bool{
		"AWSLogs/012345678910/globalaccelerator/us-west-2/":                             true,
		"s3://bucket/myprefix/AWSLogs/012345678910/globalaccelerator/us-west-2/":        true,
		"s3://bucket//AWSLogs/o-exampleorgid/012345678910/globalaccelerator/us-west-2/": true,
		"file:///a/AWSLogs/x/AWSLogs/012345678910/globalaccelerator/us-west-2/":         true,
		"AWSLogs/012345678910/globalaccelerator/us-west-2":                              false,
		"AWSLogs/012345678910/globalaccelerator/":                                       false,
		"AWSLogs/012345678910/globalaccelerator/us-west-2/2026/":                        false,
		"AWSLogs/o-exampleorgid/012345678910/globalaccelerator/":                        false,
		"AWSLogs/012345678910/vpcflowlogs/us-west-2/":                                   false,
		"xAWSLogs/012345678910/globalaccelerator/us-west-2/":                            false,
		"": false,
	} {
		key, ok := GlobalAccelerator().DayFolder(folder, day("2026-01-09"))
		if ok != want || ok && key != "2026/01/09/" {
			t.Errorf("DayFolder(%q) = %q, %v; want %v", folder, key, ok, want)
		}
	}
}

func TestTrapObjectKeysDependOnTheSourceAlone(t *testing.T) {
	table := GlobalAccelerator()
	long := strings.Repeat("n", 300)
	for _, test := range []struct{ url, want string }{
		{"s3://amzn-s3-demo-bucket/AWSLogs/1/globalaccelerator/us-west-2/2026/01/09/a_b-c_20260109T0000Z_2e13fabb.log.gz",
			"aga_flow_logs/year=2026/month=01/day=09/a_b-c_20260109T0000Z_2e13fabb-e1ccccaa.parquet"},
		{"file:///tmp/with%20space=.log.gz", "aga_flow_logs/year=2026/month=01/day=09/with-20space--918f2610.parquet"},
		{"file:///tmp/_hidden.log.gz", "aga_flow_logs/year=2026/month=01/day=09/x_hidden-f942d554.parquet"},
		{"file:///tmp/.log.gz", "aga_flow_logs/year=2026/month=01/day=09/x-504fe1bd.parquet"},
		{"file:///" + long + ".log.gz", "aga_flow_logs/year=2026/month=01/day=09/" + long[:180] + "-1e3207e5.parquet"},
	} {
		if got := table.ObjectKey(day("2026-01-09"), test.url); got != test.want {
			t.Errorf("ObjectKey(%q)\n     = %q\nwant %q", test.url, got, test.want)
		}
	}
	// A trap: names with a random part, or with the time, make a retry a duplicate.
	if a, b := table.ObjectKey(1, "s3://a/x.log.gz"), table.ObjectKey(1, "s3://a/x.log.gz"); a != b {
		t.Errorf("a source has two keys, %s and %s", a, b)
	}
	if a, b := table.ObjectKey(1, "s3://a/x.log.gz"), table.ObjectKey(1, "s3://b/x.log.gz"); a == b {
		t.Error("two sources of one name have the same key")
	}
	if got := table.ObjectKey(NoDay, "s3://a/x.log.gz"); !strings.HasPrefix(got, "aga_flow_logs/year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__/day=__HIVE_DEFAULT_PARTITION__/x-") {
		t.Errorf("key without a day: %s", got)
	}
}

func TestDays(t *testing.T) {
	for _, test := range []struct {
		seconds int64
		want    string
	}{
		{0, "1970-01-01"}, {86399, "1970-01-01"}, {86400, "1970-01-02"}, {1767916800, "2026-01-09"}, {MaxSeconds, "9999-12-31"},
	} {
		if got := DayOf(test.seconds).String(); got != test.want {
			t.Errorf("DayOf(%d) = %s, want %s", test.seconds, got, test.want)
		}
	}
	if got := strings.Join(day("2026-01-09").Values(), "/"); got != "2026/01/09" {
		t.Errorf("values %s", got)
	}
}

func TestHeaderLayouts(t *testing.T) {
	table := GlobalAccelerator()
	var documented []string
	for _, c := range table.Columns {
		documented = append(documented, c.Field)
	}
	for n, want := range map[int][2]int{22: {22, 24}, 23: {22, 24}, 24: {22, 24}, 21: {21, 21}} {
		l, ok, err := table.ParseHeader(strings.Join(documented[:n], " "))
		if !ok || err != nil || l.Min != want[0] || len(l.Columns) != want[1] {
			t.Errorf("header of %d names: %d to %d fields, %v, %v; want %v", n, l.Min, len(l.Columns), ok, err, want)
		}
	}
	if l := table.DefaultLayout(); l.Min != 22 || len(l.Columns) != 24 {
		t.Errorf("without a header: %d to %d fields", l.Min, len(l.Columns))
	}
	// In another order, a line has the header's fields: what more there were, nobody could tell.
	shuffled := slices.Clone(documented[:23])
	slices.Reverse(shuffled)
	if l, _, err := table.ParseHeader(strings.Join(shuffled, " ")); err != nil || l.Min != 23 || len(l.Columns) != 23 {
		t.Errorf("reversed header: %d to %d fields, %v", l.Min, len(l.Columns), err)
	}
}

// The README tells the same columns.
func TestREADMEListsTheColumns(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := GlobalAccelerator()
	want := "| column | type | what it is |\n|---|---|---|\n"
	for _, c := range table.Columns {
		want += "| " + c.Name + " | " + c.Type.Hive() + " | " + c.Comment + " |\n"
	}
	if !strings.Contains(string(readme), want+"\n") {
		t.Errorf("README.md does not hold this table:\n%s", want)
	}
	for _, c := range table.Rejects().Columns {
		if !strings.Contains(string(readme), "`"+c.Name+"`") {
			t.Errorf("README.md does not name the column %s of %s", c.Name, table.Rejects().Name)
		}
	}
}
