package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/deploy/templatetest"
	"github.com/flowlake/flowlake/schema"
)

// quickSightSQL gives the SQL of a data set of the QuickSight template that reaches three days back.
func quickSightSQL(t *testing.T, id, name string) string {
	t.Helper()
	template, err := templatetest.Load("../../../deploy/quicksight.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack, err := template.Evaluate(map[string]string{
		"QuickSightPrincipalArn": "arn:aws:quicksight:us-east-1:123456789012:user/default/alice", "Days": "3"})
	if err != nil {
		t.Fatal(err)
	}
	sql, ok := templatetest.Get(stack.Resources[id].Properties, "PhysicalTableMap", name, "CustomSql", "SqlQuery").(string)
	if !ok {
		t.Fatalf("%s has no SQL", id)
	}
	return sql
}

// TestQuickSight runs the SQL of the data sets, as QuickSight does: within a query of its own.
func TestQuickSight(t *testing.T) {
	log := schema.GlobalAccelerator()
	for _, test := range []struct {
		id, name, column string
		table            *schema.Table
	}{
		{"Flows", "flows", "clientip", log},
		{"Rejects", "rejects", "reason", log.Rejects()},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A name for each day: around the turn of a year, today, and where the clock cannot matter.
			days := map[schema.Day]string{
				day(-4): "'2025-12-27'", day(-3): "'2025-12-28'", day(-2): "'2025-12-29'", day(-1): "'2025-12-30'", day(0): "'2025-12-31'",
				day(1): "'2026-01-01'", day(2): "'2026-01-02'",
				schema.DayOf(time.Now().Unix()): "'today'", schema.DayOf(0): "'first'", schema.DayOf(schema.MaxSeconds): "'last'", schema.NoDay: "'none'",
			}
			l := newLake(t, t.TempDir())
			l.table = test.table
			for d, name := range days {
				l.write(l.table.Partition(d).Location, "a.parquet", test.column, "("+name+")")
				l.register(d)
			}
			db := l.open(Options{Database: "flowlake"})
			sql := quickSightSQL(t, test.id, test.name)
			checkColumns(t, db, sql, test.table)

			ask := func(sql string) string {
				return fmt.Sprintf("SELECT %s, count(*) FROM (%s) AS q GROUP BY %[1]s ORDER BY %[1]s", test.column, sql)
			}
			at := func(date string) string {
				if !strings.Contains(sql, "current_date") {
					t.Fatalf("want current_date in %s", sql)
				}
				return ask(strings.ReplaceAll(sql, "current_date", "DATE '"+date+"'"))
			}
			want(t, db, at("2026-01-02"), "2025-12-30 1", "2025-12-31 1", "2026-01-01 1", "2026-01-02 1")
			want(t, db, at("2026-01-03"), "2025-12-31 1", "2026-01-01 1", "2026-01-02 1")
			want(t, db, at("2026-01-06"))
			if got := answer(t, db, ask(sql)); len(got) != 1 || got[0] != "today 1" {
				t.Errorf("today the SQL gives %s", got)
			}
		})
	}
}
