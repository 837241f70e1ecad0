package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed assets echarts
var files embed.FS

// Page says how a page is written.
type Page struct {
	// Title is the page's heading, as text; default [DefaultTitle].
	Title string
}

// DefaultTitle is the heading of a page that is given none.
const DefaultTitle = "AWS Global Accelerator flow logs"

// Chart is a picture of the page, with its table.
type Chart struct {
	// Name is what data-chart and data-table say.
	Name string
	// Title is the heading over it, Caption the line below it.
	Title, Caption string
}

// Charts gives the pictures, in the order of the page.
func Charts() []Chart {
	return []Chart{
		{"clients", "Top 10 client addresses by bytes", "Bytes of both directions, unless one is chosen."},
		{"endpoints", "Bytes by endpoint over time", "The eight endpoints with most bytes over the whole range, and all others together."},
		{"directions", "Ingress and egress over time", "Ingress goes from clients to endpoints, egress comes back."},
		{"edges", "Bytes by edge location", "The 15 edge locations with most bytes are drawn; the table has more."},
		{"regions", "Bytes by endpoint Region", "The AWS Region of the endpoint."},
		{"ports", "Bytes by protocol and port", "The port is the accelerator's; the 15 with most bytes over the whole range are told apart."},
		{"refused", "Refused traffic by reason", "Records whose action is REJECT."},
		{"rejects", "Rejected lines by reason", "Lines of the logs that are no records. They are told apart by whole days; accelerator and direction do not apply."},
		{"completeness", "Completeness by day", "Source files seen, of 288 of five minutes for each accelerator and day, from the day of its first file to 30 days after its last, but no later than the day before this page was made; where no file at all came for longer than that, to the last one. AWS writes no file for five minutes without traffic: such a time is not seen. Days count as a whole; direction does not apply."},
		{"lag", "Lag by day", "Source files by the time from the end of their five minutes to the writing of their Parquet file, the last one where there are several. Of days that were replayed, and in lakes that were copied, it says when that was. Days count as a whole; direction does not apply."},
	}
}

// scripts are the files of the page's own script, in their order. They share one scope.
var scripts = []string{"data.js", "format.js", "table.js", "chart.js", "page.js"}

// Write writes the page.
func (d *Data) Write(w io.Writer, p Page) error {
	t, err := template.ParseFS(files, "assets/page.html")
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	// It escapes <, >, & and the line separators of JavaScript, so that no text can end the element.
	data, err := json.Marshal(d.page)
	if err != nil {
		return fmt.Errorf("encode data: %w", err)
	}
	var own strings.Builder
	own.WriteString("(() => {\n'use strict';\n")
	for _, name := range scripts {
		own.WriteString(text("assets/" + name))
	}
	own.WriteString("})();\n")
	if p.Title == "" {
		p.Title = DefaultTitle
	}
	style, library := text("assets/page.css"), text("echarts/echarts.common.min.js")
	err = t.Execute(w, map[string]any{
		"Title":   visible(p.Title),
		"Policy":  policy(style, library, own.String()),
		"Style":   template.CSS(style),
		"Charts":  Charts(),
		"Data":    template.JS(data),
		"Library": template.JS(library),
		"Script":  template.JS(own.String()),
		"Licences": strings.Join([]string{text("echarts/NOTICE"), text("echarts/LICENSE"),
			"d3\n\n" + text("echarts/LICENSE-d3"), "ZRender\n\n" + text("echarts/LICENSE-zrender")}, "\n\n"),
	})
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// text gives a file that is compiled in.
func text(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("report: " + err.Error())
	}
	return string(b)
}

// policy gives the content security policy of a page with one style and those scripts: nothing else
// runs, and nothing is loaded. The library sets style attributes of what it draws.
func policy(style string, scripts ...string) string {
	var b strings.Builder
	b.WriteString("default-src 'none'; base-uri 'none'; form-action 'none'; connect-src 'none'; img-src data:; style-src-attr 'unsafe-inline'; style-src " + hash(style) + "; script-src")
	for _, s := range scripts {
		b.WriteString(" " + hash(s))
	}
	return b.String()
}

// hash gives the source expression of an inline text.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
