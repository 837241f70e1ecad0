package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
)

// record is a line as a struct with tags, which is the way that parquet-go's documentation shows.
// Pointers say what is NULL: a port of 0 is a value. Without them, the tag "optional" should turn empty
// text into NULL, and take a seventh less time, but some of it arrives as empty text (parquet-go v0.32.0
// mistakes y values, then NULL, from row y of 64 on, for values throughout).
type record struct {
	Version                     *string `parquet:"version,optional,dict"`
	AWSAccountID                *string `parquet:"awsaccountid,optional,dict"`
	AcceleratorID               *string `parquet:"acceleratorid,optional,dict"`
	ClientIP                    *string `parquet:"clientip,optional,dict"`
	ClientPort                  *int32  `parquet:"clientport,optional"`
	GIP                         *string `parquet:"gip,optional,dict"`
	GIPPort                     *int32  `parquet:"gipport,optional"`
	EndpointIP                  *string `parquet:"endpointip,optional,dict"`
	EndpointPort                *int32  `parquet:"endpointport,optional"`
	Protocol                    *string `parquet:"protocol,optional,dict"`
	IPAddressType               *string `parquet:"ipaddresstype,optional,dict"`
	Packets                     *int64  `parquet:"packets,optional"`
	Bytes                       *int64  `parquet:"bytes,optional"`
	StartTime                   *int64  `parquet:"starttime,optional,timestamp(millisecond)"`
	EndTime                     *int64  `parquet:"endtime,optional,timestamp(millisecond)"`
	Action                      *string `parquet:"action,optional,dict"`
	LogStatus                   *string `parquet:"logstatus,optional,dict"`
	GlobalAcceleratorSourceIP   *string `parquet:"globalacceleratorsourceip,optional,dict"`
	GlobalAcceleratorSourcePort *int32  `parquet:"globalacceleratorsourceport,optional"`
	EndpointRegion              *string `parquet:"endpointregion,optional,dict"`
	GlobalAcceleratorRegion     *string `parquet:"globalacceleratorregion,optional,dict"`
	Direction                   *string `parquet:"direction,optional,dict"`
	VPCID                       *string `parquet:"vpcid,optional,dict"`
	RejectReason                *string `parquet:"rejectreason,optional,dict"`
}

const (
	fewestFields = 22 // of a line; later versions have more
	mostFields   = 24
	plainRows    = 1024 // of one call of the writer
)

// plainMain converts a gzip log as most people would write it in Go: arguments are input and output
// directory. It is no straw man: it reads and writes in large pieces, and text has dictionaries.
func plainMain(_ context.Context, args []string) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("plain: want input and output directory, have %q", args)
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, readBuffer))
	if err != nil {
		return nil, err
	}
	return nil, plainConvert(z, args[1])
}

// plainConvert converts the text of a log, with its header, to one file for each day.
func plainConvert(text io.Reader, out string) (err error) {
	r := csv.NewReader(text)
	r.Comma = ' '
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	if _, err := r.Read(); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	days := make(map[int64]*dayFile)
	defer func() {
		for _, d := range days {
			err = errors.Join(err, d.close())
		}
	}()
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		rec, err := parseRecord(fields)
		if err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
		if rec.StartTime == nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("line %d: no start time", line)
		}
		day := *rec.StartTime / (24 * time.Hour).Milliseconds()
		d := days[day]
		if d == nil {
			if d, err = openDay(out, time.UnixMilli(*rec.StartTime).UTC()); err != nil {
				return err
			}
			days[day] = d
		}
		if err := d.add(rec); err != nil {
			return err
		}
	}
}

// dayFile is the Parquet file of one day.
type dayFile struct {
	f    *os.File
	w    *parquet.GenericWriter[record]
	rows []record
}

func openDay(out string, day time.Time) (*dayFile, error) {
	dir := filepath.Join(out, day.Format("year=2006/month=01/day=02"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "flows.parquet"))
	if err != nil {
		return nil, err
	}
	return &dayFile{f: f, w: parquet.NewGenericWriter[record](f, parquet.Compression(&parquet.Zstd))}, nil
}

func (d *dayFile) add(r record) error {
	d.rows = append(d.rows, r)
	if len(d.rows) < plainRows {
		return nil
	}
	return d.flush()
}

func (d *dayFile) flush() error {
	_, err := d.w.Write(d.rows)
	d.rows = d.rows[:0]
	return err
}

func (d *dayFile) close() error { return errors.Join(d.flush(), d.w.Close(), d.f.Close()) }

// parseRecord gives the record of a line's fields.
func parseRecord(fields []string) (record, error) {
	if len(fields) < fewestFields || len(fields) > mostFields {
		return record{}, fmt.Errorf("want %d to %d fields, have %d", fewestFields, mostFields, len(fields))
	}
	var errs []error
	text := func(i int) *string {
		if i >= len(fields) || fields[i] == "-" || fields[i] == "" {
			return nil
		}
		return &fields[i]
	}
	number := func(i, bits int) (int64, bool) {
		s := text(i)
		if s == nil {
			return 0, false
		}
		n, err := strconv.ParseInt(*s, 10, bits)
		if err != nil {
			errs = append(errs, err)
		}
		return n, true
	}
	long := func(i int) *int64 {
		n, ok := number(i, 64)
		if !ok {
			return nil
		}
		return &n
	}
	port := func(i int) *int32 {
		n, ok := number(i, 32)
		if !ok {
			return nil
		}
		short := int32(n)
		return &short
	}
	instant := func(i int) *int64 {
		n := long(i)
		if n != nil {
			*n *= 1000
		}
		return n
	}
	r := record{
		text(0), text(1), text(2), text(3), port(4), text(5), port(6), text(7), port(8), text(9), text(10),
		long(11), long(12), instant(13), instant(14), text(15), text(16), text(17), port(18), text(19),
		text(20), text(21), text(22), text(23),
	}
	return r, errors.Join(errs...)
}
