package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
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
			" WHERE year >= substr(" + first + ", 1, 4) AND year || '-' || month || '-' || day >= " + first
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

// TestQuickSightDefinition says that what a definition names is there: QuickSight refuses it, or shows
// nothing, where it is not, and no validator of templates sees that.
func TestQuickSightDefinition(t *testing.T) {
	stack := quickSightStack(t, map[string]string{"QuickSightPrincipalArn": principal})
	definition := templatetest.Get(stack.Resources["Analysis"].Properties, "Definition")
	if dashboard := templatetest.Get(stack.Resources["Dashboard"].Properties, "Definition"); !reflect.DeepEqual(definition, dashboard) {
		t.Error("analysis and dashboard differ")
	}

	columns := map[string]bool{} // by data set and name
	for name, table := range quickSightTables() {
		for _, c := range slices.Concat(table.Columns, schema.PartitionKeys()) {
			columns[name+"."+c.Name] = true
		}
	}
	named := regexp.MustCompile(`\{(\w+)\}`)
	for c := range each(definition, "CalculatedFields") {
		for _, m := range named.FindAllStringSubmatch(fmt.Sprint(c["Expression"]), -1) {
			if !columns[fmt.Sprint(c["DataSetIdentifier"], ".", m[1])] {
				t.Errorf("%v: no column %s", c["Name"], m[1])
			}
		}
		columns[fmt.Sprint(c["DataSetIdentifier"], ".", c["Name"])] = true
	}
	for c := range each(definition, "DataSetIdentifierDeclarations") {
		id := fmt.Sprint(c["Identifier"])
		if quickSightTables()[id] == nil || !strings.HasSuffix(fmt.Sprint(c["DataSetArn"]), "-"+id) {
			t.Errorf("data set %s is declared as %v", id, c["DataSetArn"])
		}
	}

	// What is declared once, and what names it.
	ids, uses := map[string]bool{}, []string{}
	declares := map[string]string{"VisualId": "element", "ParameterControlId": "element", "SheetId": "sheet", "FilterId": "filter", "FilterGroupId": "group"}
	names := map[string]string{"VisualIds": "element", "ElementId": "element", "SourceParameterName": "parameter", "Parameter": "parameter"}
	walk(definition, nil, func(path []string, m map[string]any) {
		if c, ok := m["ColumnName"]; ok && !columns[fmt.Sprint(m["DataSetIdentifier"], ".", c)] {
			t.Errorf("%v: no column %v.%v", path, m["DataSetIdentifier"], c)
		}
		parent := path[max(0, len(path)-1):]
		inScope := slices.Contains(path, "SheetVisualScopingConfigurations")
		for key, kind := range declares {
			if id, ok := m[key]; ok && !inScope {
				declare(t, ids, fmt.Sprint(kind, " ", id))
			}
		}
		for key, kind := range names {
			switch v := m[key].(type) {
			case string:
				uses = append(uses, kind+" "+v)
			case []any:
				for _, id := range v {
					uses = append(uses, fmt.Sprint(kind, " ", id))
				}
			}
		}
		switch {
		case inScope && m["SheetId"] != nil:
			uses = append(uses, fmt.Sprint("sheet ", m["SheetId"]))
		case slices.Equal(parent, []string{"DateTimeParameterDeclaration"}):
			declare(t, ids, fmt.Sprint("parameter ", m["Name"]))
		case slices.Equal(parent, []string{"DateTimeHierarchy"}):
			declare(t, ids, fmt.Sprint("hierarchy ", m["HierarchyId"]))
		case m["HierarchyId"] != nil:
			uses = append(uses, fmt.Sprint("hierarchy ", m["HierarchyId"]))
		}
		if id := m["FieldId"]; id != nil {
			if strings.HasSuffix(fmt.Sprint(parent), "Field]") {
				declare(t, ids, fmt.Sprint("field ", id))
			} else {
				uses = append(uses, fmt.Sprint("field ", id))
			}
		}
	})
	for _, use := range uses {
		if !ids[use] {
			t.Errorf("there is no %s", use)
		}
	}
	for id := range ids {
		if kind := strings.Fields(id)[0]; kind != "group" && kind != "filter" && kind != "field" && !slices.Contains(uses, id) {
			t.Errorf("%s is not used", id)
		}
	}
	if len(ids) < 20 || len(uses) < 20 {
		t.Errorf("found %d names and %d uses", len(ids), len(uses))
	}
}

// TestQuickSightShowsTheArticlesDashboard says that the visuals and filters which the article makes by
// hand are there, and those that go beyond it.
func TestQuickSightShowsTheArticlesDashboard(t *testing.T) {
	stack := quickSightStack(t, map[string]string{"QuickSightPrincipalArn": principal})
	definition := templatetest.Get(stack.Resources["Dashboard"].Properties, "Definition")
	shown := map[string]string{} // what of each visual and filter matters, by its ID
	for v := range each(templatetest.Get(definition, "Sheets", 0), "Visuals") {
		for kind, visual := range v {
			var what []string
			walk(templatetest.Get(visual, "ChartConfiguration", "FieldWells"), nil, func(_ []string, m map[string]any) {
				if c := templatetest.Get(m, "Column", "ColumnName"); c != nil {
					what = append(what, strings.TrimSpace(fmt.Sprint(c, " ", text(templatetest.Get(m, "AggregationFunction", "SimpleNumericalAggregation")), text(m["DateGranularity"]))))
				}
			})
			slices.Sort(what)
			orientation := text(templatetest.Get(visual, "ChartConfiguration", "Orientation"))
			shown[text(templatetest.Get(visual, "VisualId"))] = strings.TrimSpace(orientation + " " + kind + ": " + strings.Join(what, ", "))
		}
	}
	for g := range each(definition, "FilterGroups") {
		scope := templatetest.Get(g, "ScopeConfiguration", "SelectedSheets", "SheetVisualScopingConfigurations", 0)
		for kind, f := range templatetest.Get(g, "Filters", 0).(map[string]any) {
			shown["filter "+text(templatetest.Get(f, "FilterId"))] = fmt.Sprintf("%s: %s %s of %s%v", kind, text(templatetest.Get(f, "Limit")),
				text(templatetest.Get(f, "Column", "ColumnName")), text(templatetest.Get(scope, "Scope")), templatetest.Get(scope, "VisualIds"))
		}
	}
	want := map[string]string{
		"clients":              "HORIZONTAL BarChartVisual: bytes SUM, clientip",
		"edges":                "HORIZONTAL BarChartVisual: bytes SUM, globalacceleratorregion",
		"endpoints":            "LineChartVisual: bytes SUM, endpointip, starttime HOUR",
		"directions":           "VERTICAL BarChartVisual: bytes SUM, direction, starttime DAY",
		"rejects":              "TableVisual: line COUNT, line MIN, reason, source, utcday",
		"filter time-range":    "TimeRangeFilter:  starttime of ALL_VISUALS<nil>",
		"filter top-clients":   "TopBottomFilter: 10 clientip of SELECTED_VISUALS[clients]",
		"filter top-endpoints": "TopBottomFilter: 8 endpointip of SELECTED_VISUALS[endpoints]",
		"filter newest-day":    "TopBottomFilter: 1 utcday of SELECTED_VISUALS[rejects]",
	}
	if !maps.Equal(shown, want) {
		t.Errorf("the dashboard shows\n%v\nwant\n%v", shown, want)
	}
}

// text gives a value as text, "" where there is none.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// TestQuickSightLayout says that the visuals lie side by side within the grid.
func TestQuickSightLayout(t *testing.T) {
	const columns = 36
	stack := quickSightStack(t, map[string]string{"QuickSightPrincipalArn": principal})
	sheet := templatetest.Get(stack.Resources["Dashboard"].Properties, "Definition", "Sheets", 0)
	taken := map[[2]int]any{}
	for e := range each(templatetest.Get(sheet, "Layouts", 0, "Configuration", "GridLayout"), "Elements") {
		at := func(key string) int { n, _ := e[key].(int); return n }
		for row := range at("RowSpan") {
			for column := range at("ColumnSpan") {
				cell := [2]int{at("RowIndex") + row, at("ColumnIndex") + column}
				if other := taken[cell]; other != nil || cell[1] >= columns {
					t.Fatalf("%v lies over %v, or beyond the edge", e["ElementId"], other)
				}
				taken[cell] = e["ElementId"]
			}
		}
	}
	if len(taken)%columns != 0 || len(taken) == 0 {
		t.Errorf("%d cells of a grid of %d columns are taken", len(taken), columns)
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

// declare notes a name, which must be new.
func declare(t *testing.T, ids map[string]bool, id string) {
	t.Helper()
	if ids[id] {
		t.Errorf("%s is declared twice", id)
	}
	ids[id] = true
}

// each gives the maps in the list that a map has under a key.
func each(v any, key string) func(func(map[string]any) bool) {
	list, _ := templatetest.Get(v, key).([]any)
	return func(yield func(map[string]any) bool) {
		for _, e := range list {
			if m, ok := e.(map[string]any); ok && !yield(m) {
				return
			}
		}
	}
}

// walk visits every map of a value, with the keys that lead to it.
func walk(v any, path []string, visit func(path []string, m map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(path, v)
		for key, e := range v {
			walk(e, append(slices.Clone(path), key), visit)
		}
	case []any:
		for _, e := range v {
			walk(e, path, visit)
		}
	}
}
