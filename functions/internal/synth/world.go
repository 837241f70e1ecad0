package synth

import (
	"slices"
	"strconv"
	"strings"
)

// world is what all files have in common. It is not changed once it is made; goroutines share it.
type world struct {
	seed         uint64
	clients      []client
	busy         table // picks clients
	edges        []edge
	accelerators []*accelerator // in the order of their identifiers, which is that of the keys
}

// accelerator is an accelerator and its endpoints.
type accelerator struct {
	rank      int    // the busiest has rank 0
	id        string // a UUID
	lead      string // "<account> <id> "
	gipv4     [2]string
	gipv6     [2]string
	endpoints []endpoint
	routes    [continents][2]table // picks endpoints, by the client's continent; [1] is for IPv6
}

// endpoint is an endpoint of an accelerator.
type endpoint struct {
	form       form
	ipv4, ipv6 string
	region     string
	vpc        string
}

// edge is an edge location.
type edge struct {
	name string
	// sources are the addresses that it uses towards endpoints without client address preservation.
	sources [sourcesPerEdge]string
}

const (
	edgesPerCity   = 4
	sourcesPerEdge = 10
)

type continent uint8

const (
	americas continent = iota
	europe
	asiaPacific
	continents = 3
)

// cities are those of the edge locations, by the code of an airport.
var cities = [...]struct {
	code      string
	continent continent
}{
	{"IAD", americas}, {"SEA", americas}, {"DUB", europe}, {"FRA", europe},
	{"NRT", asiaPacific}, {"SYD", asiaPacific}, {"LHR", europe}, {"AMS", europe},
	{"CDG", europe}, {"SIN", asiaPacific}, {"GRU", americas}, {"ORD", americas},
	{"DFW", americas}, {"LAX", americas}, {"ATL", americas}, {"ICN", asiaPacific},
}

// regions are those of the endpoints.
var regions = [...]struct {
	name      string
	continent continent
}{
	{"us-east-1", americas}, {"us-west-2", americas}, {"eu-west-1", europe}, {"eu-central-1", europe},
	{"ap-northeast-1", asiaPacific}, {"ap-southeast-1", asiaPacific}, {"ap-southeast-2", asiaPacific},
}

// newWorld gives the world of a valid configuration that has its defaults.
func newWorld(c Config) *world {
	w := &world{
		seed:    c.Seed,
		clients: newClients(c.Seed, c.Clients),
		busy:    newTable(zipf(c.Clients)),
		edges:   newEdges(c.Seed),
	}
	var vpcs [len(regions)]string
	s := newSource(c.Seed, forVPCs)
	for i := range vpcs {
		vpcs[i] = string(s.hex([]byte("vpc-0"), 16))
	}
	for rank := range c.Accelerators {
		w.accelerators = append(w.accelerators, newAccelerator(c, rank, &vpcs))
	}
	slices.SortFunc(w.accelerators, func(a, b *accelerator) int { return strings.Compare(a.id, b.id) })
	return w
}

func newEdges(seed uint64) []edge {
	s := newSource(seed, forEdges)
	edges := make([]edge, len(cities)*edgesPerCity)
	for i := range edges {
		e := &edges[i]
		number := 50 + i%edgesPerCity // two of a city differ, whatever is drawn
		e.name = cities[i/edgesPerCity].code + strconv.Itoa(number) + "-" + strconv.FormatUint(1+s.below(4), 10)
		for j := range e.sources {
			e.sources[j] = ipv4(13<<8|248, uint64(96+i)<<8|s.below(256)).String()
		}
	}
	return edges
}

// newAccelerator gives the accelerator of that rank.
func newAccelerator(c Config, rank int, vpcs *[len(regions)]string) *accelerator {
	s := newSource(c.Seed, forAccelerator, uint64(rank))
	a := &accelerator{rank: rank, id: uuid(s)}
	a.lead = c.Account + " " + a.id + " "
	// The two networks of which Global Accelerator is seen to give one address each.
	offset := digest(c.Seed, forAccelerator)
	a.gipv4[0] = ipv4(75<<8|2, scatter(uint64(rank), offset)).String()
	a.gipv4[1] = ipv4(99<<8|83, scatter(uint64(rank), offset>>16)).String()
	for i := range a.gipv6 {
		a.gipv6[i] = ipv6(0x2600_9000_a000_0000|s.below(1<<28), uint64(i+1)).String()
	}

	// The regions at the beginning of a shuffled list.
	order := make([]int, len(regions))
	for i := range order {
		j := int(s.below(uint64(i + 1)))
		order[i], order[j] = order[j], i
	}
	order = order[:1+s.below(3)]

	a.endpoints = make([]endpoint, 9+s.below(10))
	for i := range a.endpoints {
		r := order[i%len(order)]
		a.endpoints[i] = endpoint{
			form:   form(i / len(order) % forms),
			ipv4:   ipv4(10<<8|uint64(16+r), s.below(1<<16)).String(),
			ipv6:   ipv6(0x2600_1f00_0000_0000|uint64(r)<<32|s.below(1<<32), s.below(1<<32)).String(),
			region: regions[r].name,
			vpc:    vpcs[r],
		}
	}
	for near := range a.routes {
		var weights [2][]uint64
		for i, e := range a.endpoints {
			weight := uint64(1<<16) / uint64(i/len(order)+1)
			if regions[order[i%len(order)]].continent != continent(near) {
				weight /= 8
			}
			weights[0] = append(weights[0], weight)
			if e.form == form22 {
				weight = 0 // IPv6 needs client address preservation
			}
			weights[1] = append(weights[1], weight)
		}
		a.routes[near] = [2]table{newTable(weights[0]), newTable(weights[1])}
	}
	return a
}

// uuid gives a random UUID, of version 4 as the identifiers of accelerators are.
func uuid(s *source) string {
	b := s.hex(nil, 8)
	b = s.hex(append(b, '-'), 4)
	b = s.hex(append(b, "-4"...), 3)
	b = s.hex(append(b, '-', "89ab"[s.below(4)]), 3)
	b = s.hex(append(b, '-'), 12)
	return string(b)
}
