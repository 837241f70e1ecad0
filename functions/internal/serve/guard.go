package serve

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// guard refuses what does not come from a page of ours, or from the person at the machine. Its
// headers are on every answer.
type guard struct {
	hosts []string // what the Host of a request may be
	next  http.Handler
}

// hostsOf gives the names of an address that is listened on.
func hostsOf(a net.Addr) []string {
	at := a.(*net.TCPAddr)
	var hosts []string
	for _, host := range []string{at.IP.String(), "localhost"} {
		hosts = append(hosts, net.JoinHostPort(host, strconv.Itoa(at.Port)))
		if at.Port == 80 { // which a browser leaves out
			hosts = append(hosts, strings.TrimSuffix(net.JoinHostPort(host, ""), ":"))
		}
	}
	return hosts
}

// ServeHTTP hands on what may pass.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy("default-src 'none'"))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	switch {
	case !slices.Contains(g.hosts, strings.ToLower(r.Host)):
		fail(w, http.StatusMisdirectedRequest, "host: want one of "+strings.Join(g.hosts, ", "))
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		h.Set("Allow", "GET, POST")
		fail(w, http.StatusMethodNotAllowed, "method: want GET or POST")
	case foreign(r):
		fail(w, http.StatusForbidden, "origin: requests of other origins are refused")
	default:
		g.next.ServeHTTP(w, r)
	}
}

// foreign says whether another origin has made a request, be it a page on another port of the same
// host. What a browser says of it decides; other programs say nothing. A link elsewhere may lead
// here: that is a GET that shows its answer to nobody but the person.
//
// The headers are those of https://fetch.spec.whatwg.org/#origin-header and
// https://www.w3.org/TR/fetch-metadata/.
func foreign(r *http.Request) bool {
	if origins, sent := r.Header["Origin"]; sent && (len(origins) != 1 || !strings.EqualFold(origins[0], "http://"+r.Host)) {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// policy gives a Content-Security-Policy with those directives and those of every page.
func policy(directives string) string {
	return directives + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
