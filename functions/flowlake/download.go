package main

import (
	"fmt"
	"io"
	"time"
)

// much is the number of bytes from which on a download is spoken of.
const much = 10e6

// download says what is copied of a lake, if it takes long or is much.
type download struct {
	w       io.Writer
	objects int
	bytes   int64
	last    time.Time // of the last line
	said    bool
}

// fetched takes the size of an object that was copied.
func (d *download) fetched(size int64) {
	d.objects++
	d.bytes += size
	if now := time.Now(); now.Sub(d.last) >= every {
		d.last, d.said = now, true
		d.say("copying the lake's objects")
	}
}

// close says how much it was.
func (d *download) close() {
	if d.said || d.bytes >= much {
		d.say("copied")
	}
}

func (d *download) say(what string) {
	fmt.Fprintf(d.w, "%s: %s objects, %s\n", what, comma(d.objects), size(d.bytes))
}
