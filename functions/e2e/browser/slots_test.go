package browser

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lateKey is the five minutes of an accelerator that a source file is of.
type lateKey struct {
	accelerator string
	start       time.Time
}

// outputName has the accelerator and the time in the name of an object of the lake.
var outputName = regexp.MustCompile(`_globalaccelerator_([^_]+)_(\d{8}T\d{4}Z)_[^_]*-[0-9a-f]{8}\.parquet$`)

// writeLate has the objects of a lake written some time after their five minutes, by turns so long that
// every class of lag has some. It gives the longest time of each five minutes.
func writeLate(t *testing.T, lake string) map[lateKey]time.Duration {
	t.Helper()
	late := map[lateKey]time.Duration{}
	turns := []time.Duration{-time.Minute, 5 * time.Minute, 5*time.Minute + time.Second, 15 * time.Minute, 59 * time.Minute, 24 * time.Hour, 24*time.Hour + time.Second, 90 * time.Minute}
	n := 0
	err := filepath.WalkDir(lake, func(name string, d fs.DirEntry, err error) error {
		m := outputName.FindStringSubmatch(d.Name())
		if err != nil || m == nil {
			return err
		}
		start, err := time.Parse("20060102T1504Z", m[2])
		if err != nil {
			return err
		}
		after := turns[n%len(turns)]
		n++
		key := lateKey{m[1], start}
		if before, seen := late[key]; !seen || after > before {
			late[key] = after
		}
		written := start.Add(5*time.Minute + after)
		return os.Chtimes(name, written, written)
	})
	if err != nil || len(late) != 2*288-7 {
		t.Fatalf("have %d files whose names tell a time, error %v", len(late), err)
	}
	return late
}

// checkLag says that the table of lag has the numbers of those files, of one accelerator or of all.
func checkLag(t *testing.T, got table, late map[lateKey]time.Duration, accelerator *string) {
	t.Helper()
	days := map[string][]int{} // files by class, and the longest lag in seconds
	for key, lag := range late {
		if accelerator != nil && *accelerator != key.accelerator {
			continue
		}
		day := key.start.Format(time.DateOnly)
		if days[day] == nil {
			days[day] = []int{0, 0, 0, 0, 0, -1 << 31}
		}
		class := 0
		for _, bound := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour} {
			if lag > bound {
				class++
			}
		}
		days[day][class]++
		days[day][5] = max(days[day][5], int(lag/time.Second))
	}
	if want := "day (UTC)|up to 5 min|up to 15 min|up to 1 h|up to 1 day|more than 1 day|longest"; strings.Join(got.Head, "|") != want {
		t.Errorf("lag: columns are %q, want %s", got.Head, want)
	}
	have := map[string][]int{}
	for _, r := range got.Rows {
		for _, text := range r[1:] {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("lag: %q: %v", r, err)
			}
			have[r[0]] = append(have[r[0]], n)
		}
	}
	if !reflect.DeepEqual(have, days) || len(have) == 0 {
		t.Errorf("lag: files by class and the longest lag are %v, want %v", have, days)
	}
}

// checkCompleteness says that the table of completeness has the numbers of those files, of one accelerator
// or of all.
func checkCompleteness(t *testing.T, got table, late map[lateKey]time.Duration, accelerator *string) {
	t.Helper()
	seen, accelerators := map[string]int{}, map[string]bool{}
	for key := range late {
		if accelerator == nil || *accelerator == key.accelerator {
			seen[key.start.Format(time.DateOnly)]++
			accelerators[key.accelerator] = true
		}
	}
	if want := "day (UTC)|files seen|of|not seen|complete"; strings.Join(got.Head, "|") != want {
		t.Errorf("completeness: columns are %q, want %s", got.Head, want)
	}
	if len(got.Rows) != len(seen) || len(seen) == 0 {
		t.Errorf("completeness: days are %q, want %v", got.Rows, seen)
	}
	of := 288 * len(accelerators)
	for _, r := range got.Rows {
		n := seen[r[0]]
		want := []string{r[0], fmt.Sprint(n), fmt.Sprint(of), fmt.Sprint(of - n), fmt.Sprintf("%.1f %%", math.Floor(float64(n)*1000/float64(of))/10)}
		if !reflect.DeepEqual(r, want) {
			t.Errorf("completeness: have %q, want %q", r, want)
		}
	}
}

// testMissing opens the page of a lake that got its last file four days ago: the days since then miss all
// files, while the page shows what goes up to its end.
func testMissing(t *testing.T, browser context.Context) {
	dir := t.TempDir()
	logs, lake, page := filepath.Join(dir, "logs"), filepath.Join(dir, "lake"), filepath.Join(dir, "report.html")
	today := time.Now().UTC().Truncate(24 * time.Hour) // at midnight, one day more may be missing
	day := func(ago int) string { return today.AddDate(0, 0, -ago).Format(time.DateOnly) }
	flowlake(t, done, "synth", "--out", logs, "--day", day(4), "--records", "2000", "--seed", "1")
	flowlake(t, done, "replay", logs, "--lake", lake)
	flowlake(t, done, "report", "--lake", lake, "--out", page)
	b := open(t, browser)
	b.look(1200, "light")
	url := "file://" + filepath.ToSlash(page)
	b.openPage(url)
	check := func(when string, missing bool) {
		days := map[string]string{}
		for _, r := range b.tables()["completeness"].Rows {
			days[r[0]] = r[1]
		}
		if days[day(4)] == "" || days[day(4)] == "0" {
			t.Errorf("%s: files seen are %v", when, days)
		}
		for ago := 3; ago > 0; ago-- {
			if have, shown := days[day(ago)]; shown != missing || shown && have != "0" {
				t.Errorf("%s: files seen %d days ago are %q, shown %t, want %t", when, ago, have, shown, missing)
			}
		}
	}
	check("all", true)
	b.filter("from", "5")
	check("up to the end", true)
	b.filter("to", "14")
	check("up to some hour", false)
	b.quiet(url)
}
