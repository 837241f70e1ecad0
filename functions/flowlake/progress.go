package main

import (
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

// progress shows how far a replay is: as a bar on a terminal, otherwise as a line now and then.
// Failures are shown at once, either way.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where there is no terminal
	total int64                    // bytes
	bytes int64                    // done
	last  time.Time                // of the last line
}

func newProgress(w io.Writer, objects []replay.Object) *progress {
	p := &progress{w: w, last: time.Now()}
	for _, o := range objects {
		p.total += o.Size
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(p.total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription("converting"),
			progressbar.OptionShowBytes(true),
			progressbar.OptionFullWidth(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetPredictTime(true),
		)
	}
	return p
}

// done takes an outcome, which s counts already.
func (p *progress) done(o replay.Outcome, s *replay.Summary) {
	p.bytes += o.Object.Size
	if o.Err != nil {
		if p.bar != nil {
			p.bar.Clear()
		}
		fmt.Fprintf(p.w, "failed: %v\n", o.Err)
	}
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%s/%s objects", comma(s.Done()), comma(s.Objects)))
		p.bar.Set64(p.bytes)
		return
	}
	if now := time.Now(); now.Sub(p.last) >= every {
		p.last = now
		fmt.Fprintf(p.w, "%s of %s objects, %s of %s, %s rows, %s rejects, %s failed\n", comma(s.Done()), comma(s.Objects),
			size(p.bytes), size(p.total), comma(s.Rows), comma(s.Rejected), comma(len(s.Failed)))
	}
}

// close takes the bar off the screen.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
