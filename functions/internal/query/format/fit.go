package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// fit cuts cells so that a table is no wider than a terminal, the widest columns first. It gives the
// width that the table needs at least; if the terminal is narrower, the cells are left as they are.
func fit(lines [][]string, columns []query.Column, width int) (needed int) {
	widest := make([]int, len(columns)) // of a column as it is
	least := make([]int, len(columns))  // of a column that is cut
	for i, line := range lines {
		for j, s := range line {
			w := text.StringWidth(s)
			widest[j] = max(widest[j], w)
			if columns[j].Numeric && i > 0 {
				least[j] = max(least[j], w)
			}
		}
	}
	for j, c := range columns {
		readable := leastText
		if c.Numeric {
			readable = leastName
		}
		least[j] = max(least[j], min(widest[j], readable))
	}
	borders := 1 + 3*len(columns) // and their blanks
	if needed = borders + cutWidth(widest, least, 0); needed > width {
		return needed
	}
	limit := slices.Max(widest)
	for borders+cutWidth(widest, least, limit) > width {
		limit--
	}
	for _, line := range lines {
		for j, s := range line {
			line[j] = text.Snip(s, max(least[j], limit), "…")
		}
	}
	return needed
}

// cutWidth gives the width of all columns together, cut to a limit.
func cutWidth(widest, least []int, limit int) int {
	sum := 0
	for j := range widest {
		sum += max(least[j], min(widest[j], limit))
	}
	return sum
}

// upright writes rows one below the other, each with its columns below each other, for a terminal that
// is too narrow for a table of them. Texts are cut to it.
func upright(lines [][]string, columns []query.Column, width int) string {
	names := 0
	for _, name := range lines[0] {
		names = max(names, text.StringWidth(name))
	}
	names = min(names, width/2)
	var b strings.Builder
	for i, line := range lines[1:] {
		rule := fmt.Sprintf("── row %d ", i+1)
		b.WriteString(rule + strings.Repeat("─", max(0, width-text.StringWidth(rule))) + "\n")
		for j, s := range line {
			if !columns[j].Numeric {
				s = text.Snip(s, max(leastText, width-names-2), "…")
			}
			name := text.Snip(lines[0][j], names, "…")
			b.WriteString(strings.TrimRight(text.Pad(name, names, ' ')+"  "+s, " ") + "\n")
		}
	}
	return b.String()
}
