package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The peers do the whole job, or there is nothing to compare with. So many records hold all that
// synthetic logs have: NULL in the midst of values, ports of 0, lines of 22, 23 and 24 fields.
func TestPeersHoldWhatIsInTheText(t *testing.T) {
	in := write(t, syntheticLog(t, 60_000))
	want := printOf(t, "text", in)
	for _, c := range want.Columns {
		if c.Values == 0 {
			t.Errorf("column %s is empty", c.Name)
		}
	}
	out := t.TempDir()
	plain, duck := filepath.Join(out, "plain"), filepath.Join(out, "duckdb")
	if _, err := plainMain(t.Context(), []string{in, plain}); err != nil {
		t.Fatal(err)
	}
	if _, err := duckdbMain(t.Context(), []string{in, duck, "2"}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{plain, duck} {
		if err := printOf(t, "parquet", dir).differs(want); err != nil {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "year=2026", "month=01", "day=0[89]", "*.parquet")); len(files) < 2 {
			t.Errorf("%s: files %q", filepath.Base(dir), files)
		}
	}
}

func TestPlainRefusesWhatItCannotRead(t *testing.T) {
	lines := syntheticLog(t, 3)
	for name, line := range map[string]string{
		"few fields":  "1.0 123456789012\n",
		"no number":   strings.Replace(lines[3], " 443 ", " https ", 1),
		"no time":     strings.Repeat("- ", 22) + "-\n",
		"many fields": strings.TrimRight(lines[3], "\n") + strings.Repeat(" x", 24) + "\n",
	} {
		err := plainConvert(strings.NewReader(strings.Join(append(lines[:3:3], line), "")), t.TempDir())
		if err == nil || !strings.HasPrefix(err.Error(), "line 4: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGunzipsGiveAllText(t *testing.T) {
	lines := syntheticLog(t, 10_000) // several blocks of text
	in, size := write(t, lines), len(strings.Join(lines, ""))
	for _, g := range gunzips {
		if _, err := gunzipMain(t.Context(), []string{g.library, in, strconv.Itoa(size)}); err != nil {
			t.Errorf("%s: %v", g.library, err)
		}
		if _, err := gunzipMain(t.Context(), []string{g.library, in, strconv.Itoa(size + 1)}); err == nil {
			t.Errorf("%s: no error where a byte is missing", g.library)
		}
	}
}
