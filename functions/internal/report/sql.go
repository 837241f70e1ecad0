package report

import (
	"fmt"
	"strconv"
	"strings"
)

// instant is the SQL of a record's time: its start or, as for its partition, the day that its file is
// of. It is NULL where there is neither.
const instant = "coalesce(starttime, " + partitionDay + ")"

// partitionDay is the SQL of a partition's day, NULL where the keys are no date.
const partitionDay = "try_cast(year || '-' || month || '-' || day AS TIMESTAMP)"

// totalsSQL asks for one row: what all records add up to.
func totalsSQL(table string) string {
	return `
SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(packets), 0), min(starttime), max(coalesce(endtime, starttime)),
	count(DISTINCT acceleratorid), count(DISTINCT endpointip)
FROM ` + table
}

// daysSQL asks for the days of the records, NULL for those without a time, as rows of: start of the
// day, records, instants of the first and the last of them.
func daysSQL(table string) string {
	return `
SELECT date_trunc('day', t) AS d, count(*), min(t), max(t)
FROM (SELECT ` + instant + ` AS t FROM ` + table + `)
GROUP BY d ORDER BY d`
}

// dimension is what records are told apart by, besides time, accelerator and direction.
type dimension struct {
	name string
	expr string // SQL over the columns of its scan
	// where says which records count, in SQL over the columns of its scan; "" stands for all.
	where string
	// rows says that records are counted, and not their bytes.
	rows bool
	// members is how many values are told apart at most; the others are one. least is how many of them
	// the page promises: steps get longer until they fit.
	members, least int
	// cells is how many numbers of it the page takes; for more than that, members give way.
	cells int
}

// scan is one pass over the records, which serves several dimensions.
type scan struct {
	columns    string
	dimensions []dimension
}

// scans are all of the passes but that for client addresses, which are too many to be counted for
// each step. Columns that hang together share a pass: the groups are few then.
func scans() []scan {
	return []scan{{
		columns: "endpointip, endpointregion, action, rejectreason",
		dimensions: []dimension{
			{name: "endpoints", expr: "endpointip", members: 8, least: 8, cells: 12_000},
			{name: "regions", expr: "endpointregion", members: 30, least: 30, cells: 12_000},
			{name: "refused", expr: "rejectreason", where: "action = 'REJECT'", rows: true, members: 15, least: 15, cells: 5_000},
		},
	}, {
		columns: "globalacceleratorregion, protocol, gipport",
		dimensions: []dimension{
			{name: "edges", expr: "globalacceleratorregion", members: 40, least: 15, cells: 20_000},
			{name: "ports", expr: "coalesce(protocol, '-') || ' ' || coalesce(CAST(gipport AS VARCHAR), '-')", members: 15, least: 15, cells: 12_000},
		},
	}}
}

// clients is the dimension of client addresses: of candidates only, which are those with most bytes.
func clients() dimension {
	return dimension{name: "clients", expr: "clientip", members: 200, least: 10, cells: 35_000}
}

// maxName is the length, in bytes, up to which a value is told apart; longer ones count as others.
const maxName = 128

// top gives the SQL of the members of a dimension: its values with the largest sums in a relation, as
// x, with true as kept.
func (d *dimension) top(relation string) string {
	size := "sum(b)"
	if d.rows {
		size = "sum(n)"
	}
	return fmt.Sprintf("SELECT %s AS x, true AS kept FROM %s%s GROUP BY x HAVING x IS NULL OR strlen(x) <= %d ORDER BY %s DESC, x NULLS LAST LIMIT %d",
		d.expr, relation, d.filter(), maxName, size, d.members)
}

func (d *dimension) filter() string {
	if d.where == "" {
		return ""
	}
	return " WHERE " + d.where
}

// scanSQL asks for the cells of all dimensions of a scan, as rows of: number of the dimension, start
// of the step, accelerator, direction, whether a member is told apart, its name, records, bytes,
// packets.
func scanSQL(table string, u unit, s scan) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
WITH g AS MATERIALIZED (
	SELECT date_trunc('%s', %s) AS t, acceleratorid AS a, direction AS d, %s,
		count(*) AS n, coalesce(sum(bytes), 0) AS b, coalesce(sum(packets), 0) AS p
	FROM %s GROUP BY ALL
)`, u, instant, s.columns, table)
	for i, d := range s.dimensions {
		if i > 0 {
			b.WriteString("\nUNION ALL")
		}
		fmt.Fprintf(&b, `
SELECT %d, t, a, d, coalesce(kept, false) AS kept, CASE WHEN kept THEN v.x END AS x, sum(n), sum(b), sum(p)
FROM (SELECT t, a, d, n, b, p, %s AS x FROM g%s) AS v LEFT JOIN (%s) AS m ON v.x IS NOT DISTINCT FROM m.x
GROUP BY ALL`, i, d.expr, d.filter(), d.top("g"))
	}
	return b.String()
}

// clientsSQL asks for the cells of the candidates among the client addresses, as rows of scanSQL with
// the number of all addresses behind.
func clientsSQL(table string, u unit) string {
	d := clients()
	return fmt.Sprintf(`
WITH g AS MATERIALIZED (
	SELECT clientip, coalesce(sum(bytes), 0) AS b FROM %[1]s WHERE clientip IS NOT NULL GROUP BY clientip
), m AS MATERIALIZED (%[2]s)
SELECT 0, date_trunc('%[3]s', %[4]s) AS t, acceleratorid AS a, direction AS d, true, clientip, count(*), coalesce(sum(bytes), 0),
	coalesce(sum(packets), 0), (SELECT count(*) FROM g)
FROM %[1]s JOIN m ON clientip = x
GROUP BY ALL`, table, d.top("g"), u, instant)
}

// maxReasons is how many reasons of rejected lines are told apart.
const maxReasons = 15

// rejectsSQL asks for rows of: day, whether the reason is told apart, the reason, lines.
func rejectsSQL(table string) string {
	return `
WITH g AS MATERIALIZED (
	SELECT ` + partitionDay + ` AS t, reason, count(*) AS n FROM ` + table + ` GROUP BY ALL
), m AS (
	SELECT reason AS x, true AS kept FROM g GROUP BY x HAVING x IS NULL OR strlen(x) <= ` + strconv.Itoa(maxName) + ` ORDER BY sum(n) DESC, x NULLS LAST LIMIT ` + strconv.Itoa(maxReasons) + `
)
SELECT t, coalesce(kept, false) AS kept, CASE WHEN kept THEN reason END AS x, sum(n)
FROM g LEFT JOIN m ON reason IS NOT DISTINCT FROM x
GROUP BY ALL`
}
