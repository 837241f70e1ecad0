package event

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const testdata = "../../../testdata/events"

// payloads gives the files of testdata/events.
func payloads(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata, "*.json"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d payloads, error %v", len(files), err)
	}
	return files
}

// load gives the content of a file.
func load(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// describe gives all that came of a payload as text.
func describe(b Batch, err error) string {
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n", b.Kind)
	for _, m := range b.Messages {
		s.WriteString(strings.TrimRight("message "+m.ID, " ") + "\n")
		for _, o := range m.Objects {
			fmt.Fprintf(&s, "  object %q %q", o.Bucket, o.Key)
			if o.AlternateKey != "" {
				fmt.Fprintf(&s, " alternate %q", o.AlternateKey)
			}
			if o.VersionID != "" {
				fmt.Fprintf(&s, " version %q", o.VersionID)
			}
			if o.Replayed {
				s.WriteString(" replayed")
			}
			s.WriteString("\n")
		}
		for _, reason := range m.Skipped {
			fmt.Fprintf(&s, "  skipped: %s\n", reason)
		}
		if m.Err != nil {
			fmt.Fprintf(&s, "  error: %v\n", m.Err)
		}
	}
	return s.String()
}

// TestGolden decodes every payload of testdata/events and compares all that comes of it with the
// golden file beside it.
func TestGolden(t *testing.T) {
	files := payloads(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			got := describe(Decode(load(t, file)))
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(load(t, golden)); got != want {
				t.Errorf("got\n%s\nwant\n%s\nrun the test with -update if the change is meant", got, want)
			}
		})
	}
	golden, err := filepath.Glob(filepath.Join(testdata, "*.golden"))
	if err != nil || len(golden) != len(files) {
		t.Errorf("%d golden files for %d payloads", len(golden), len(files))
	}
}
