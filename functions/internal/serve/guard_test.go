package serve

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestGuard says which requests are refused.
func TestGuard(t *testing.T) {
	s := start(t, Options{})
	host := strings.TrimPrefix(s.url, "http://")
	_, port, _ := net.SplitHostPort(host)
	const ok, elsewhere, forbidden = http.StatusOK, http.StatusMisdirectedRequest, http.StatusForbidden
	for _, test := range []struct {
		method, path, host string
		headers            string // Name: value, separated by |
		want               int
	}{
		{"GET", "/", "", "", ok},
		{"GET", "/", "localhost:" + port, "", ok},
		{"GET", "/", "LOCALHOST:" + port, "", ok},
		{"POST", "/api/query", "localhost:" + port, "Origin: http://localhost:" + port, ok},
		{"POST", "/api/query", "", "Origin: " + s.url + "|Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors", ok},
		{"GET", "/query", "", "Sec-Fetch-Site: none|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", ok},
		{"GET", "/", "", "Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", ok},

		// Names that somebody points here.
		{"GET", "/", "attacker.example", "", elsewhere},
		{"GET", "/", "attacker.example:" + port, "", elsewhere},
		{"GET", "/", "127.0.0.1.attacker.example:" + port, "", elsewhere},
		{"GET", "/", "localhost:1", "", elsewhere},
		{"GET", "/", "127.0.0.1", "", elsewhere},
		{"GET", "/", "0.0.0.0:" + port, "", elsewhere},
		{"GET", "/", "[::1]:" + port, "", elsewhere},
		{"GET", "/nothing", "attacker.example", "", elsewhere},
		{"POST", "/api/query", "attacker.example:" + port, "Origin: http://attacker.example:" + port, elsewhere},

		// Pages of other origins.
		{"POST", "/api/query", "", "Origin: http://attacker.example", forbidden},
		{"POST", "/api/query", "", "Origin: null", forbidden},
		{"POST", "/api/query", "", "Origin: ", forbidden},
		{"POST", "/api/query", "", "Origin: http://127.0.0.1:1", forbidden},
		{"POST", "/api/query", "", "Origin: https://" + host, forbidden},
		{"POST", "/api/query", "", "Origin: http://localhost:" + port, forbidden},
		{"POST", "/api/query", "", "Origin: " + s.url + "|Origin: http://attacker.example", forbidden},
		{"POST", "/api/query", "", "Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: document", forbidden},
		{"POST", "/api/query", "", "Sec-Fetch-Site: same-site", forbidden},
		{"GET", "/", "", "Origin: http://attacker.example", forbidden},
		{"GET", "/api/queries", "", "Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: no-cors|Sec-Fetch-Dest: script", forbidden},
		{"GET", "/", "", "Sec-Fetch-Site: same-site|Sec-Fetch-Mode: navigate|Sec-Fetch-Dest: iframe", forbidden},

		// Other things than the panel sends.
		{"POST", "/api/query", "", "Content-Type: text/plain", http.StatusUnsupportedMediaType},
		{"POST", "/api/query", "", "Content-Type: ", http.StatusUnsupportedMediaType},
		{"POST", "/api/query", "", "Content-Type: application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		{"POST", "/api/query", "", "Content-Type: application/json; charset=utf-8", ok},
		{"POST", "/api/sql", "", "Origin: http://attacker.example", forbidden},
		{"POST", "/api/sql", "", "Content-Type: text/plain", http.StatusUnsupportedMediaType},
		{"GET", "/api/query", "", "", http.StatusMethodNotAllowed},
		{"GET", "/api/sql", "", "", http.StatusMethodNotAllowed},
		{"POST", "/", "", "", http.StatusMethodNotAllowed},
		{"HEAD", "/", "", "", http.StatusMethodNotAllowed},
		{"PUT", "/", "", "", http.StatusMethodNotAllowed},
		{"OPTIONS", "/api/query", "", "Origin: http://attacker.example|Access-Control-Request-Method: POST", http.StatusMethodNotAllowed},
		{"TRACE", "/", "", "", http.StatusMethodNotAllowed},
		{"GET", "/assets/query.js", "", "", http.StatusNotFound},
		{"GET", "/query/", "", "", http.StatusNotFound},
	} {
		body := ""
		if test.method == "POST" {
			body = `{"sql":"SELECT 1 AS n"}`
		}
		r := s.request(test.method, test.path, body)
		if test.host != "" {
			r.Host = test.host
		}
		replaced := map[string]bool{}
		for _, h := range strings.Split(test.headers, "|") {
			name, value, ok := strings.Cut(h, ": ")
			if ok && !replaced[name] {
				r.Header.Del(name)
				replaced[name] = true
			}
			if ok {
				r.Header.Add(name, value)
			}
		}
		resp, answer := s.send(r)
		if resp.StatusCode != test.want {
			t.Errorf("%v: status %d, want %d: %s", test, resp.StatusCode, test.want, answer)
		}
		if test.want != ok && strings.Contains(answer, `"rows"`) {
			t.Errorf("%v: answered %s", test, answer)
		}
		checkHeaders(t, resp)
	}
}

// checkHeaders says what is on every answer.
func checkHeaders(t *testing.T, resp *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", resp.Request.Method, resp.Request.URL.Path, name, got, want)
		}
	}
	policies := resp.Header.Values("Content-Security-Policy")
	if len(policies) != 1 || !strings.HasPrefix(policies[0], "default-src 'none'") || !strings.Contains(policies[0], "frame-ancestors 'none'") ||
		strings.Contains(policies[0], "*") || strings.Contains(policies[0], "http") || strings.Contains(policies[0], "unsafe-eval") {
		t.Errorf("%s: policy is %q", resp.Request.URL.Path, policies)
	}
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: has %s", resp.Request.URL.Path, name)
		}
	}
}

func TestHosts(t *testing.T) {
	for address, want := range map[string][]string{
		"127.0.0.1:8080": {"127.0.0.1:8080", "localhost:8080"},
		"127.0.0.1:80":   {"127.0.0.1:80", "127.0.0.1", "localhost:80", "localhost"},
		"[::1]:8080":     {"[::1]:8080", "localhost:8080"},
		"[::1]:80":       {"[::1]:80", "[::1]", "localhost:80", "localhost"},
	} {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostsOf(a); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// TestPanel says that the panel is whole and has nothing of elsewhere.
func TestPanel(t *testing.T) {
	s := start(t, Options{})
	for path, contentType := range map[string]string{
		"/query": "text/html; charset=utf-8", "/query.js": "text/javascript; charset=utf-8", "/query.css": "text/css; charset=utf-8",
	} {
		resp, body := s.send(s.request(http.MethodGet, path, ""))
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != contentType || len(body) < 500 {
			t.Errorf("%s: status %d, %s, %d bytes", path, resp.StatusCode, resp.Header.Get("Content-Type"), len(body))
		}
		for _, unwanted := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=", " onclick="} {
			if strings.Contains(body, unwanted) {
				t.Errorf("%s has %s", path, unwanted)
			}
		}
		if strings.Contains(resp.Header.Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: policy is %s", path, resp.Header.Get("Content-Security-Policy"))
		}
	}
	if code, body := s.get("/favicon.ico"); code != http.StatusNoContent || body != "" {
		t.Errorf("favicon: status %d: %s", code, body)
	}
}
