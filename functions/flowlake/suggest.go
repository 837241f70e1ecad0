package main

import "strings"

// suggest gives the names of which a part is most like a mistyped one, or none if they all differ in
// more than every third character. A text of less than three is a part of too many names, and more than
// four names help nobody.
func suggest(typed string, names []string) []string {
	if len(typed) < 3 {
		return nil
	}
	var best []string
	least := len(typed) / 3
	for _, name := range names {
		d := distance(strings.ToLower(typed), name)
		if d < least {
			best, least = nil, d
		}
		if d == least {
			best = append(best, name)
		}
	}
	if len(best) > 4 {
		return nil
	}
	return best
}

// distance counts the bytes that must be added, left out or replaced to make typed a part of name
// (Sellers' algorithm).
func distance(typed, name string) int {
	row := make([]int, len(name)+1) // of the part of name that ends before each byte
	for i := range len(typed) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(name) {
			d := diagonal
			if typed[i] != name[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	least := len(typed)
	for _, d := range row {
		least = min(least, d)
	}
	return least
}

// didYouMean gives the end of a message about a mistyped name: what was meant, if that can be told.
func didYouMean(meant []string) string {
	if len(meant) == 0 {
		return ""
	}
	before := strings.Join(meant[:len(meant)-1], ", ")
	if before != "" {
		before += " or "
	}
	return "; did you mean " + before + meant[len(meant)-1] + "?"
}
