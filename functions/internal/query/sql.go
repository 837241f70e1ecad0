package query

import "strings"

// identifier quotes a name.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// literal quotes a text.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// literals gives a list of texts.
func literals(texts []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range texts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(literal(s))
	}
	b.WriteByte(']')
	return b.String()
}

// patterns gives a list of files for DuckDB's functions that read them.
func patterns(files []string) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = pattern(f)
	}
	return literals(quoted)
}

// pattern gives the pattern that matches a path and nothing else.
func pattern(path string) string { return wildcards.Replace(path) }

// wildcards matches what DuckDB would take for a pattern in a path; in brackets it stands for itself.
var wildcards = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")
