package serve

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/flowlake/flowlake/functions/internal/query"
)

// maxBody bounds a request's body, in bytes. SQL of a person is a small part of it.
const maxBody = 64 << 10

//go:embed assets
var assets embed.FS

// Policies of the two pages. The report's page brings its script and style along, and says in itself
// which ones they are; the panel's are beside it, and it makes no HTML of texts.
var (
	pagePolicy  = policy("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:")
	panelPolicy = policy("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; require-trusted-types-for 'script'")
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET /query", asset("query.html", "text/html; charset=utf-8"))
	mux.HandleFunc("GET /query.js", asset("query.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /query.css", asset("query.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /api/queries", s.serveNamed)
	mux.HandleFunc("POST /api/sql", s.serveSQL)
	mux.HandleFunc("POST /api/query", s.serveQuery)
	return mux
}

// asset serves one of the files that are compiled in.
func asset(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Security-Policy", panelPolicy)
		http.ServeFileFS(w, r, assets, "assets/"+name)
	}
}

// Named is a named query.
type Named struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	SQL         string  `json:"sql"` // with the defaults of its parameters
	Params      []Param `json:"params"`
}

// Param is a parameter of a named query. Types are those of the package queries.
type Param struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"`
}

func (s *Server) serveNamed(w http.ResponseWriter, _ *http.Request) {
	all := []Named{}
	for _, q := range s.Queries {
		params := []Param{}
		for _, p := range q.Parameters {
			params = append(params, Param{p.Name, string(p.Type), p.Default})
		}
		all = append(all, Named{q.Name, q.Description, q.SQL, params})
	}
	reply(w, http.StatusOK, all)
}

// Failure is the answer to a request that has failed.
type Failure struct {
	// Error is the message: of a query, the engine's own, of several lines.
	Error string `json:"error"`
}

// question is the body of POST /api/query and /api/sql: SQL, or the name of a query with its parameters.
type question struct {
	SQL    string            `json:"sql"`
	Name   string            `json:"name"`
	Params map[string]string `json:"params"`
}

// Statement is SQL.
type Statement struct {
	SQL string `json:"sql"`
}

// serveSQL gives the SQL that a question would run.
func (s *Server) serveSQL(w http.ResponseWriter, r *http.Request) {
	if sql, ok := s.asked(w, r); ok {
		reply(w, http.StatusOK, Statement{sql})
	}
}

func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request) {
	sql, ok := s.asked(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	a, err := s.keeper.use(ctx, func(l *Lake) (*Answer, error) { return ask(ctx, l.DB, sql, s.MaxRows) })
	if err != nil {
		code, message := s.explain(err)
		fail(w, code, message)
		return
	}
	reply(w, http.StatusOK, a)
}

// asked reads a question and gives its SQL, or answers what is wrong with it.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) (sql string, ok bool) {
	// A form of another page can send three other types, without asking first.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "content type: want application/json")
		return "", false
	}
	var q question
	if err := decode(http.MaxBytesReader(w, r.Body, maxBody), &q); err != nil {
		code := http.StatusBadRequest
		if large := new(http.MaxBytesError); errors.As(err, &large) {
			code = http.StatusRequestEntityTooLarge
		}
		fail(w, code, "read the question: "+err.Error())
		return "", false
	}
	sql, code, err := s.sql(q)
	if err != nil {
		fail(w, code, err.Error())
		return "", false
	}
	return sql, true
}

// decode reads one JSON value and nothing behind it.
func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("want one JSON object")
		}
		return err
	}
	return nil
}

// sql gives the SQL of a question, or the status of the error.
func (s *Server) sql(q question) (sql string, code int, err error) {
	switch {
	case (q.SQL == "") == (q.Name == ""):
		return "", http.StatusBadRequest, errors.New("want either sql or the name of a query")
	case q.SQL != "" && len(q.Params) > 0:
		return "", http.StatusBadRequest, errors.New("params: want them with the name of a query")
	case q.SQL != "":
		return q.SQL, http.StatusOK, nil
	}
	for _, named := range s.Queries {
		if named.Name == q.Name {
			if sql, err = named.With(q.Params); err != nil {
				return "", http.StatusBadRequest, err
			}
			return sql, http.StatusOK, nil
		}
	}
	return "", http.StatusNotFound, fmt.Errorf("no query is named %q", q.Name)
}

// explain gives the status and the message of what went wrong with the lake.
func (s *Server) explain(err error) (code int, message string) {
	limit := "the limit of a query"
	if s.TimeoutName != "" {
		limit += " (" + s.TimeoutName + ")"
	}
	var turn waited
	var deaf stuck
	lake, wrong := new(broken), new(query.Error)
	switch {
	case errors.As(err, &turn):
		return http.StatusServiceUnavailable, fmt.Sprintf("waited for its turn for %s, which is %s: %s", s.Timeout, limit, turn)
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "stopped"
	case errors.As(err, &lake): // before the others, which its cause may be, too
		return http.StatusInternalServerError, err.Error()
	case errors.As(err, &deaf):
		return http.StatusGatewayTimeout, fmt.Sprintf("has run for %s, which is %s, and does not stop: DuckDB ends the step that it is in first, and other queries wait for that", s.Timeout, limit)
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, fmt.Sprintf("stopped after %s, which is %s", s.Timeout, limit)
	case errors.Is(err, query.ErrNotQuery), errors.Is(err, errTooWide), errors.As(err, &wrong):
		return http.StatusBadRequest, err.Error()
	}
	return http.StatusInternalServerError, err.Error()
}

func fail(w http.ResponseWriter, code int, message string) { reply(w, code, Failure{message}) }

// reply sends a value as JSON.
func reply(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "write the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) // an error is the browser's going away
}

// seconds gives a duration in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
