package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/deploy/templatetest"
)

// deployed gives the stack that the template makes.
func deployed(t *testing.T, parameters map[string]string) *templatetest.Stack {
	t.Helper()
	tmpl, err := templatetest.Load("../../deploy/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"FlowLogBucket": "logs", "LakeBucketName": "lake", "CodeBucket": "code", "CodeKey": "convert.zip"}
	for name, value := range parameters {
		all[name] = value
	}
	s, err := tmpl.Evaluate(all)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// leftAlone are the variables that the template does not set, so that their defaults hold.
var leftAlone = []string{
	"FLOWLAKE_CATALOG_ID", "FLOWLAKE_CODEC", "FLOWLAKE_SORT_ROWS", "FLOWLAKE_ROW_GROUP_ROWS", "FLOWLAKE_MAX_LINE",
	"FLOWLAKE_STANDARD_GUNZIP", "FLOWLAKE_CONCURRENCY",
}

// The environment that the template gives the function is one that it starts with, and means what the
// template's parameters say.
func TestTemplateEnvironment(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/1"
	for _, test := range []struct {
		parameters map[string]string
		kmsKey     string
		database   string
		source     location
	}{
		{nil, "", "flowlake", location{"logs", "AWSLogs/"}},
		{map[string]string{"FlowLogPrefix": "mine/AWSLogs/", "DatabaseName": "sampledb", "CreateDatabase": "false", "KmsKeyArn": key, "LogLevel": "WARN"},
			key, "sampledb", location{"logs", "mine/AWSLogs/"}},
	} {
		function := deployed(t, test.parameters).Resources["Convert"].Properties
		environment, _ := templatetest.Get(function, "Environment", "Variables").(map[string]any)
		environ := []string{fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%v", function["MemorySize"]), fmt.Sprintf("AWS_LAMBDA_FUNCTION_NAME=%v", function["FunctionName"])}
		for name, value := range environment {
			environ = append(environ, name+"="+value.(string))
		}
		c, err := readConfig(environ)
		if err != nil {
			t.Errorf("the function does not start: %v", err)
		}
		if c.lake != (location{"lake", "lake/"}) || c.database != test.database || !slices.Equal(c.sources, []location{test.source}) ||
			c.kmsKey != test.kmsKey || c.lakeOwner != templatetest.Account || c.sourceOwner != templatetest.Account || c.function != "flowlake-convert" {
			t.Errorf("the template configures %+v", c)
		}
		for _, v := range variables() {
			if _, set := environment[v.name]; set == slices.Contains(leftAlone, v.name) {
				t.Errorf("%s is set: %t", v.name, set)
			}
		}
	}
}

// Alarms and dashboard look at metrics that there are, and at all of them somewhere.
func TestTemplateMetrics(t *testing.T) {
	units := map[string]string{}
	for _, m := range metricsOf(new(invocation)) {
		units[m.name] = m.unit
	}
	s := deployed(t, nil)
	watched := map[string]bool{}
	for _, id := range s.Of("AWS::CloudWatch::Alarm") {
		p := s.Resources[id].Properties
		single := map[string]any{"Namespace": p["Namespace"], "MetricName": p["MetricName"], "Dimensions": p["Dimensions"]}
		metrics := []any{single}
		if list, ok := p["Metrics"].([]any); ok {
			metrics = nil
			for _, m := range list {
				if metric := templatetest.Get(m, "MetricStat", "Metric"); metric != nil {
					metrics = append(metrics, metric)
				}
			}
		}
		for _, m := range metrics {
			if templatetest.Get(m, "Namespace") != metricsNamespace {
				continue
			}
			name, _ := templatetest.Get(m, "MetricName").(string)
			dimensions := templatetest.JSON(templatetest.Get(m, "Dimensions"))
			if units[name] == "" || dimensions != `[{"Name":"`+metricsDimension+`","Value":"flowlake-convert"}]` {
				t.Errorf("%s looks at %s of %s", id, name, dimensions)
			}
			watched[name] = true
		}
	}
	for _, name := range []string{"ObjectsConverted", "Rejects", "Lines"} {
		if !watched[name] {
			t.Errorf("no alarm looks at %s", name)
		}
	}

	for _, series := range dashboardMetrics(t, s) {
		if series.namespace != metricsNamespace {
			continue
		}
		if units[series.name] == "" || series.dimension != metricsDimension || series.value != "flowlake-convert" {
			t.Errorf("the dashboard shows %+v", series)
		}
		watched[series.name] = true
	}
	for name := range units {
		if !watched[name] {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

// series is one line of a widget of the dashboard.
type series struct{ namespace, name, dimension, value string }

// dashboardMetrics gives the lines of all widgets, abbreviations written out: "." stands for what the
// line above has in that place, and "..." for all that is missing in front.
// Format: Amazon CloudWatch API reference, "Dashboard Body Structure and Syntax".
func dashboardMetrics(t *testing.T, s *templatetest.Stack) (all []series) {
	t.Helper()
	body, _ := s.Resources["Dashboard"].Properties["DashboardBody"].(string)
	var dashboard struct {
		Widgets []struct {
			Type       string
			Properties struct {
				Title   string
				Query   string
				Metrics [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
		t.Fatalf("the dashboard's body: %v", err)
	}
	for _, w := range dashboard.Widgets {
		var above []string
		for _, metric := range w.Properties.Metrics {
			var line []string
			for _, v := range metric {
				if text, ok := v.(string); ok {
					line = append(line, text)
				}
			}
			if line[0] == "..." {
				line = append(slices.Clone(above[:len(above)-len(line)+1]), line[1:]...)
			}
			for i := range line {
				if line[i] == "." {
					line[i] = above[i]
				}
			}
			if len(line) != 4 {
				t.Fatalf("widget %q: line %v", w.Properties.Title, metric)
			}
			all = append(all, series{line[0], line[1], line[2], line[3]})
			above = line
		}
		if (w.Type == "log") != (w.Properties.Query != "") || (w.Type == "metric") != (len(w.Properties.Metrics) > 0) || w.Properties.Title == "" {
			t.Errorf("widget %+v", w)
		}
	}
	return all
}

// The saved queries and the dashboard filter by messages that the function logs.
func TestTemplateLogQueries(t *testing.T) {
	s := deployed(t, nil)
	texts := []string{fmt.Sprint(s.Resources["Dashboard"].Properties["DashboardBody"]), fmt.Sprint(s.Resources["FailedObjects"].Properties["QueryString"])}
	messages := regexp.MustCompile(`msg (?:=|in) ((?:'[^']*')|(?:\[[^\]]*\]))`).FindAllStringSubmatch(strings.Join(texts, "\n"), -1)
	if len(messages) != 2 {
		t.Fatalf("queries by %q", messages)
	}
	source, err := os.ReadFile("report.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		for message := range strings.SplitSeq(strings.Trim(m[1], "[]"), ",") {
			if message = strings.Trim(message, `'" `); !strings.Contains(string(source), `"`+message+`"`) {
				t.Errorf("nobody logs %q", message)
			}
		}
	}
}
