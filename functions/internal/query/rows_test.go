package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"
)

func openEmpty(t *testing.T) *DB { return newLake(t, t.TempDir()).open(Options{}) }

// TestValues reads every type that there is, and NULL of it.
func TestValues(t *testing.T) {
	huge, _ := new(big.Int).SetString("-170141183460469231731687303715884105728", 10)
	at := time.Date(2026, 1, 9, 1, 2, 3, 4e6, time.UTC)
	db := openEmpty(t)
	for _, test := range []struct {
		sql, typ string
		numeric  bool
		want     any
	}{
		{"true", "BOOLEAN", false, true},
		{"(-128)::TINYINT", "TINYINT", true, int64(-128)},
		{"(-32768)::SMALLINT", "SMALLINT", true, int64(-32768)},
		{"(-2147483648)::INTEGER", "INTEGER", true, int64(math.MinInt32)},
		{"(-9223372036854775808)::BIGINT", "BIGINT", true, int64(math.MinInt64)},
		{"255::UTINYINT", "UTINYINT", true, int64(255)},
		{"65535::USMALLINT", "USMALLINT", true, int64(65535)},
		{"4294967295::UINTEGER", "UINTEGER", true, int64(4294967295)},
		{"18446744073709551615::UBIGINT", "UBIGINT", true, uint64(math.MaxUint64)},
		{"'-170141183460469231731687303715884105728'::HUGEINT", "HUGEINT", true, huge},
		{"sum(18446744073709551616::HUGEINT)", "HUGEINT", true, new(big.Int).Lsh(big.NewInt(1), 64)},
		{"1.5::FLOAT", "FLOAT", true, float32(1.5)},
		{"1e300::DOUBLE", "DOUBLE", true, 1e300},
		{"(-0.05)::DECIMAL(4,2)", "DECIMAL(4,2)", true, Decimal("-0.05")},
		{"12345.678::DECIMAL(9,3)", "DECIMAL(9,3)", true, Decimal("12345.678")},
		{"0::DECIMAL(18,1)", "DECIMAL(18,1)", true, Decimal("0.0")},
		{"(-7)::DECIMAL(38,0)", "DECIMAL(38,0)", true, Decimal("-7")},
		{"''", "VARCHAR", false, ""},
		{"'twelve bytes'", "VARCHAR", false, "twelve bytes"},
		{"'more than twelve bytes, é'", "VARCHAR", false, "more than twelve bytes, é"},
		{"'a' || chr(0) || 'b'", "VARCHAR", false, "a\x00b"},
		{"DATE '1969-12-31'", "DATE", false, "1969-12-31"},
		{"TIMESTAMP '2026-01-09 01:02:03.004'", "TIMESTAMP", false, at},
		{"TIMESTAMPTZ '2026-01-09 03:02:03.004+02'", "TIMESTAMP WITH TIME ZONE", false, at},
		{"'2026-01-09 01:02:03.004'::TIMESTAMP_MS", "TIMESTAMP_MS", false, at},
		{"'2026-01-09 01:02:03'::TIMESTAMP_S", "TIMESTAMP_S", false, at.Truncate(time.Second)},
		{"'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS", "TIMESTAMP_NS", false, time.Unix(0, -1).UTC()},
	} {
		rows, err := db.Query(t.Context(), fmt.Sprintf("SELECT v AS 'a name' FROM (SELECT %s AS v, 1 AS i UNION ALL SELECT NULL, 2) ORDER BY i", test.sql))
		if err != nil {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		if c, want := rows.Columns()[0], (Column{"a name", test.typ, test.numeric}); c != want {
			t.Errorf("%s: column is %v, want %v", test.sql, c, want)
		}
		var got []any
		for rows.Next() {
			got = append(got, rows.Values()[0])
		}
		if err := rows.Err(); err != nil || !reflect.DeepEqual(got, []any{test.want, nil}) {
			t.Errorf("%s: have %#v and %v, want %#v and nil", test.sql, got, err, test.want)
		}
		rows.Close()
	}
	for _, sql := range []string{"[1]", "{'a': 1}", "MAP {1: 2}", "'x'::BLOB", "INTERVAL '1' DAY", "TIME '01:02:03'", "uuid()"} {
		if lines, err := try(t.Context(), db, "SELECT "+sql+" AS odd"); err == nil {
			t.Errorf("%s: gave %q", sql, lines)
		}
		if _, err := try(t.Context(), db, "SELECT CAST("+sql+" AS VARCHAR)"); err != nil {
			t.Errorf("%s as text: %v", sql, err)
		}
	}
}

// TestManyRows crosses the borders of chunks, with NULLs among them.
func TestManyRows(t *testing.T) {
	rows, err := openEmpty(t).Query(t.Context(), "SELECT CASE WHEN i % 3 > 0 THEN i END, 'text of row ' || i FROM range(10000) AS r(i)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var want any
		if n%3 > 0 {
			want = int64(n)
		}
		if v := rows.Values(); v[0] != want || v[1] != fmt.Sprint("text of row ", n) {
			t.Fatalf("row %d is %v", n, v)
		}
	}
	if n != 10000 || rows.Next() || rows.Next() || rows.Err() != nil {
		t.Errorf("%d rows, error %v", n, rows.Err())
	}
}

// TestRowsStream says that rows come while the query runs: this one does not end.
func TestRowsStream(t *testing.T) {
	rows, err := openEmpty(t).Query(t.Context(), "SELECT i FROM range(1000000000000000) AS r(i)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10000 {
		if !rows.Next() || rows.Values()[0] != int64(i) {
			t.Fatalf("row %d: %v, error %v", i, rows.Values(), rows.Err())
		}
	}
	for range 2 {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if rows.Next() || rows.Err() != nil {
		t.Errorf("a row after Close, or error %v", rows.Err())
	}
}

// TestLateError says that an error after the first rows is not taken for their end.
func TestLateError(t *testing.T) {
	lines, err := try(t.Context(), openEmpty(t), "SELECT CAST(CASE WHEN i = 1000000 THEN 'x' ELSE '1' END AS BIGINT) FROM range(2000000) AS r(i)")
	if known := new(Error); !errors.As(err, &known) || len(lines) >= 1000000 {
		t.Errorf("%d rows, error %v", len(lines), err)
	}
}

// TestCancel stops queries before their start, before their first row and between rows.
func TestCancel(t *testing.T) {
	db := openEmpty(t)
	const long = "SELECT sum(i * j) FROM range(100000000) AS r(i), range(1000000) AS s(j)"
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.Query(ctx, long); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	for _, after := range []time.Duration{time.Microsecond, time.Millisecond, 100 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			start := time.Now()
			if lines, err := try(ctx, db, long); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("rows %q, error %v", lines, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("between rows", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows, err := db.Query(ctx, "SELECT i FROM range(1000000000000000) AS r(i)")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for n := 0; rows.Next(); n++ {
			if n == 5000 {
				cancel()
			}
			if n > 1000000 {
				t.Fatal("goes on and on")
			}
		}
		if !errors.Is(rows.Err(), context.Canceled) {
			t.Errorf("error is %v", rows.Err())
		}
	})
	want(t, db, "SELECT 1", "1")
}

// TestManyQueries runs queries side by side, and one that outlives its database.
func TestManyQueries(t *testing.T) {
	l := newLake(t, t.TempDir())
	db, err := Open(t.Context(), nil, l, l, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			sql := fmt.Sprintf("SELECT count(*) + %d FROM range(1000000)", i)
			if lines, err := try(t.Context(), db, sql); err != nil || len(lines) != 1 || lines[0] != fmt.Sprint(1000000+i) {
				t.Errorf("%s: %q, %v", sql, lines, err)
			}
		})
	}
	g.Wait()
	rows, err := db.Query(t.Context(), "SELECT i FROM range(1000000) AS r(i)")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	n := 0
	for rows.Next() {
		n++
	}
	if n != 1000000 || rows.Err() != nil {
		t.Errorf("%d rows, error %v", n, rows.Err())
	}
	rows.Close()
	if _, err := db.Query(t.Context(), "SELECT 1"); err == nil {
		t.Error("a query on a closed database")
	}
}

// TestBadSQL says what is told of a mistake.
func TestBadSQL(t *testing.T) {
	db := openEmpty(t)
	for _, sql := range []string{"SELEC 1", "SELECT nosuch FROM aga_flow_logs", "SELECT * FROM nosuch", "SELECT ?", "SELECT $1", "SELECT 'a'::INTEGER", "SELECT 1 \x00; DROP VIEW x", "SELECT '\xff'"} {
		_, err := try(t.Context(), db, sql)
		if known := new(Error); !errors.As(err, &known) || known.Message == "" {
			t.Errorf("%q: error is %v", sql, err)
		}
	}
}
