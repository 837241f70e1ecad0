package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/flowlog"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/schema"
)

const testLake = "s3://bucket/lake"

// null opens a file that swallows all.
func null(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path, testLake, "settings")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// keys runs with the journal of that path and gives what was converted.
func keys(t *testing.T, path string, l Lister, fail func(key string) error) ([]string, Summary) {
	t.Helper()
	var mu sync.Mutex
	var keys []string
	c := converter(func(_ context.Context, key string) (etl.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, strings.TrimSuffix(key, ".log.gz"))
		if err := fail(key); err != nil {
			return etl.Result{}, err
		}
		if key == "002.log.gz" {
			return etl.Result{Skipped: "no log"}, nil
		}
		return etl.Result{Counts: flowlog.Counts{Lines: 3, Rows: 2, Rejected: 1}, BytesIn: 1, Outputs: []etl.Output{{Size: 4}}}, nil
	})
	cfg := config(2)
	cfg.Journal = open(t, path)
	defer cfg.Journal.Close()
	s, err := Run(t.Context(), l, c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys, s
}

func none(string) error { return nil }

// A journal has what this run converted, and not what the lake holds, with whatever settings.
func TestJournalHasNothingOfTheLake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	cfg := config(2)
	cfg.Journal = open(t, path)
	cfg.Existing = existing(func(o Object, _ schema.Source) (Tally, bool, error) { return Tally{}, o.Key < "003", nil })
	c := converter(func(context.Context, string) (etl.Result, error) { return etl.Result{}, nil })
	if s, err := Run(t.Context(), objects(5), c, cfg); err != nil || s.Before != 3 || s.Converted != 2 {
		t.Fatalf("summary %+v, error %v", s, err)
	}
	if err := cfg.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := keys(t, path, objects(5), none); fmt.Sprint(got) != "[000 001 002]" {
		t.Errorf("converted %q", got)
	}
}

// To look into a journal changes nothing, whoever has it open.
func TestReadJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	keys(t, path, objects(3), none)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"url":"torn`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{path: 3, empty: 0} {
		before, _ := os.ReadFile(path)
		owner, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		j, err := ReadJournal(path, testLake, "settings")
		if err != nil || j.Len() != want {
			t.Fatalf("%s: %d objects, error %v", path, j.Len(), err)
		}
		if err := errors.Join(j.Close(), owner.Close()); err != nil {
			t.Error(err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", path)
		}
		if _, err := os.Stat(path + ".lock"); path == empty && err == nil {
			t.Error("a lock was made")
		}
	}
	if _, err := ReadJournal(path, "another", "settings"); err == nil {
		t.Error("the journal of another lake is read")
	}
}

func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	l := objects(6)
	fail := func(key string) error {
		if key == "004.log.gz" {
			return lasting{}
		}
		return nil
	}
	if got, s := keys(t, path, l, fail); len(got) != 6 || s.Failed != 1 || s.Before != 0 || s.Skipped["no log"] != 1 {
		t.Fatalf("converted %q, summary %+v", got, s)
	}
	// What failed is tried again; the counts of the others are as before.
	got, s := keys(t, path, l, fail)
	if fmt.Sprint(got) != "[004]" || s.Before != 5 || s.Failed != 1 || s.Rows != 8 || s.BeforeTally.Rejected != 4 || s.BytesBefore != 5 || s.Done() != 6 || s.Outputs != 4 {
		t.Errorf("converted %q, summary %+v", got, s)
	}
	if got, s := keys(t, path, l, none); fmt.Sprint(got) != "[004]" || s.Before != 5 || s.Converted != 1 || s.Rows != 10 {
		t.Errorf("converted %q, summary %+v", got, s)
	}
	// What changed is converted again, by size, time or ETag; also what changed back.
	changed := slices.Clone(l)
	changed[0].Size = 2
	changed[1].Modified = time.Unix(1, 0)
	changed[3].ETag = "abc"
	if got, _ := keys(t, path, changed, none); fmt.Sprint(got) != "[000 001 003]" {
		t.Errorf("converted %q", got)
	}
	if got, _ := keys(t, path, changed, none); len(got) != 0 {
		t.Errorf("converted %q", got)
	}
	if got, _ := keys(t, path, l, none); fmt.Sprint(got) != "[000 001 003]" {
		t.Errorf("converted %q", got)
	}
	// A changed one that fails is no longer done.
	if got, _ := keys(t, path, changed, func(string) error { return lasting{} }); fmt.Sprint(got) != "[000 001 003]" {
		t.Errorf("converted %q", got)
	}
	if got, _ := keys(t, path, l, none); fmt.Sprint(got) != "[000 001 003]" {
		t.Errorf("converted %q", got)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range bytes.Lines(text) {
		if !json.Valid(l) {
			t.Errorf("no JSON: %s", l)
		}
	}
}

// Killed at any moment, a run leaves a beginning of the journal. Whichever it is, the next run converts
// what has no whole line, and nothing else.
func TestJournalCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	l := objects(3) // of which one is skipped
	keys(t, path, l, none)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	key := func(line []byte) string {
		var l line0
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(strings.TrimPrefix(l.URL, "s3://memory/"), ".log.gz")
	}
	for cut := range len(whole) + 1 {
		var want []string
		end := len(lines[0])
		for _, line := range lines[1 : len(lines)-1] {
			if end += len(line); end > cut {
				want = append(want, key(line))
			}
		}
		slices.Sort(want)
		// The rest may also be zeros, after a failure of the machine.
		for _, tail := range []string{"", "\x00\x00\x00"} {
			if tail != "" && (cut < len(lines[0]) || cut%5 != 0) {
				continue
			}
			path := filepath.Join(dir, "cut")
			if err := os.WriteFile(path, append(slices.Clone(whole[:cut]), tail...), 0o644); err != nil {
				t.Fatal(err)
			}
			got, s := keys(t, path, l, none)
			if !slices.Equal(got, want) || s.Done() != 3 || s.Rows != 4 {
				t.Fatalf("cut at %d: converted %q, want %q; %+v", cut, got, want, s)
			}
			if cut%5 != 0 {
				continue
			}
			if got, _ := keys(t, path, l, none); len(got) != 0 {
				t.Fatalf("cut at %d: then converted %q", cut, got)
			}
		}
	}
}

// line0 is what a test reads of a line.
type line0 struct{ URL string }

// A damaged line in the middle costs its object a conversion, and no more.
func TestJournalDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	l := objects(4)
	keys(t, path, l, none)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, damage := range map[string]string{
		"zeros": strings.Repeat("\x00", len(lines[2])-1) + "\n", "two in one": string(lines[2][:10]) + "{}\n", "empty": "\n",
		"long": strings.Repeat("x", 3*maxLine) + "\n", "no line of ours": "{}\n",
	} {
		if err := os.WriteFile(path, bytes.Join([][]byte{lines[0], lines[1], []byte(damage), lines[3], lines[4]}, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		j := open(t, path)
		if j.Damaged != 1 || j.Len() != 3 {
			t.Errorf("%s: %d damaged lines, %d objects", name, j.Damaged, j.Len())
		}
		j.Close()
		if got, s := keys(t, path, l, none); len(got) != 1 || s.Before != 3 {
			t.Errorf("%s: converted %q", name, got)
		}
	}
}

func TestJournalOfAnother(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	open(t, path).Close()
	for _, test := range []struct{ lake, settings, want string }{
		{"s3://bucket/other", "settings", "it is the journal of another lake, s3://bucket/lake; this one is s3://bucket/other"},
		{testLake, "others", "other conversion settings"},
	} {
		if _, err := OpenJournal(path, test.lake, test.settings); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
	for name, content := range map[string]string{
		"text": "my notes\nand more", "a line": "my notes", "JSON": "{\"a\": 1}\n", "journal of nothing": `{"flowlake_journal":0}` + "\n",
	} {
		path := filepath.Join(dir, "other")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenJournal(path, testLake, "settings"); !errors.Is(err, errNoJournal) {
			t.Errorf("%s: error %v", name, err)
		}
		if text, _ := os.ReadFile(path); string(text) != content {
			t.Errorf("%s: it holds %q now", name, text)
		}
	}
	if err := os.WriteFile(path, []byte(`{"flowlake_journal":2,"lake":"`+testLake+`","settings":"settings"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(path, testLake, "settings"); err == nil || !strings.Contains(err.Error(), "want a journal of format 1, have one of format 2") {
		t.Errorf("error %v", err)
	}
	if _, err := OpenJournal(filepath.Join(dir, "missing", "journal"), testLake, "settings"); err == nil {
		t.Error("a journal in no directory is opened")
	}
}

func TestJournalHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	if _, err := OpenJournal(path, testLake, "settings"); err == nil || !strings.Contains(err.Error(), "another replay has it open") {
		t.Errorf("error %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path).Close()
}

// An error of a write comes again, and ends the run.
func TestJournalThatCannotBeWritten(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	j.file.Close()
	o := Outcome{URL: "u"}
	first, second := j.Add(&o), j.Add(&o)
	if first == nil || second == nil || !strings.Contains(first.Error(), "write journal ") {
		t.Errorf("errors %v, %v", first, second)
	}
	cfg := config(1)
	cfg.Journal = j
	c := converter(func(context.Context, string) (etl.Result, error) { return etl.Result{}, nil })
	if s, err := Run(t.Context(), objects(100), c, cfg); !errors.Is(err, os.ErrClosed) || s.Done() > 3 {
		t.Errorf("%d done, error %v", s.Done(), err)
	}
}

// Lines are synced when they are many, and when some time has passed.
func TestJournalSyncs(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	now := time.Unix(1000, 0)
	j.now = func() time.Time { return now }
	j.synced = now
	add := func(n int) {
		t.Helper()
		for range n {
			if err := j.Add(&Outcome{URL: "u"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, step := range []struct {
		passes   time.Duration
		lines    int
		unsynced int
	}{{0, 5, 5}, {syncTime - 1, 5, 10}, {1, 1, 0}, {0, syncLines - 1, syncLines - 1}, {0, 1, 0}, {0, 1, 1}} {
		now = now.Add(step.passes)
		add(step.lines)
		if j.unsynced != step.unsynced {
			t.Errorf("%+v: %d lines are not synced", step, j.unsynced)
		}
	}
}

func TestSettings(t *testing.T) {
	base := func() etl.Config {
		return etl.Config{Table: schema.GlobalAccelerator(), Codec: "zstd", SortRows: 1, RowGroupRows: 2, MaxLine: 3, MaxPartitions: 4}
	}
	c := base()
	want := Settings(&c)
	c.Threads, c.StandardGunzip = 7, true // the bytes are the same
	if Settings(&c) != want {
		t.Error("the digest depends on what does not change the outputs")
	}
	for i, change := range []func(*etl.Config){
		func(c *etl.Config) { c.Codec = "snappy" }, func(c *etl.Config) { c.SortRows++ }, func(c *etl.Config) { c.RowGroupRows++ },
		func(c *etl.Config) { c.MaxLine++ }, func(c *etl.Config) { c.MaxPartitions++ }, func(c *etl.Config) { c.Table.Version++ },
	} {
		c := base()
		if change(&c); Settings(&c) == want {
			t.Errorf("change %d does not change the digest", i)
		}
	}
}

// Long reasons are cut, so that a line stays one that can be read.
func TestJournalLinesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	o := Object{Source: new(storetest.Memory), Key: strings.Repeat("k", 1024) + ".log.gz"}
	j := open(t, path)
	err := errors.Join(j.Add(&Outcome{Object: o, URL: o.URL(), Err: errors.New(strings.Repeat("<ä", maxLine))}),
		j.Add(&Outcome{Object: o, URL: o.URL(), Skipped: strings.Repeat("s", maxLine)}), j.Close())
	if err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	if size := int(unsafe.Sizeof(entry{})) * cap(j.index); size != 2*16 {
		t.Errorf("two lines take %d bytes", size)
	}
	if out, done, err := j.Lookup(&o, o.URL()); !done || err != nil || len(out.Skipped) != maxReason || j.Damaged != 0 {
		t.Errorf("done %t, error %v, %d damaged", done, err, j.Damaged)
	}
}
