package query

import (
	"errors"
	"os"
	"testing"
)

// TestReadOnly says that nothing but a query is run.
func TestReadOnly(t *testing.T) {
	l := newLake(t, t.TempDir())
	file := l.write(l9, "a.parquet", "clientip", "('10.0.0.1')")
	l.register(day(9))
	before := read(t, file)
	db := l.open(Options{})
	const logs = "ena'||'ble_logging(storage=''file'', storage_path=''/nowhere/log'')"
	copies := "COPY (SELECT 1) TO " + literal(file) + " (FORMAT parquet, USE_TMP_FILE false)"
	for _, sql := range []string{
		"", "-- nothing", ";",
		copies, "EXPLAIN ANALYZE " + copies, "explain /* */ analyze " + copies, "EXPLAIN (ANALYZE) " + copies,
		"EXPLAIN ANALYSE " + copies, "EXPLAIN (ANALYSE) " + copies, "EXPLAIN (FORMAT json, ANALYSE) " + copies, "EXPLAIN (FORMAT json) ANALYSE " + copies,
		"/* /* */ EXPLAIN SELECT 1 -- */ EXPLAIN ANALYSE " + copies, "-- \rEXPLAIN ANALYSE " + copies, "EXPLAIN " + copies, "EXPLAIN EXPLAIN SELECT 1", "EXPLAIN",
		"SELECT 1; " + copies, copies + "; SELECT 1", "SELECT 1; SELECT 2",
		"CREATE TABLE t AS SELECT 1", "CREATE TEMP TABLE t AS SELECT 1", "DROP VIEW aga_flow_logs", "INSERT INTO aga_flow_logs SELECT * FROM aga_flow_logs",
		"SET threads = 1", "SET VARIABLE a = 1", "RESET lock_configuration", "PRAGMA threads = 1", "USE sampledb", "BEGIN",
		"ATTACH ':memory:' AS other", "INSTALL httpfs", "LOAD httpfs", "CALL enable_logging()", "EXPORT DATABASE '/tmp/x'", "CHECKPOINT",
		"FROM enable_logging(storage = 'file', storage_path = '/tmp/x')", `FROM "Enable_Profiling"(format = 'json')`,
		"FROM query('FROM ena' || 'ble_logging()')", `FROM "query" /* */ ('SELECT 1')`, "FROM query_table('aga_flow_logs')",
		"FROM query/*\n*/('SELECT 1')", "FROM query--x\r('SELECT 1')", "FROM query\u00a0('SELECT 1')", `FROM system.main."QUERY"('SELECT 1')`,
		"SELECT 1 WHERE 1 IN (SELECT a FROM (VALUES (1)) AS v(a), LATERAL (FROM query('SELECT 1')))", "SUMMARIZE FROM query('SELECT 1')", "EXPLAIN FROM query('SELECT 1')",
		"WITH a AS (FROM query('SELECT 1')) SELECT 1", "SELECT [x FOR x IN [1] IF x = (FROM query('SELECT 1'))]", "FROM (FROM range(1)) UNION ALL (FROM query('SELECT 1')) ORDER BY 1",
		"SELECT sum(1) OVER (PARTITION BY (FROM query('SELECT 1')))", "SELECT 1 LIMIT (FROM query('SELECT 1'))", "SELECT 1 AS a GROUP BY (FROM query('SELECT 1'))",
		"FROM json_execute_serialized_sql(json_serialize_sql('FROM " + logs + "'))", "PRAGMA json_execute_serialized_sql('{}')", "FROM arrow_scan(0, 0, 0)", "FROM truncate_duckdb_logs()",
		"SELECT json_serialize_plan('FROM arrow_scan(0, 0, 0)')", `SELECT abs(length("JSON_Serialize_Plan"('SELECT 1')))`,
		"PRAGMA table_info('aga_flow_logs')", "WITH a AS (INSERT INTO aga_flow_logs SELECT 1 RETURNING *) FROM a", "PREPARE p AS SELECT 1", "CREATE SECRET (TYPE s3)",
	} {
		if _, err := try(t.Context(), db, sql); err == nil {
			t.Errorf("%s: was run", sql)
		} else if known := new(Error); !errors.Is(err, ErrNotQuery) && !errors.As(err, &known) {
			t.Errorf("%s: error is %v", sql, err)
		}
	}
	if read(t, file) != before {
		t.Error("a file of the lake was changed")
	}
	for _, sql := range []string{
		"SELECT 1 -- analyze", "  WITH a AS (SELECT 1) FROM a;\n-- end", "VALUES (1)", "FROM aga_flow_logs", "DESCRIBE aga_flow_logs", "SHOW TABLES",
		"SUMMARIZE aga_flow_logs", "EXPLAIN SELECT * FROM aga_flow_logs", "-- why\n /* so * / ** */ explain (Format JSON) FROM aga_flow_logs; -- end", "EXPLAIN(FROM range(1))", "EXPLAIN/**/VALUES (1)",
		"SELECT 1 AS n -- the query (of mine)", "SELECT 'see query (1) or enable_logging' AS s", `SELECT count(*) AS "my query (all)" FROM aga_flow_logs`, "WITH query(a) AS (SELECT 1) FROM query",
		"SELECT value FROM duckdb_settings() WHERE name LIKE 'enable_logging%'", "EXPLAIN SELECT 1 WHERE 'analyzer' = 'analyse'", "FROM generate_series(1, 3), Range(2), unnest([1, 2])",
		"FROM histogram_values(aga_flow_logs, clientip)", "FROM json_each('[1]')", "FROM information_schema.tables", "FROM aga_flow_logs PIVOT (count(*) FOR clientip IN ('10.0.0.1'))",
	} {
		if _, err := try(t.Context(), db, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if read(t, file) != before {
		t.Error("a file of the lake was changed")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
