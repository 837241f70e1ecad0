package queries

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is what a parameter's values are. It shows in the form of the default.
type Type string

// The types.
const (
	Date   Type = "date"   // 2026-01-09, in UTC
	Hour   Type = "hour"   // 2026-01-09T13, in UTC; with a blank for the T in SQL
	Month  Type = "month"  // 2026-01, in UTC
	Number Type = "number" // an integer from 0 to 999999999
	Text   Type = "text"   // anything
)

// maxNumber fits the 32 bits that an integer literal has where it is multiplied.
const maxNumber = 999_999_999

// Parameter is a value of a query that can be set. In the query's text it is a comment that names it,
// with the literal of its default behind: /* :day */ '2026-01-09'. So the text is SQL as it stands,
// and the value is a constant where it is compared to a partition column: Athena then reads the
// partitions that it needs, which it would not do for a value from another table.
type Parameter struct {
	Name string
	Type Type
	// Default is the value that the query's text has, as [Query.With] takes it.
	Default string
}

// String gives the parameter as "day=2026-01-09 (date)".
func (p Parameter) String() string { return fmt.Sprintf("%s=%s (%s)", p.Name, p.Default, p.Type) }

// literal finds a parameter and its literal.
var literal = regexp.MustCompile(`/\* :([a-z]+) \*/ ('(?:[^']|'')*'|[0-9]+)`)

// parameters finds the parameters of a text, in their order. One that is there more than once must
// have the same default everywhere.
func parameters(sql string) ([]Parameter, error) {
	var all []Parameter
	for _, m := range literal.FindAllStringSubmatch(sql, -1) {
		p := parameter(m[1], m[2])
		i := slices.IndexFunc(all, func(other Parameter) bool { return other.Name == p.Name })
		if i < 0 {
			all = append(all, p)
		} else if all[i] != p {
			return nil, fmt.Errorf("parameter %s is %s and %s", p.Name, all[i].Default, p.Default)
		}
	}
	return all, nil
}

// parameter gives the parameter with that literal.
func parameter(name, literal string) Parameter {
	text, ok := strings.CutPrefix(literal, "'")
	if !ok {
		return Parameter{name, Number, literal}
	}
	text = strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'")
	for _, t := range []Type{Date, Hour, Month} {
		if value, err := time.Parse(layouts[t].sql, text); err == nil {
			return Parameter{name, t, value.Format(layouts[t].value)}
		}
	}
	return Parameter{name, Text, text}
}

// layouts are the forms of a time, as [time.Layout] has them: in a value and in SQL.
var layouts = map[Type]struct{ value, sql string }{
	Date:  {"2006-01-02", "2006-01-02"},
	Hour:  {"2006-01-02T15", "2006-01-02 15"},
	Month: {"2006-01", "2006-01"},
}

// literal gives the SQL literal of a value.
func (p Parameter) literal(value string) (string, error) {
	switch p.Type {
	case Number:
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n > maxNumber {
			return "", fmt.Errorf("%s: want a number from 0 to %d, have %q", p.Name, maxNumber, value)
		}
		return strconv.FormatUint(n, 10), nil
	case Text:
		if strings.Contains(value, "\x00") {
			return "", fmt.Errorf("%s: want a text without zero bytes, have %q", p.Name, value)
		}
		return quote(value), nil
	}
	t, err := time.Parse(layouts[p.Type].value, value)
	if err != nil || t.Year() < 1 {
		return "", fmt.Errorf("%s: want %s such as %s, have %q", p.Name, p.Type.article(), p.Default, value)
	}
	return quote(t.Format(layouts[p.Type].sql)), nil
}

// article gives the type with its article.
func (t Type) article() string {
	if t == Hour {
		return "an " + string(t)
	}
	return "a " + string(t)
}

// quote gives a text as a literal. Neither Athena nor DuckDB knows another escape in it.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// With gives the query's text with values set, by the names of parameters; the others keep their
// defaults. A name that is none, and a value of another type, is an error that lists the parameters.
func (q Query) With(values map[string]string) (string, error) {
	set := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(q.Parameters, func(p Parameter) bool { return p.Name == name })
		if i < 0 {
			return "", fmt.Errorf("want another name than %q; query %s takes %s", name, q.Name, q.Takes())
		}
		l, err := q.Parameters[i].literal(values[name])
		if err != nil {
			return "", fmt.Errorf("%w; query %s takes %s", err, q.Name, q.Takes())
		}
		set[name] = l
	}
	return literal.ReplaceAllStringFunc(q.SQL, func(found string) string {
		m := literal.FindStringSubmatch(found)
		if l, ok := set[m[1]]; ok {
			return strings.TrimSuffix(found, m[2]) + l
		}
		return found
	}), nil
}

// Takes lists the parameters with their defaults and types, for messages.
func (q Query) Takes() string {
	if len(q.Parameters) == 0 {
		return "no parameters"
	}
	var all []string
	for _, p := range q.Parameters {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}
