package format

import (
	"math/big"
	"time"
)

// maxSafe is the largest integer up to which every one is a number of JavaScript.
const maxSafe = 1<<53 - 1

// JavaScript gives a value of [query.Rows.Values] as one that encoding/json writes so that a browser
// reads it exactly: nil, a boolean, a number or a text. A number that JavaScript would round is a
// text of its digits: integers beyond 2^53-1, and every [query.Decimal]. A float that is no number is
// a text of its name. Timestamps look as those of [JSON].
func JavaScript(v any) any {
	switch n := v.(type) {
	case nil, bool, string:
		return v
	case time.Time:
		return n.Format(jsonTime)
	case int64:
		if -maxSafe <= n && n <= maxSafe {
			return n
		}
	case uint64:
		if n <= maxSafe {
			return n
		}
	case *big.Int:
		if n.IsInt64() {
			return JavaScript(n.Int64())
		}
	case float32, float64:
		if finite(v) {
			return v
		}
	}
	return number(v)
}
