package synth

import "io"

// Shares of what is rare, each as one in so many.
const (
	noDataIn    = 10_000 // lines
	skipDataIn  = 5_000  // lines
	earlyIn     = 40     // flows that start up to two minutes before the file's time
	lateIn      = 100    // flows that start up to a minute after the file's time
	keepAliveIn = 50     // flows without a packet
	rejectedIn  = 60     // flows to an endpoint whose lines have a reject reason
	silentIn    = 10     // flows without an answer
	awayIn      = 8      // flows by way of any edge location instead of a near one
)

const (
	maxEarly  = 120 // seconds
	maxLate   = 60  // seconds
	maxWindow = 60  // seconds: the longest capture window

	// A file of so many lines starts with an early flow, so that the first file of a day crosses
	// midnight, a late one, so that the last one does, and the elephant, if it has it; whatever is
	// drawn.
	specialLines = 32
	// So many answers are outstanding at most, and about so many flows begin between a flow's
	// INGRESS line and its EGRESS line: in a small file, in a large one. minLag leaves room for the
	// flows that a file of specialLines starts with.
	minLag = 4
	maxLag = 512

	bufferSize = 64 << 10
)

// services are what clients ask for, with weights.
var services = []struct {
	weight                uint64
	protocol              string
	gipPort, endpointPort uint64
	ports                 uint64 // so many ports, from those on
}{
	{86, "TCP", 443, 443, 1},
	{8, "TCP", 80, 8080, 1},
	{4, "UDP", 443, 443, 1},
	{2, "UDP", 5000, 5000, 50},
}

// Distributions that mimic, band by band, a log-normal one of packets (median 10, mean 22), and
// exponential ones of the payload of a packet (mean 90 bytes) and of the capture window (9 seconds).
var (
	packetBands = []band{{45, 1, 2}, {78, 2, 3}, {143, 3, 5}, {197, 5, 9}, {207, 9, 17}, {165, 17, 33},
		{99, 33, 65}, {45, 65, 129}, {16, 129, 257}, {4, 257, 513}, {1, 513, 1025}}
	payloadBands = []band{{105, 0, 10}, {178, 10, 30}, {204, 30, 60}, {184, 60, 100}, {160, 100, 160},
		{107, 160, 250}, {50, 250, 400}, {12, 400, 700}}
	windowBands = []band{{105, 0, 1}, {178, 1, 3}, {204, 3, 6}, {184, 6, 10}, {160, 10, 16},
		{107, 16, 25}, {50, 25, 40}, {12, 40, maxWindow + 1}}
)

// traffic writes the text of logs, one after the other. It is used by one goroutine.
type traffic struct {
	world    *world
	random   source
	services table
	packets  bands
	payload  bands
	window   bands

	answers []answer
	buf     []byte
}

// answer is the EGRESS line of a flow whose INGRESS line was written.
type answer struct {
	flow flow
	load load
}

func newTraffic(w *world) *traffic {
	t := &traffic{
		world:   w,
		packets: newBands(packetBands),
		payload: newBands(payloadBands),
		window:  newBands(windowBands),
		answers: make([]answer, 0, maxLag),
		buf:     make([]byte, 0, bufferSize+1024),
	}
	weights := make([]uint64, len(services))
	for i, s := range services {
		weights[i] = s.weight
	}
	t.services = newTable(weights)
	return t
}

// write writes the header and the records of s, which depend on the world and on s alone.
func (t *traffic) write(w io.Writer, s span) error {
	t.random.seed(t.world.seed, forFile, uint64(s.accelerator.rank), uint64(s.start))
	t.answers = t.answers[:0]
	lag := min(max(s.records/32, minLag), maxLag)
	b := append(t.buf[:0], header...)
	for line := range s.records {
		if left := s.records - line; len(t.answers) >= min(lag, left) {
			b = t.appendAnswer(b, s)
		} else {
			b = t.appendNext(b, s, line)
		}
		if len(b) >= bufferSize {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := w.Write(b)
	return err
}

// appendAnswer appends one of the outstanding EGRESS lines.
func (t *traffic) appendAnswer(b []byte, s span) []byte {
	last := len(t.answers) - 1
	i := t.random.below(uint64(len(t.answers)))
	b = appendFlow(b, s.accelerator, &t.answers[i].flow, t.answers[i].load, egress)
	t.answers[i] = t.answers[last]
	t.answers = t.answers[:last]
	return b
}

// appendNext appends the INGRESS line of a new flow or, rarely, a line without a flow.
func (t *traffic) appendNext(b []byte, s span, line int) []byte {
	r := &t.random
	special := s.records >= specialLines
	at := t.time(s, line)
	switch {
	case special && line == 0 || r.oneIn(earlyIn):
		at = s.start - 1 - int64(r.below(maxEarly))
	case special && line == 1 || r.oneIn(lateIn):
		at = s.start + s.seconds + int64(r.below(maxLate))
	case special && line == 2: // the elephant is a flow
	case r.oneIn(noDataIn):
		return appendStatus(b, s.accelerator, form(r.below(forms)), at, at+maxWindow, "NODATA")
	case r.oneIn(skipDataIn):
		return appendStatus(b, s.accelerator, form(r.below(forms)), at, at+maxWindow, "SKIPDATA")
	}

	f := t.flow(s.accelerator)
	f.start = at
	f.end = at + int64(t.window.draw(r))
	in := load{packets: t.packets.draw(r)}
	in.bytes = in.packets*(40+t.payload.draw(r)) + r.below(40)
	out := load{packets: in.packets*(70+r.below(80))/100 + 1}
	out.bytes = out.packets*(60+r.below(1200)) + r.below(60)
	answered := !f.rejected && !r.oneIn(silentIn)
	switch {
	case special && line == 2 && s.elephant:
		in.packets = 1<<32 + r.below(1<<31)
		in.bytes = in.packets * 64
		answered = false // small packets, no answer: a flood
	case r.oneIn(keepAliveIn):
		in, out = load{}, load{}
	}
	if answered {
		t.answers = append(t.answers, answer{f, out})
	}
	return appendFlow(b, s.accelerator, &f, in, ingress)
}

// time gives the time of a line's record: the lines are spread over the span, out of order by some
// seconds.
func (t *traffic) time(s span, line int) int64 {
	at := s.seconds*int64(line)/int64(s.records) + int64(t.random.below(12)) - 6
	return s.start + min(max(at, 0), s.seconds-1)
}

// flow draws a flow to one of the accelerator's endpoints. It has no times yet.
func (t *traffic) flow(a *accelerator) flow {
	r := &t.random
	c := &t.world.clients[t.world.busy.pick(r)]
	via := &t.world.edges[uint64(c.city)*edgesPerCity+r.below(edgesPerCity)]
	if r.oneIn(awayIn) {
		via = &t.world.edges[r.below(uint64(len(t.world.edges)))]
	}
	addresses, family := &a.gipv4, 0
	if c.ipv6 {
		addresses, family = &a.gipv6, 1
	}
	e := &a.endpoints[a.routes[cities[c.city].continent][family].pick(r)]
	service := &services[t.services.pick(r)]
	port := r.below(service.ports)
	return flow{
		client:       c,
		endpoint:     e,
		edge:         via,
		gip:          addresses[r.below(2)],
		source:       via.sources[r.below(sourcesPerEdge)],
		protocol:     service.protocol,
		clientPort:   r.unprivilegedPort(),
		gipPort:      service.gipPort + port,
		endpointPort: service.endpointPort + port,
		sourcePort:   r.unprivilegedPort(),
		rejected:     e.form == form24 && r.oneIn(rejectedIn),
	}
}

// unprivilegedPort gives a port from 1024 to 65535.
func (s *source) unprivilegedPort() uint64 { return 1024 + s.below(1<<16-1024) }
