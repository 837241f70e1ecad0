package query

// functions gives the statements that make the functions of Athena that queries over flow logs use
// and DuckDB has under another name.
func functions() []string {
	return []string{
		"CREATE MACRO main.approx_distinct(x) AS approx_count_distinct(x)",
		"CREATE MACRO main.approx_percentile(x, fraction) AS approx_quantile(x, fraction)",
		"CREATE MACRO main.from_unixtime(seconds) AS make_timestamp(CAST(round(CAST(seconds AS DOUBLE) * 1000) AS BIGINT) * 1000)",
		"CREATE MACRO main.regexp_like(text, expression) AS regexp_matches(text, expression)",
		"CREATE MACRO main.to_unixtime(instant) AS epoch(instant)",
	}
}
