package deploy_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/schema"
)

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
