package synth

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

const (
	secondsPerDay  = 24 * 60 * 60
	secondsPerSlot = 5 * 60 // a file is published for every five minutes
	slotsPerDay    = secondsPerDay / secondsPerSlot
)

// logRegion is the Region in every key that is known of this log.
const logRegion = "us-west-2"

// planned is a file to be made.
type planned struct {
	key string
	span
}

// span is a stretch of one accelerator's traffic.
type span struct {
	accelerator *accelerator
	start       int64 // seconds since 1970
	seconds     int64
	records     int
	elephant    bool // holds a flow of more than 2^32 packets, if it has [specialLines]
}

// plan gives the files of c in the order of their keys, with c.Records records in all.
func (w *world) plan(c Config) []planned {
	day := c.Day.Unix() / secondsPerDay
	s := newSource(w.seed, forPlan, uint64(day))
	weights := make([]uint64, len(w.accelerators))
	for i, a := range w.accelerators {
		weights[i] = 1 << 20 / uint64(a.rank+1)
	}
	var plan []planned
	busiest := 0
	for i, records := range divide(s, c.Records, weights) {
		a := w.accelerators[i]
		for slot, records := range divide(s, records, dayCurve(s)) {
			if records == 0 {
				continue
			}
			start := day*secondsPerDay + int64(slot)*secondsPerSlot
			plan = append(plan, planned{
				key:  w.key(c, a, start),
				span: span{accelerator: a, start: start, seconds: secondsPerSlot, records: records},
			})
			if records > plan[busiest].records {
				busiest = len(plan) - 1
			}
		}
	}
	plan[busiest].elephant = !c.NoElephant
	return plan
}

// key gives the key of an accelerator's file for the five minutes from start.
func (w *world) key(c Config, a *accelerator, start int64) string {
	at := time.Unix(start, 0).UTC()
	hash := binary.BigEndian.AppendUint64(nil, digest(w.seed, forFileHash, uint64(a.rank), uint64(start)))
	key := "AWSLogs/" + c.Account + "/globalaccelerator/" + logRegion + at.Format("/2006/01/02/") +
		c.Account + "_globalaccelerator_" + a.id + at.Format("_20060102T1504Z_") + hex.EncodeToString(hash[:4]) + ".log.gz"
	if c.Prefix != "" {
		key = c.Prefix + "/" + key
	}
	return key
}

// hours is the traffic of a day, by the hour in UTC, in percent of the busiest.
var hours = [24]uint64{43, 38, 34, 31, 29, 28, 30, 36, 45, 56, 67, 77, 85, 91, 96, 99, 100, 98, 93, 86, 77, 67, 58, 50}

// dayCurve gives the weights of a day's slots: a straight line from hour to hour, and noise of up to
// an eighth.
func dayCurve(s *source) []uint64 {
	const perHour = slotsPerDay / 24
	weights := make([]uint64, slotsPerDay)
	for slot := range weights {
		hour, part := slot/perHour, uint64(slot%perHour)
		traffic := hours[hour]*(perHour-part) + hours[(hour+1)%24]*part
		weights[slot] = traffic * (112 + s.below(33))
	}
	return weights
}

// divide divides n in proportion to weights. Each part is its due rounded down or up, by chance, and
// together they are n. Neither n times the sum of the weights nor that sum may reach 2^63.
func divide(s *source, n int, weights []uint64) []int {
	var total uint64
	for _, w := range weights {
		total += w
	}
	parts := make([]int, len(weights))
	rounding := s.below(total)
	var sum, given uint64
	for i, w := range weights {
		sum += w
		upTo := (uint64(n)*sum + rounding) / total
		parts[i] = int(upTo - given)
		given = upTo
	}
	return parts
}
