package main

import (
	"fmt"
	"slices"
)

// spread is a figure over the rounds.
type spread struct{ least, median, most float64 }

// spreadOf gives the spread of at least one value.
func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{v[0], (v[(n-1)/2] + v[n/2]) / 2, v[n-1]}
}

// text gives the median and, where they differ in print, the extremes.
func (s spread) text(decimals int) string {
	median := fmt.Sprintf("%.*f", decimals, s.median)
	least, most := fmt.Sprintf("%.*f", decimals, s.least), fmt.Sprintf("%.*f", decimals, s.most)
	if least == most {
		return median
	}
	return fmt.Sprintf("%s (%s to %s)", median, least, most)
}

// scaled gives the spread in another unit.
func (s spread) scaled(by float64) spread { return spread{s.least * by, s.median * by, s.most * by} }

// over gives the spread of what f makes of each round. A ratio is taken within a round, because the
// machine's speed drifts between rounds.
func (m *measured) over(f func(round map[who]figures) float64) spread {
	var values []float64
	for _, round := range m.rounds {
		values = append(values, f(round))
	}
	return spreadOf(values)
}

// took says whether a contender took part.
func (m *measured) took(w who) bool {
	return slices.ContainsFunc(m.contenders, func(c contender) bool { return c.who == w })
}
