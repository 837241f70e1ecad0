package synth

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// client is an address that traffic comes from.
type client struct {
	address string
	ipv6    bool
	city    uint8 // the index of the city whose edge locations are the nearest
}

const (
	networksIPv4 = 400 // of 2^16 addresses each; the first holds a twentieth of the clients
	networksIPv6 = 60  // /48
	// One client in so many uses IPv6. That it is a fixed one in each so many, not a random one,
	// keeps the share of the traffic the same whatever the seed.
	clientsPerIPv6 = 11
)

// firstBytes are /8 networks that are ordinary unicast addresses throughout.
var firstBytes = [...]byte{2, 5, 14, 24, 27, 31, 37, 41, 46, 49, 58, 61, 66, 71, 73, 78, 81, 84, 86, 88,
	91, 94, 101, 109, 113, 118, 121, 126, 151, 176, 178, 181, 186, 189, 190, 197, 201, 212, 217}

// firstGroups are the beginnings of what the regional registries allocate.
var firstGroups = [...]uint16{0x2400, 0x2600, 0x2800, 0x2a00}

// newClients gives n clients, the busiest first, no address twice. They are the first n of any
// greater number from the same seed. They cluster in networks, as those of carriers and offices do,
// and each network is near one city.
func newClients(seed uint64, n int) []client {
	type network struct {
		prefix uint64 // the first 16 bits of an IPv4 address, or 48 of an IPv6 address
		offset uint64
		used   uint64
		city   uint8
	}
	s := newSource(seed, forClients)
	v4, v6 := make([]network, networksIPv4), make([]network, networksIPv6)
	taken := make(map[uint64]bool)
	for i := range v4 {
		prefix := uint64(firstBytes[s.below(uint64(len(firstBytes)))])<<8 | s.below(256)
		for taken[prefix] {
			prefix = prefix&0xff00 | (prefix+1)&0xff
		}
		taken[prefix] = true
		v4[i] = network{prefix: prefix, offset: s.bits(), city: uint8(s.below(uint64(len(cities))))}
	}
	for i := range v6 {
		group := uint64(firstGroups[s.below(uint64(len(firstGroups)))]) | s.below(16)
		v6[i] = network{prefix: group<<32 | s.below(1<<32), city: uint8(s.below(uint64(len(cities))))}
	}

	clients := make([]client, n)
	text := make([]byte, 0, 48)
	for i := range clients {
		c := &clients[i]
		c.ipv6 = i%clientsPerIPv6 == clientsPerIPv6/2
		if c.ipv6 {
			net := &v6[s.skewed(networksIPv6)]
			c.city = net.city
			text = ipv6(net.prefix<<16|s.below(1<<16), s.bits()).AppendTo(text[:0])
		} else {
			net := &v4[s.skewed(networksIPv4)]
			c.city = net.city
			text = ipv4(net.prefix, scatter(net.used, net.offset)).AppendTo(text[:0])
			net.used++
		}
		c.address = string(text)
	}
	return clients
}

// skewed gives a number from 0 to n-1, small ones more often: n times the square of what is evenly
// distributed between 0 and 1.
func (s *source) skewed(n uint64) uint64 {
	x := s.below(n << 8)
	return x * x / (n << 16)
}

// scatter gives 16 bits that look random and that differ for 2^16 consecutive i.
func scatter(i, offset uint64) uint64 { return (i*40503 + offset) & 0xffff }

// ipv4 gives an address by its halves, of 16 bits each.
func ipv4(high, low uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(high >> 8), byte(high), byte(low >> 8), byte(low)})
}

// ipv6 gives an address by its halves.
func ipv6(high, low uint64) netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], high)
	binary.BigEndian.PutUint64(a[8:], low)
	return netip.AddrFrom16(a)
}

// zipf gives the weights of n clients: that of the one of rank k, from 0, is 1/(8+k)^(9/8). Square
// roots, products and quotients are rounded alike on every processor, other powers are not.
func zipf(n int) []uint64 {
	weights := make([]uint64, n)
	for k := range weights {
		x := float64(8 + k)
		eighthRoot := math.Sqrt(math.Sqrt(math.Sqrt(x)))
		weights[k] = uint64((1 << 40) / (x * eighthRoot))
	}
	return weights
}
