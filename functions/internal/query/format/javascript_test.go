package format

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// TestJavaScript says what is a number there and what a text.
func TestJavaScript(t *testing.T) {
	big128, _ := new(big.Int).SetString("170141183460469231731687303715884105727", 10)
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {true, "true"}, {"1", `"1"`},
		{int64(0), "0"}, {int64(1<<53 - 1), "9007199254740991"}, {int64(1 << 53), `"9007199254740992"`},
		{int64(1 - 1<<53), "-9007199254740991"}, {int64(-1 << 53), `"-9007199254740992"`}, {int64(math.MinInt64), `"-9223372036854775808"`},
		{uint64(1<<53 - 1), "9007199254740991"}, {uint64(1 << 53), `"9007199254740992"`}, {uint64(math.MaxUint64), `"18446744073709551615"`},
		{big.NewInt(7), "7"}, {big.NewInt(-1 << 53), `"-9007199254740992"`}, {big128, `"170141183460469231731687303715884105727"`},
		{query.Decimal("1.50"), `"1.50"`},
		{float32(0.1), "0.1"}, {0.25, "0.25"}, {1e21, "1e+21"},
		{math.NaN(), `"NaN"`}, {math.Inf(1), `"Infinity"`}, {float32(math.Inf(-1)), `"-Infinity"`},
		{time.Date(2026, 1, 9, 13, 5, 0, 500e6, time.UTC), `"2026-01-09T13:05:00.500Z"`},
	} {
		got, err := json.Marshal(JavaScript(test.value))
		if err != nil || string(got) != test.want {
			t.Errorf("%T %v: %s, %v, want %s", test.value, test.value, got, err, test.want)
		}
	}
}
