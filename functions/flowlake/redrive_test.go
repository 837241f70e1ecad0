package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/replay"
	"github.com/flowlake/flowlake/schema"
)

func TestRedriveFlags(t *testing.T) {
	const queue = "https://sqs.us-east-1.amazonaws.com/123456789012/flowlake-dead-letters"
	january := replay.Selection{Account: "123456789012"}
	for _, test := range []struct {
		failed   []string
		sources  []string
		selected replay.Selection
		dryRun   bool
		want     string
		below    []string // --source
	}{
		{failed: []string{queue}, below: []string{"s3://logs/AWSLogs/", "s3://other"}},
		{failed: []string{queue}, below: []string{"logs"}, want: `--source: parse "logs": want s3://bucket`},
		{failed: []string{"list"}, below: []string{"s3://logs"}, want: "--source: want a queue as --failed with it"},
		{sources: []string{"logs"}, below: []string{"s3://logs"}, want: "--source: want a queue as --failed with it"},
		{nil, []string{"logs"}, january, true, "", nil},
		{[]string{"list", "s3://lake/replay/january/ID/manifest.json"}, nil, january, true, "", nil},
		{[]string{queue}, nil, replay.Selection{}, false, "", nil},
		{[]string{"list"}, []string{"logs"}, replay.Selection{}, false, `--failed: want no SOURCE with it, have ["logs"]`, nil},
		{[]string{""}, nil, replay.Selection{}, false, "--failed: want a list or the URL of a queue", nil},
		{[]string{"list", queue}, nil, replay.Selection{}, false, "--failed: want one queue and nothing besides", nil},
		{[]string{queue}, nil, replay.Selection{}, true, "--dry-run: nobody can see what is in a queue", nil},
		{[]string{queue}, nil, january, false, "--failed: of a queue all messages are meant", nil},
		{[]string{"https://example.com/list"}, nil, replay.Selection{}, false, "--failed: want a file, an s3:// URL or the URL of a queue", nil},
	} {
		var o redriveOptions
		c := &cobra.Command{}
		o.register(c)
		for _, f := range test.failed {
			if err := c.Flags().Set("failed", f); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range test.below {
			if err := c.Flags().Set("source", s); err != nil {
				t.Fatal(err)
			}
		}
		err := o.validate(test.sources, &test.selected, test.dryRun)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: error %v, want %q", test.failed, err, test.want)
		}
		var e *exitError
		if err != nil && (!errors.As(err, &e) || e.code != exitUsage) {
			t.Errorf("%q: error %v is none of the command line", test.failed, err)
		}
		if got := o.queue(); err == nil && (got != "") != slices.Contains(test.failed, queue) {
			t.Errorf("%q: queue %q", test.failed, got)
		}
	}
}

// What a replay says of its failures, in its journal and in its progress, is what is converted again.
func TestFailuresOfReplayAreConvertedAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "50", "--accelerators", "1", "--single", "a.log.gz")
	flowlake(t, exitOK, "synth", "--out", "logs", "--day", "2026-01-09", "--records", "70", "--accelerators", "1", "--single", "b é.log.gz")
	whole, err := os.ReadFile("logs/b é.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	flowlake(t, exitOK, "replay", "logs", "--lake", "want")
	if err := os.WriteFile("logs/b é.log.gz", whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr := flowlake(t, exitObjects, "replay", "logs", "--lake", "lake", "--journal", "journal", "--format", "json")
	if err := errors.Join(os.WriteFile("progress", []byte(stderr), 0o666), os.WriteFile("logs/b é.log.gz", whole, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"journal"}, {"progress"}, {"journal", "progress"}} {
		l := failedLists{names: names, open: (&cloud{}).openList, owns: nobodys}
		var got []string
		if err := l.Each(t.Context(), func(o replay.Object) error {
			got = append(got, o.Key)
			return nil
		}); err != nil || !slices.Equal(got, []string{"b é.log.gz"}) {
			t.Errorf("%q: %q, error %v", names, got, err)
		}
	}

	options := lakeOptions{url: "lake"}
	lake, err := options.open(t.Context(), &cloud{})
	if err != nil {
		t.Fatal(err)
	}
	redrive := redriveOptions{failed: []string{"journal"}}
	objects, letters, err := redrive.lister(t.Context(), &cloud{}, lake)
	if err != nil || letters != nil {
		t.Fatal(err, letters)
	}
	config := etl.Config{Table: schema.GlobalAccelerator()}
	converter, err := etl.New(config, lake, lake.catalog)
	if err != nil {
		t.Fatal(err)
	}
	s, err := replay.Run(t.Context(), objects, converter, replay.Config{Table: config.Table})
	if err != nil || s.Objects != 1 || s.Converted != 1 || s.Bytes != int64(len(whole)) {
		t.Errorf("%+v, error %v", s, err)
	}
	if got, want := files(t, "lake/aga_flow_logs"), files(t, "want/aga_flow_logs"); len(want) != 4 || !maps.Equal(got, want) {
		t.Errorf("the lake has %d files, want %d, or others", len(got), len(want))
	}
}

// An object that is named again and again is given once; the lake's own objects are left out; what
// cannot be read ends it.
func TestFailedLists(t *testing.T) {
	open := func(_ context.Context, name string) (io.ReadCloser, error) {
		list, ok := map[string]string{
			"one": "s3://logs/1.log.gz\ns3://logs/2.log.gz\ns3://logs/1.log.gz\n",
			"two": "s3://logs/2.log.gz\ns3://logs/lake/3.log.gz\ns3://logs/4.log.gz\n",
			"odd": "s3://logs/5.log.gz\nhttps://example.com/6.log.gz\n",
		}[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(list)), nil
	}
	for _, test := range []struct {
		names []string
		want  string
		err   string
	}{
		{[]string{"one", "two"}, "[1.log.gz 2.log.gz 4.log.gz]", ""},
		{[]string{"one", "none", "two"}, "[1.log.gz 2.log.gz]", "read list none: file does not exist"},
		{[]string{"odd"}, "[5.log.gz]", "read list odd: find https://example.com/6.log.gz: want a path"},
	} {
		l := failedLists{names: test.names, open: open, at: locator{open: buckets{"logs": newBucket("logs")}.open}}
		l.owns = func(o replay.Object) bool { return strings.HasPrefix(o.Key, "lake/") }
		var got []string
		err := l.Each(t.Context(), func(o replay.Object) error {
			got = append(got, o.Key)
			return nil
		})
		if fmt.Sprint(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %q, error %v", test.names, got, err)
		}
	}
}
