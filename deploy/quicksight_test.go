package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/schema"
)

const (
	quickSight = "quicksight.yaml"
	principal  = "arn:aws:quicksight:us-east-1:123456789012:user/default/alice"
	directSize = 51200 // CloudFormation's limit of a template in a call, in bytes
)

// quickSightTables are the tables of the data sets, by what the template calls those.
func quickSightTables() map[string]*schema.Table {
	log := schema.Tables()[0]
	return map[string]*schema.Table{"flows": log, "rejects": log.Rejects()}
}

// TestQuickSightGenerated says that columns and their types are those of schema/, and that the
// dashboard is the analysis.
func TestQuickSightGenerated(t *testing.T) {
	for name, table := range quickSightTables() {
		var names []string
		columns := indented(12, "Columns:")
		for _, c := range slices.Concat(table.Columns, schema.PartitionKeys()) {
			names = append(names, c.Name)
			columns += indented(14, fmt.Sprintf("- {Name: %s, Type: %s}", c.Name, quickSightType(t, c.Type)))
		}
		generated(t, quickSight, name+" select", indented(14, "- Columns: >-")+indented(18, wrapped(names, 90)...))
		generated(t, quickSight, name+" columns", columns)
	}

	data, err := os.ReadFile(quickSight)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(string(data)))
	var definition strings.Builder
	for _, line := range lines[marker(t, quickSight, lines, "# begin definition")+1 : marker(t, quickSight, lines, "# end definition")] {
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
			definition.WriteString(line)
		}
	}
	generated(t, quickSight, "dashboard definition", definition.String())
}

// quickSightType gives QuickSight's name of a type. Its INTEGER has 64 bits.
func quickSightType(t *testing.T, typ schema.Type) string {
	switch typ {
	case schema.String:
		return "STRING"
	case schema.Int32, schema.Int64:
		return "INTEGER"
	case schema.Timestamp:
		return "DATETIME"
	}
	t.Fatalf("QuickSight has no type for %v", typ)
	return ""
}

// wrapped gives words as lines of at most that many bytes, with a comma behind all but the last word.
func wrapped(words []string, width int) []string {
	lines := []string{""}
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func quickSightStack(t *testing.T, parameters map[string]string) *templatetest.Stack {
	t.Helper()
	template, err := templatetest.Load(quickSight)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Evaluate(parameters)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// TestQuickSightDataSets says that SQL and declared columns are the same, in the same order, and that
// the SQL names the partition keys and the days.
func TestQuickSightDataSets(t *testing.T) {
	stack := quickSightStack(t, map[string]string{"QuickSightPrincipalArn": principal, "DatabaseName": "sampledb", "Days": "7"})
	const first = "CAST(CAST(current_date - interval '7' day AS date) AS varchar)"
	for name, table := range quickSightTables() {
		id := map[string]string{"flows": "Flows", "rejects": "Rejects"}[name]
		custom := templatetest.Get(stack.Resources[id].Properties, "PhysicalTableMap", name, "CustomSql")
		var names, types []string
		columns, _ := templatetest.Get(custom, "Columns").([]any)
		for _, c := range columns {
			names = append(names, fmt.Sprint(templatetest.Get(c, "Name")))
			types = append(types, fmt.Sprint(templatetest.Get(c, "Type")))
		}
		want := "SELECT " + strings.Join(names, ", ") + ` FROM "sampledb".` + table.Name +
			" WHERE year >= substr(" + first + ", 1, 4) AND year || '-' || month || '-' || day >= " + first +
			" AND year || '-' || month || '-' || day <= CAST(current_date AS varchar)"
		if have := strings.Join(strings.Fields(fmt.Sprint(templatetest.Get(custom, "SqlQuery"))), " "); have != want {
			t.Errorf("%s: SQL is\n%s\nwant\n%s", name, have, want)
		}
		if want := len(table.Columns) + len(schema.PartitionKeys()); len(names) != want {
			t.Errorf("%s: %d columns, want %d", name, len(names), want)
		}
		// The article converts its times by hand; here they arrive as dates.
		for i, c := range table.Columns {
			if isDate := types[i] == "DATETIME"; isDate != (c.Type == schema.Timestamp) {
				t.Errorf("%s: %s has type %s", name, c.Name, types[i])
			}
		}
	}
}

// TestQuickSightParameters says what the optional parameters add.
func TestQuickSightParameters(t *testing.T) {
	for name, test := range map[string]struct {
		parameters map[string]string
		schedules  int
		interval   any
		time       any
		role       any
		readers    int
	}{
		"defaults":          {nil, 0, nil, nil, nil, 1},
		"direct query":      {map[string]string{"ImportMode": "DIRECT_QUERY", "Refresh": "HOURLY"}, 0, nil, nil, nil, 1},
		"SPICE":             {map[string]string{"ImportMode": "SPICE"}, 2, "DAILY", "00:30", nil, 1},
		"SPICE hourly":      {map[string]string{"ImportMode": "SPICE", "Refresh": "HOURLY"}, 2, "HOURLY", nil, nil, 1},
		"SPICE not renewed": {map[string]string{"ImportMode": "SPICE", "Refresh": "NONE"}, 0, nil, nil, nil, 1},
		"role and reader": {map[string]string{"RoleArn": "arn:aws:iam::123456789012:role/quicksight",
			"QuickSightViewerArn": "arn:aws:quicksight:us-east-1:123456789012:namespace/default"}, 0, nil, nil, "arn:aws:iam::123456789012:role/quicksight", 2},
	} {
		t.Run(name, func(t *testing.T) {
			parameters := map[string]string{"QuickSightPrincipalArn": principal}
			maps.Copy(parameters, test.parameters)
			stack := quickSightStack(t, parameters)
			schedules := stack.Of("AWS::QuickSight::RefreshSchedule")
			if len(schedules) != test.schedules {
				t.Errorf("schedules %v, want %d", schedules, test.schedules)
			}
			for _, id := range schedules {
				frequency := templatetest.Get(stack.Resources[id].Properties, "Schedule", "ScheduleFrequency")
				if i, at := templatetest.Get(frequency, "Interval"), templatetest.Get(frequency, "TimeOfTheDay"); i != test.interval || at != test.time {
					t.Errorf("%s: %v at %v, want %v at %v", id, i, at, test.interval, test.time)
				}
			}
			if role := templatetest.Get(stack.Resources["DataSource"].Properties, "DataSourceParameters", "AthenaParameters", "RoleArn"); role != test.role {
				t.Errorf("role %v, want %v", role, test.role)
			}
			permissions, _ := templatetest.Get(stack.Resources["Dashboard"].Properties, "Permissions").([]any)
			if len(permissions) != test.readers || templatetest.Get(permissions, 0, "Principal") != principal {
				t.Errorf("dashboard permissions %v, want %d", permissions, test.readers)
			}
		})
	}

	template, err := templatetest.Load(quickSight)
	if err != nil {
		t.Fatal(err)
	}
	for parameter, value := range map[string]string{
		"QuickSightPrincipalArn": "arn:aws:iam::123456789012:user/alice",
		"DatabaseName":           `x".y; --`,
		"Days":                   "0",
		"ImportMode":             "spice",
		"RefreshTime":            "24:00",
	} {
		parameters := map[string]string{"QuickSightPrincipalArn": principal}
		parameters[parameter] = value
		if _, err := template.Evaluate(parameters); err == nil {
			t.Errorf("%s was allowed to be %s", parameter, value)
		}
	}
}

func TestQuickSightTemplateFitsIntoACall(t *testing.T) {
	info, err := os.Stat(quickSight)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > directSize {
		t.Errorf("%d bytes, want at most %d: without a bucket, CloudFormation takes no more", info.Size(), directSize)
	}
}
