package format

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// screen writes a query's answer for a terminal.
func screen(t *testing.T, db *query.DB, s Screen, sql string) string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var b bytes.Buffer
	if _, err := WriteScreen(&b, s, rows); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b.String()
}

// TestScreenFits says that a table is no wider than its terminal, and that no number is cut for it.
func TestScreenFits(t *testing.T) {
	db := open(t)
	number := func(got, n string) bool { return slices.Contains(strings.Fields(got), n) }
	const sql = "SELECT 'NRT57-2' AS edge, repeat('long ', 19) AS words, repeat('日本', 40) AS wide, 12345678901234567 AS n, 7 AS a_long_name_above_a_short_number, NULL AS none"
	whole := screen(t, db, Screen{}, sql)
	for _, width := range []int{60, 61, 80, 81, 100, 132, 200, 230, 300, 1000} {
		got := screen(t, db, Screen{Width: width}, sql)
		for line := range strings.Lines(got) {
			if w := text.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("of %d: a line of %d:\n%s", width, w, got)
			}
		}
		if !number(got, "12345678901234567") || !number(got, "7") {
			t.Errorf("of %d: a number was cut:\n%s", width, got)
		}
		if width < 1000 && !strings.Contains(got, "…") || width == 1000 && got != whole {
			t.Errorf("of %d:\n%s", width, got)
		}
	}
	// The widest column gives way first.
	if got := screen(t, db, Screen{Width: 300}, sql); !strings.Contains(got, " a_long_name_above_a_short_number ") || !strings.Contains(got, strings.Repeat("long ", 19)) {
		t.Errorf("more was cut than the widest column:\n%s", got)
	}
}

// TestScreenUpright says how rows are shown in a terminal that is too narrow for a table of them.
func TestScreenUpright(t *testing.T) {
	db := open(t)
	const sql = `SELECT * FROM (VALUES ('139.162.106.181', 5000000, NULL, repeat('long ', 19)), ('2a02:ceb4::7673', 12345678901234567, 'e' || chr(27), ''))
	AS v(clientip, bytes, "日本", a_name_that_is_cut)`
	table := screen(t, db, Screen{Width: 40}, sql)
	if !strings.Contains(table, " 139.162… │ 5.0 MB │ ") || !strings.HasSuffix(table, "(2 rows)\n") {
		t.Errorf("of 40:\n%s", table)
	}
	const want = `── row 1 ────────────
clientip    139.162.…
bytes       5.0 MB
日本
a_name_th…  long lon…
── row 2 ────────────
clientip    2a02:ceb…
bytes       12 PB
日本        e\x1b
a_name_th…
(2 rows)
(a table would be 40 characters wide)
`
	if got := screen(t, db, Screen{Width: 21}, sql); got != want {
		t.Errorf("of 21:\n%s\nwant:\n%s", got, want)
	}
	// A number stays whole, whatever the terminal.
	if got := screen(t, db, Screen{Width: 10, Raw: true}, sql); !strings.Contains(got, "  12345678901234567\n") {
		t.Errorf("of 10:\n%s", got)
	}
}

// TestScreenUnits says which numbers get a unit, and which do not.
func TestScreenUnits(t *testing.T) {
	db := open(t)
	const sql = `SELECT sum(n) AS bytes, 276492448438 AS "Ingress_Bytes", 999::UBIGINT AS in_bytes, -5 AS less_bytes, NULL::BIGINT AS no_bytes, 1.5 AS mean_bytes,
	'1000000' AS text_bytes, 1000000 AS bytesize, 1000000 AS packets FROM (VALUES (3000000000), (1000000000)) AS v(n)`
	got := screen(t, db, Screen{}, sql)
	for _, want := range []string{"4.0 GB", "276 GB", "999 B", " -5 ", " 1.5 ", " 1000000    │  1000000 │ 1000000 "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	raw := screen(t, db, Screen{Raw: true}, sql)
	written, _, err := run(t, db, Table, sql)
	if err != nil || raw != written || !strings.Contains(raw, " 4000000000 │  276492448438 ") {
		t.Errorf("raw:\n%s\nwant:\n%s, %v", raw, written, err)
	}
}

func TestHumanBytes(t *testing.T) {
	for v, want := range map[any]string{int64(0): "0 B", int64(1500): "1.5 kB", uint64(1 << 63): "9.2 EB", int64(-1): "-1", 0.5: "0.5", query.Decimal("1.50"): "1.50"} {
		if got := humanBytes(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	huge := new(big.Int).Mul(big.NewInt(5_000_000_000), big.NewInt(1_000_000_000_000))
	if got := humanBytes(huge); got != "5.0 ZB" || huge.String() != "5000000000000000000000" {
		t.Errorf("%v is %q", huge, got)
	}
}

func TestScreenErrors(t *testing.T) {
	ended := &fake{columns: []query.Column{{Name: "v"}}, values: []any{"a"}, err: errTest}
	var b bytes.Buffer
	if n, err := WriteScreen(&b, Screen{Width: 80}, ended); !errors.Is(err, errTest) || n != 0 || b.Len() > 0 {
		t.Errorf("%d rows, error %v, wrote %q", n, err, b.String())
	}
	if _, err := WriteScreen(full{}, Screen{}, &fake{columns: []query.Column{{Name: "v"}}, values: []any{"a"}}); !errors.Is(err, errFull) {
		t.Errorf("error is %v", err)
	}
}
