package main

import (
	"bufio"
	stdgzip "compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	kpgzip "github.com/klauspost/compress/gzip"

	"github.com/flowlake/flowlake/functions/internal/inflate"
)

const (
	readBuffer = 256 << 10 // one read of a file
	blockText  = 512 << 10 // text that is asked for at once
)

// gunzip is a contender that inflates a file and throws the text away.
type gunzip struct {
	who
	library string
	run     func(io.Reader) (int64, error) // gives the number of bytes of text
}

// gunzips are the decoders to compare with, in the order in which they run.
var gunzips = []gunzip{
	{stdGunzip, "std", gunzipStd},
	{kpGunzip, "klauspost", gunzipKlauspost},
	{oursGunzip, "flowlake", gunzipFlowlake},
}

// gunzipMain inflates a file: arguments are the library, the file, and the number of bytes that must
// come out.
func gunzipMain(_ context.Context, args []string) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("gunzip: want library, file and size, have %q", args)
	}
	i := slices.IndexFunc(gunzips, func(g gunzip) bool { return g.library == args[0] })
	if i < 0 {
		return nil, fmt.Errorf("gunzip: no library %q", args[0])
	}
	want, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(args[1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	have, err := gunzips[i].run(bufio.NewReaderSize(f, readBuffer))
	if err == nil && have != want {
		err = fmt.Errorf("gunzip: %d bytes of text, want %d", have, want)
	}
	return nil, err
}

func gunzipStd(r io.Reader) (int64, error) {
	z, err := stdgzip.NewReader(r)
	if err != nil {
		return 0, err
	}
	return discard(z)
}

func gunzipKlauspost(r io.Reader) (int64, error) {
	z, err := kpgzip.NewReader(r)
	if err != nil {
		return 0, err
	}
	return discard(z)
}

// discard counts what there is to read.
func discard(r io.Reader) (int64, error) {
	buf := make([]byte, blockText)
	var total int64
	for {
		n, err := r.Read(buf)
		total += int64(n)
		if err != nil {
			return total, eofIsNil(err)
		}
	}
}

// gunzipFlowlake uses the decoder as the converter does: in blocks behind the text before them.
func gunzipFlowlake(r io.Reader) (int64, error) {
	z := inflate.NewReader(r)
	buf := make([]byte, inflate.History+blockText+inflate.Slack)
	var total int64
	for {
		end, err := z.Block(buf, inflate.History)
		total += int64(end - inflate.History)
		if err != nil {
			return total, eofIsNil(err)
		}
		copy(buf, buf[end-inflate.History:end])
	}
}
