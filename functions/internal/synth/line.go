package synth

import "strconv"

// header names the fields as the published files do: 23 of them, although lines of 22 and 24 fields
// stand below it.
const header = "version aws_account_id accelerator_id client_ip client_port gip gip_port endpoint_ip " +
	"endpoint_port protocol ip_address_type packets bytes start_time end_time action log_status " +
	"globalaccelerator_source_ip globalaccelerator_source_port endpoint_region globalaccelerator_region " +
	"direction vpc_id\n"

// form is the form of a line, which is the endpoint's: the flow log's version 2.0 is for endpoints
// with client address preservation.
type form uint8

const (
	form22 form = iota // version 1.0: with the address that the accelerator used, without vpc_id
	form23             // version 2.0: with vpc_id, client addresses preserved
	form24             // version 2.0 with reject_reason too, which may be empty
	forms  = 3
)

// flow is one flow in one capture window, as far as its two directions have it in common.
type flow struct {
	client   *client
	endpoint *endpoint
	edge     *edge
	gip      string
	source   string // the address that the accelerator used, for form22
	protocol string

	clientPort, gipPort, endpointPort, sourcePort uint64

	start, end int64 // seconds since 1970
	rejected   bool
}

// load is what one direction of a flow carried.
type load struct{ packets, bytes uint64 }

// direction is a value of the field of that name.
type direction string

const (
	ingress direction = "INGRESS"
	egress  direction = "EGRESS"
)

// appendFlow appends the line of one direction of a flow.
func appendFlow(b []byte, a *accelerator, f *flow, l load, d direction) []byte {
	e := f.endpoint
	family, address := "IPV4", e.ipv4
	if f.client.ipv6 {
		family, address = "IPV6", e.ipv6
	}
	b = appendVersion(b, e.form)
	b = append(b, a.lead...)
	b = appendText(b, f.client.address)
	b = appendNumber(b, f.clientPort)
	b = appendText(b, f.gip)
	b = appendNumber(b, f.gipPort)
	b = appendText(b, address)
	b = appendNumber(b, f.endpointPort)
	b = appendText(b, f.protocol)
	b = appendText(b, family)
	b = appendNumber(b, l.packets)
	b = appendNumber(b, l.bytes)
	b = appendNumber(b, uint64(f.start))
	b = appendNumber(b, uint64(f.end))
	if f.rejected {
		b = append(b, "REJECT OK "...)
	} else {
		b = append(b, "ACCEPT OK "...)
	}
	if e.form == form22 {
		b = appendText(b, f.source)
		b = appendNumber(b, f.sourcePort)
	} else {
		b = append(b, "- 0 "...)
	}
	b = appendText(b, e.region)
	b = appendText(b, f.edge.name)
	b = append(b, d...)
	switch e.form {
	case form23:
		b = append(b, ' ')
		b = append(b, e.vpc...)
	case form24:
		b = append(b, ' ')
		b = append(b, e.vpc...)
		b = append(b, ' ') // stands at the line's end where the reason is empty
		if f.rejected {
			b = append(b, "BPA"...)
		}
	}
	return append(b, '\n')
}

// appendStatus appends a line that reports a capture window without a flow: NODATA, or SKIPDATA
// where records were lost.
func appendStatus(b []byte, a *accelerator, f form, start, end int64, status string) []byte {
	b = appendVersion(b, f)
	b = append(b, a.lead...)
	b = append(b, "- - - - - - - - - - "...) // from client_ip to bytes
	b = appendNumber(b, uint64(start))
	b = appendNumber(b, uint64(end))
	b = append(b, "- "...)
	b = append(b, status...)
	b = append(b, " - - - - -"...) // from globalaccelerator_source_ip to direction
	switch f {
	case form23:
		b = append(b, " -"...)
	case form24:
		b = append(b, " - "...)
	}
	return append(b, '\n')
}

func appendVersion(b []byte, f form) []byte {
	if f == form22 {
		return append(b, "1.0 "...)
	}
	return append(b, "2.0 "...)
}

// appendText appends a field and the space behind it.
func appendText(b []byte, s string) []byte { return append(append(b, s...), ' ') }

// appendNumber appends a field and the space behind it.
func appendNumber(b []byte, n uint64) []byte { return append(strconv.AppendUint(b, n, 10), ' ') }
