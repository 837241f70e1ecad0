package gluetest

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	maxPage      = 1000 // partitions in a page
	maxTablePage = 100  // tables in a page
)

// page is the part of a list that a request asks for.
type page struct {
	start, size int
	err         error
}

// takePage takes the fields of an input that ask for a page.
func takePage(in *input, most, size int) page {
	p := takeNext(in, min(most, size))
	if n, ok := take[int](in, "MaxResults"); ok {
		if n < 1 || n > most {
			p.err = outOfRange("maxResults", fmt.Sprintf("have value between 1 and %d", most))
		}
		p.size = min(p.size, n)
	}
	return p
}

// takeNext is takePage for operations that let nobody choose the size.
func takeNext(in *input, size int) page {
	p := page{size: size}
	if token, _ := take[string](in, "NextToken"); token != "" {
		start, ok := strings.CutPrefix(token, "after-")
		if p.start, p.err = strconv.Atoi(start); !ok || p.err != nil {
			p.err = invalid("Invalid NextToken.")
		}
	}
	return p
}

// of gives the answer with that page of a list of n items.
func (p page) of(field string, n int, item func(i int) object) (any, error) {
	if p.err != nil {
		return nil, p.err
	}
	some := []object{}
	for i := p.start; i < min(p.start+p.size, n); i++ {
		some = append(some, item(i))
	}
	out := object{field: some}
	if len(some) == p.size {
		out["NextToken"] = "after-" + strconv.Itoa(p.start+p.size)
	}
	return out, nil
}
