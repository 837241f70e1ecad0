package verify

import (
	"cmp"
	"math/big"
	"slices"
)

// Kind says what is wrong.
type Kind string

// The kinds of findings. Converting the source again mends the first three.
const (
	// Missing is an output that is not there, or that has too few rows.
	Missing Kind = "missing"
	// Different is an output that is damaged, of another version of its source, or at odds with what its
	// source holds.
	Different Kind = "different"
	// Unregistered is an output whose partition queries do not see.
	Unregistered Kind = "unregistered"
	// Misplaced is a registered partition that is not its day's: its location is not that of its values, or
	// its values are no day's, which have zeros in front. Queries see the rows there under a wrong day, or
	// twice. The finding's Output is the location. Somebody must drop the partition from the catalog.
	Misplaced Kind = "misplaced"
	// Unreadable is a source that cannot be read, or of which nobody can tell whether it exists, or an output
	// of one.
	Unreadable Kind = "unreadable"
	// Extra is an output that no source of today accounts for, or an object that is none of flowlake's.
	Extra Kind = "extra"
)

// Kinds gives all kinds.
func Kinds() []Kind { return []Kind{Missing, Different, Unregistered, Misplaced, Unreadable, Extra} }

// mendable says whether converting the source again may help.
func (k Kind) mendable() bool { return k == Missing || k == Different || k == Unregistered }

// Finding is one thing that is wrong.
type Finding struct {
	Kind Kind `json:"kind"`
	// Source is the source's URL, "" where it cannot be told.
	Source string `json:"source,omitempty"`
	// Output is the output's key in the lake, "" where the source itself is at fault. Of a partition it is
	// the location.
	Output string `json:"output,omitempty"`
	// Want and Have say what was expected and what was found.
	Want string `json:"want"`
	Have string `json:"have"`
	// Mended says that the source was converted again and that this is no longer so.
	Mended bool `json:"mended,omitempty"`
	// Fix is why converting the source again failed, or "".
	Fix string `json:"fix,omitempty"`
}

// compare orders findings by source, output, kind and text.
func (f Finding) compare(g Finding) int {
	return cmp.Or(cmp.Compare(f.Source, g.Source), cmp.Compare(f.Output, g.Output),
		cmp.Compare(slices.Index(Kinds(), f.Kind), slices.Index(Kinds(), g.Kind)),
		cmp.Compare(f.Want, g.Want), cmp.Compare(f.Have, g.Have))
}

// Counts accounts for every line of a text: Lines = Rows + Rejected + Headers + Blank.
type Counts struct {
	Lines    int64 `json:"lines"`
	Rows     int64 `json:"rows"`
	Rejected int64 `json:"rejected"`
	Headers  int64 `json:"headers"`
	Blank    int64 `json:"blank"`
	// Text is the size of the text in bytes.
	Text int64 `json:"text_bytes"`
}

func (c *Counts) add(d Counts) {
	c.Lines += d.Lines
	c.Rows += d.Rows
	c.Rejected += d.Rejected
	c.Headers += d.Headers
	c.Blank += d.Blank
	c.Text += d.Text
}

// Sum is the sum of a column.
type Sum struct {
	Column string `json:"column"`
	// Text is the sum in the sources' text, and Lake that in their outputs.
	Text *big.Int `json:"text"`
	Lake *big.Int `json:"lake"`
}

// Report is what was verified, and what was found.
type Report struct {
	// Incomplete is why not all was verified, "" if it was. The rest counts what was until then.
	Incomplete string `json:"incomplete,omitempty"`
	// Found is the number of source objects. Verified, Unreadable, Outside and the skipped ones add up to
	// it, unless the report is incomplete.
	Found int64 `json:"objects"`
	// Verified were read, and compared with their outputs; Clean of them without a finding.
	Verified int64 `json:"verified"`
	Clean    int64 `json:"clean"`
	// Unreadable could not be read.
	Unreadable int64 `json:"unreadable"`
	// Skipped counts by reason those that are no logs, or whose keys do not tell whether they are selected.
	Skipped map[string]int64 `json:"skipped"`
	// Outside are not selected.
	Outside int64 `json:"not_selected"`

	// Counts are the lines of the verified sources, and BytesIn the size of these sources, gzip.
	Counts
	BytesIn int64 `json:"gzip_bytes"`

	// Outputs were read to the last page, BytesOut long together, with that many rows of the table and
	// of its rejects.
	Outputs         int64 `json:"outputs"`
	BytesOut        int64 `json:"output_bytes"`
	OutputRows      int64 `json:"output_rows"`
	OutputRejects   int64 `json:"output_rejects"`
	Partitions      int64 `json:"partitions"`   // of these outputs, registered
	Unregistered    int64 `json:"unregistered"` // and not
	Sums            []Sum `json:"sums,omitempty"`
	Listed          int64 `json:"listed"`           // objects of the lake that were looked through for extra ones
	OthersOutputs   int64 `json:"others_outputs"`   // of them, outputs of sources that were not to be verified
	UnknownOutputs  int64 `json:"unknown_outputs"`  // of them, files that queries do not see
	ConvertedAgain  int64 `json:"converted_again"`  // sources
	ConversionFails int64 `json:"conversion_fails"` // of them

	// Open counts the findings that stand, by kind, and Mended those that no longer do.
	Open   map[Kind]int64 `json:"findings"`
	Mended map[Kind]int64 `json:"mended"`
	// Findings are the first of all findings, by source, output and kind.
	Findings []Finding `json:"-"`

	most int // of Findings
}

func (r *Report) init(o Options) {
	r.Skipped, r.Open, r.Mended = make(map[string]int64), make(map[Kind]int64), make(map[Kind]int64)
	for _, k := range Kinds() {
		r.Open[k], r.Mended[k] = 0, 0
	}
	for _, name := range o.Sums {
		r.Sums = append(r.Sums, Sum{name, new(big.Int), new(big.Int)})
	}
	r.most = o.MaxFindings
}

// Standing gives the number of findings that stand.
func (r *Report) Standing() int64 {
	var n int64
	for _, of := range r.Open {
		n += of
	}
	return n
}

// Omitted gives the number of findings that are counted but not kept.
func (r *Report) Omitted() int64 {
	n := r.Standing() - int64(len(r.Findings))
	for _, of := range r.Mended {
		n += of
	}
	return n
}

// find adds a finding, and drops the last of too many.
func (r *Report) find(f Finding) {
	if f.Mended {
		r.Mended[f.Kind]++
	} else {
		r.Open[f.Kind]++
	}
	i, _ := slices.BinarySearchFunc(r.Findings, f, Finding.compare)
	if i == r.most {
		return
	}
	if len(r.Findings) == r.most {
		r.Findings = r.Findings[:r.most-1]
	}
	r.Findings = slices.Insert(r.Findings, i, f)
}

// add adds what was found of one source.
func (r *Report) add(j *judge) {
	if j.converted {
		r.ConvertedAgain++
		if j.failed {
			r.ConversionFails++
		}
	}
	for _, f := range j.findings {
		r.find(f)
	}
	if j.text == nil {
		r.Unreadable++
		return
	}
	r.Verified++
	if len(j.findings) == 0 {
		r.Clean++
	}
	r.Counts.add(j.text.Counts)
	r.BytesIn += j.text.bytes
	r.Outputs += j.outputs
	r.BytesOut += j.bytesOut
	r.OutputRows += j.rows
	r.OutputRejects += j.rejected
	for i := range r.Sums {
		for _, d := range j.text.days {
			r.Sums[i].Text.Add(r.Sums[i].Text, d.sums[i])
		}
		r.Sums[i].Lake.Add(r.Sums[i].Lake, j.lakeSums[i])
	}
}
