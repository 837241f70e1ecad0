package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/replay"
)

// Where there is no terminal, a line comes every few seconds, and failures at once.
func TestProgressLines(t *testing.T) {
	for _, test := range []struct{ format, want string }{
		{formatText, `failed: broken
1,100 of at least 3,000 objects, 2.2 MB of 6.0 MB, 10 rows, 1 rejects, 1 failed, 110 objects/s, 220 kB/s, now 2026-01-09
2,000 of 3,000 objects, 4.0 MB of 6.0 MB, 20 rows, 1 rejects, 1 failed, 100 objects/s, 200 kB/s, 10s left, now 2026-01-10
`},
		{formatJSON, `{"failed":{"url":"s3://bucket/x","error":"broken"}}
{"progress":{"listed":false,"objects":3000,"done":1100,"bytes":6000000,"bytes_done":2200000,"bytes_before":200000,"converted":999,"done_before":100,"skipped":0,"failed":1,"retries":0,"rows":10,"rejected":1,"day":"2026-01-09","workers":4,"objects_per_second":110,"bytes_per_second":220000,"seconds_left":null}}
{"progress":{"listed":true,"objects":3000,"done":2000,"bytes":6000000,"bytes_done":4000000,"bytes_before":200000,"converted":1899,"done_before":100,"skipped":0,"failed":1,"retries":0,"rows":20,"rejected":1,"day":"2026-01-10","workers":4,"objects_per_second":100,"bytes_per_second":200000,"seconds_left":10}}
`},
	} {
		var out bytes.Buffer
		p := newProgress(&out, test.format)
		now := p.began
		p.now = func() time.Time { return now }
		s := replay.Snapshot{Objects: 3000, Done: 1100, Bytes: 6e6, BytesDone: 2.2e6, BytesBefore: 2e5, Before: 100, Converted: 999, Failed: 1, Rows: 10, Rejected: 1, Day: "2026-01-09", Workers: 4}
		p.show(s)
		p.done(replay.Outcome{})
		p.done(replay.Outcome{URL: "s3://bucket/x", Err: errors.New("broken")})
		now = now.Add(every - 1)
		p.show(s)
		now = p.began.Add(2 * every)
		p.show(s)
		p.show(s)
		now = p.began.Add(4 * every)
		s.Listed, s.Done, s.Converted, s.BytesDone, s.Rows, s.Day = true, 2000, 1899, 4e6, 20, "2026-01-10"
		p.show(s)
		p.close()
		if out.String() != test.want {
			t.Errorf("%s:\n%swant\n%s", test.format, &out, test.want)
		}
		for line := range strings.Lines(out.String()) {
			if test.format == formatJSON && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	}
}

// The pace is that of the last minute: what was fast or slow before does not count.
func TestPaceOfTheLastMinute(t *testing.T) {
	p := newProgress(new(bytes.Buffer), formatText)
	at := func(seconds, done int) pace {
		return p.pace(replay.Snapshot{Listed: true, Objects: 100_000, Bytes: 100_000, Done: done, BytesDone: int64(done)}, p.began.Add(time.Duration(seconds)*time.Second))
	}
	if pc := at(10, 10_000); pc.Objects != 1000 { // found to be there already
		t.Errorf("%+v", pc)
	}
	for s := 11; s < 600; s++ {
		at(s, 10_000+10*(s-10))
	}
	pc := at(600, 15_900)
	if pc.Objects < 9.9 || pc.Objects > 10.1 || *pc.Left < 8300 || *pc.Left > 8500 || len(p.samples) > 70 {
		t.Errorf("%+v of %d samples", pc, len(p.samples))
	}
}

// On a terminal, a bar knows its end once all is listed, and goes out of the way of a failure.
func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, formatText)
	p.bar = newBar(&out, -1)
	p.now = func() time.Time { return p.began.Add(10 * time.Second) }
	show := func(s replay.Snapshot) string {
		t.Helper()
		out.Reset()
		time.Sleep(150 * time.Millisecond) // it shows nothing more often
		p.show(s)
		return out.String()
	}
	show(replay.Snapshot{Objects: 1000, Done: 10, Bytes: 1e6, BytesDone: 1e4, Day: "2026-01-09"})
	got := show(replay.Snapshot{Objects: 2000, Done: 20, Bytes: 2e6, BytesDone: 2e4, Failed: 1, Day: "2026-01-09"})
	if !strings.Contains(got, "20 of at least 2,000 objects, 20 kB, 2.0 kB/s, 1 failed, 2026-01-09") || strings.Contains(got, "%") {
		t.Errorf("while listing: %q", got)
	}
	out.Reset()
	p.done(replay.Outcome{Err: errors.New("broken")})
	if got := out.String(); !strings.HasSuffix(got, "\rfailed: broken\n") {
		t.Errorf("a failure: %q", got)
	}
	show(replay.Snapshot{Listed: true, Objects: 2000, Done: 1000, Bytes: 2e6, BytesDone: 1e6, Day: "2026-01-10"})
	got = show(replay.Snapshot{Listed: true, Objects: 2000, Done: 1500, Bytes: 2e6, BytesDone: 1.5e6, Day: "2026-01-10"})
	if !strings.Contains(got, "1,500/2,000 objects, 1.5 MB, 150 kB/s, 3s left, 2026-01-10") || !strings.Contains(got, "%") {
		t.Errorf("after the listing: %q", got)
	}
	show(replay.Snapshot{Listed: true, Objects: 2000, Done: 2000, Bytes: 2e6, BytesDone: 2e6})
	p.close()
	if got := out.String(); !strings.HasSuffix(got, "\r") {
		t.Errorf("it leaves %q", got)
	}
}

// An interruption says what is left and how to go on.
func TestInterruption(t *testing.T) {
	for _, test := range []struct {
		o    replayOptions
		s    replay.Summary
		want string
	}{
		{replayOptions{}, replay.Summary{Listed: true, Objects: 3, Converted: 1},
			"interrupted; 2 of 3 objects were not begun; the same command starts again, with --skip-existing it goes on from here"},
		{replayOptions{journal: "./j"}, replay.Summary{Objects: 3, Converted: 1, Before: 1},
			"interrupted while objects were being listed; 1 of the 3 so far were not begun; the same command goes on from here, by the journal ./j"},
		{replayOptions{existing: true}, replay.Summary{Listed: true, Objects: 3},
			"interrupted; 3 of 3 objects were not begun; the same command goes on from here, by what the lake holds"},
	} {
		if got := test.o.interruption(&test.s); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// What is wrong with the flags of a selection is said before anything is opened.
func TestReplayFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"--from today":                          `--from: want a date such as 2026-01-09 or an instant such as 2026-01-09T13:05:00Z, have "today"`,
		"--to 2026-1-9":                         `--to: want a date`,
		"--from 2026-01-09 --to 2026-01-08":     "--to: want 2026-01-09 or later, as --from says, have 2026-01-08",
		"--late 24h --from 2026-01-09":          "--late: want --from and --to with it",
		"--late=-1h":                            "--late: want a duration such as 24h, have -1h0m0s",
		"--account 12345":                       `--account: want 12 digits, have "12345"`,
		"--accelerator arn:aws:x:accelerator/y": "--accelerator: want the identifier",
		"--rate=-1":                             "--rate: want a number of at least 0, have -1",
		"--rate NaN":                            "--rate: want a number of at least 0",
		"--bytes-in-flight much":                `--bytes-in-flight: want a size such as 500MB, have "much"`,
		"--bytes-in-flight 0":                   `--bytes-in-flight: want a size`,
		"--retries=-1":                          "--retries: want at least 0, have -1",
		"--format xml":                          `--format: want text or json, have "xml"`,
	} {
		if _, stderr := flowlake(t, exitUsage, append([]string{"replay", "logs", "--lake", "lake"}, strings.Fields(args)...)...); !strings.Contains(stderr, want) {
			t.Errorf("%s: %s, want %s", args, stderr, want)
		}
	}
}
