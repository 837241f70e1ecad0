package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/flowlake/flowlake/functions/internal/replay"
)

// every is the time between two lines of progress where there is no terminal.
const every = 5 * time.Second

// progress shows how far a replay is: as a bar on a terminal, otherwise as a line now and then, of text
// or of JSON. Failures are shown at once, either way.
type progress struct {
	w     io.Writer
	now   func() time.Time
	began time.Time
	last  time.Time // of the last line
	json  bool
	// bar is that of a terminal, or nil; while objects are listed, it does not know the end.
	bar    *progressbar.ProgressBar
	listed bool // the bar knows the end
	// samples are how far it was, some a second apart, of the last minute.
	samples []sample
}

// sample is how far it was at some time.
type sample struct {
	at    time.Time
	done  int
	bytes int64
}

func newProgress(w io.Writer, format string) *progress {
	p := &progress{w: w, now: time.Now, json: format == formatJSON}
	p.began = p.now()
	p.last = p.began
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !p.json {
		p.bar = newBar(w, -1)
	}
	return p
}

// newBar gives a bar of so many bytes; -1 stands for a number that is not known. The numbers beside it
// are ours: those of the bar begin with it, and count what was done before.
func newBar(w io.Writer, total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("converting"),
		progressbar.OptionFullWidth(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // it moves with the objects, and not by itself
	)
}

// failure is an object that failed, as a line of JSON.
type failure struct {
	Failed replay.Failure `json:"failed"`
}

// done takes an outcome.
func (p *progress) done(o replay.Outcome) {
	if o.Err == nil {
		return
	}
	if p.json {
		p.line(failure{replay.Failure{URL: o.URL, Error: o.Err.Error()}})
		return
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintf(p.w, "failed: %v\n", o.Err)
}

// show takes how far it is.
func (p *progress) show(s replay.Snapshot) {
	now := p.now()
	if p.bar != nil {
		if s.Listed && !p.listed {
			p.listed = true
			p.bar.Clear()
			p.bar = newBar(p.w, max(1, s.Bytes))
		}
		p.bar.Describe(describe(s, p.pace(s, now)))
		p.bar.Set64(s.BytesDone)
		return
	}
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	pc := p.pace(s, now)
	if p.json {
		p.line(struct {
			Progress any `json:"progress"`
		}{struct {
			replay.Snapshot
			pace
		}{s, pc}})
		return
	}
	least := ""
	if !s.Listed {
		least = "at least "
	}
	fmt.Fprintf(p.w, "%s of %s%s objects, %s of %s, %s rows, %s rejects, %s failed, %.0f objects/s, %s/s",
		comma(s.Done), least, comma(s.Objects), size(s.BytesDone), size(s.Bytes), comma(s.Rows), comma(s.Rejected), comma(s.Failed),
		pc.Objects, size(int64(pc.Bytes)))
	fmt.Fprint(p.w, pc.left())
	if s.Day != "" {
		fmt.Fprintf(p.w, ", now %s", s.Day)
	}
	fmt.Fprintln(p.w)
}

// pace is how fast it went in the last minute.
type pace struct {
	Objects float64 `json:"objects_per_second"`
	Bytes   float64 `json:"bytes_per_second"`
	// Left is the time that it still takes at that pace, in seconds; nil while nobody can tell.
	Left *float64 `json:"seconds_left"`
}

// window is how far back a pace looks.
const window = time.Minute

func (p *progress) pace(s replay.Snapshot, now time.Time) pace {
	if n := len(p.samples); n == 0 || now.Sub(p.samples[n-1].at) >= time.Second {
		if n == 0 {
			p.samples = append(p.samples, sample{at: p.began})
		}
		p.samples = append(p.samples, sample{now, s.Done, s.BytesDone})
		for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= window {
			p.samples = p.samples[1:]
		}
	}
	first := p.samples[0]
	took := max(now.Sub(first.at), time.Millisecond).Seconds()
	r := pace{Objects: float64(s.Done-first.done) / took, Bytes: float64(s.BytesDone-first.bytes) / took}
	if s.Listed && r.Bytes > 0 {
		left := float64(s.Bytes-s.BytesDone) / r.Bytes
		r.Left = &left
	}
	return r
}

// left says how long it still takes, if that is known.
func (p *pace) left() string {
	if p.Left == nil {
		return ""
	}
	return fmt.Sprintf(", %v left", time.Duration(*p.Left*float64(time.Second)).Round(time.Second))
}

// describe says in front of a bar what the bar does not show.
func describe(s replay.Snapshot, p pace) string {
	text := fmt.Sprintf("%s/%s objects", comma(s.Done), comma(s.Objects))
	if !s.Listed {
		text = fmt.Sprintf("%s of at least %s objects", comma(s.Done), comma(s.Objects))
	}
	text += fmt.Sprintf(", %s, %s/s%s", size(s.BytesDone), size(int64(p.Bytes)), p.left())
	if s.Failed > 0 {
		text += ", " + comma(s.Failed) + " failed"
	}
	if s.Day != "" {
		text += ", " + s.Day
	}
	return text
}

// line writes a line of JSON.
func (p *progress) line(v any) {
	_ = json.NewEncoder(p.w).Encode(v) // what is shown by the way does not end the work
}

// close takes the bar off the screen.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
