package deploy_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of files anew")

// generated compares want with the lines of a file that stand between the lines "# begin generated:
// name" and "# end generated: name"; with -update it writes them there. want has the indentation of
// the file, and a line end behind every line.
func generated(t *testing.T, file, name, want string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(string(data)))
	begin, end := marker(t, file, lines, "# begin generated: "+name), marker(t, file, lines, "# end generated: "+name)
	if begin > end {
		t.Fatalf("%s: %s ends before it begins", file, name)
	}
	if have := strings.Join(lines[begin+1:end], ""); have != want && !*update {
		t.Errorf("%s: %s is not current; run the test with -update. Have\n%swant\n%s", file, name, have, want)
	} else if have != want {
		text := strings.Join(lines[:begin+1], "") + want + strings.Join(lines[end:], "")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// marker gives the index of the one line that holds a comment alone.
func marker(t *testing.T, file string, lines []string, comment string) int {
	t.Helper()
	found := -1
	for i, line := range lines {
		if strings.TrimSpace(line) != comment {
			continue
		}
		if found >= 0 {
			t.Fatalf("%s: line %d is the second %q", file, i+1, comment)
		}
		found = i
	}
	if found < 0 {
		t.Fatalf("%s has no line %q", file, comment)
	}
	return found
}

// indented gives lines with that many blanks before each, and a line end behind it.
func indented(blanks int, lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.Repeat(" ", blanks) + line + "\n")
	}
	return b.String()
}
