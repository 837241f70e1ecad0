// Package serve shows a lake to the browser of the same machine: the report's page, made anew as the
// lake grows, and a panel that answers SQL and the named queries.
//
// It is for the person at the machine. It listens on the loopback interface alone and has neither
// accounts nor TLS: whoever can log in to the machine can ask it. What other web pages can do is
// kept out: a request must name the address that is listened on, so that a name which somebody
// points at 127.0.0.1 does not do, and must not come from another origin. It changes nothing:
// queries have the confinement of the package query.
//
// What it answers:
//
//	GET  /             the report's page
//	GET  /query        the panel, with its script and style beside it
//	GET  /api/queries  the named queries, as [Named]
//	POST /api/query    {"sql": "..."} or {"name": "...", "params": {...}}; see [Answer] and [Failure]
//	POST /api/sql      the same, for the SQL that it would run, as [Statement]
//
// Decisions, with what lost:
//   - One query at a time, and not a few: DuckDB runs one on all cores, and its memory limit is that
//     of all together. The others wait their turn, within their own time.
//   - A lake is opened anew when it is older than Refresh, and not watched: it may lie in S3, where
//     there is nothing to watch, and a query must see one state of it.
//   - Opening the lake and making the page have no limit and are the server's, and not those of the
//     request that asked for them: a large lake takes longer than anybody waits, and what is thrown
//     away is never there. Only what runs for a request, which is a query, has a limit.
//   - Who asks for the page waits for a new one for 5 s, and then gets the one from before, which says
//     so. Never to give an older one would show nothing for as long as the making takes, each time;
//     always to give it at once would show a small lake as it was when somebody looked last.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/flowlake/flowlake/deploy/queries"
	"github.com/flowlake/flowlake/functions/internal/query"
)

// Engine answers queries; a [*query.DB] is one.
type Engine interface {
	// Query gives the rows of a statement; the caller closes them. It ends soon after ctx, unless a step
	// of it takes long.
	Query(ctx context.Context, sql string) (*query.Rows, error)
}

// Lake is a lake as it stood when it was opened.
type Lake struct {
	// DB answers queries.
	DB Engine
	// Page writes the report's page: an HTML document that needs nothing besides. The link to the panel
	// comes before its <main>. It ends soon after ctx.
	Page func(ctx context.Context, w io.Writer) error
	// Close frees the lake.
	Close func()
}

// Options say what is served. Open is required.
type Options struct {
	// Open opens the lake as it stands. It is never called twice at a time, and ends soon after ctx.
	Open func(ctx context.Context) (*Lake, error)
	// Queries are the named queries, in the order of the panel.
	Queries []queries.Query
	// MaxRows is the number of rows after which an answer ends; default 1,000.
	MaxRows int
	// Timeout is how long a query may take, with the wait for its turn, while the page is made or the
	// lake is opened; these have no limit. Default 30 s.
	Timeout time.Duration
	// TimeoutName is by what Timeout is set, such as --timeout, for messages; may be "".
	TimeoutName string
	// Refresh is how old the lake may be when a query begins, and when the page is begun or given,
	// before it is opened anew; default 30 s. That happens only when somebody asks. The time that the
	// making of a page took does not count, and a page that is older is given while the next is being
	// made for more than 5 s.
	Refresh time.Duration
}

// Defaults of the limits.
const (
	DefaultMaxRows = 1000
	DefaultTimeout = 30 * time.Second
	DefaultRefresh = 30 * time.Second
)

// Validate sets the defaults and reports everything that is wrong, at once.
func (o *Options) Validate() error {
	var errs []error
	if o.Open == nil {
		errs = append(errs, errors.New("open: want a lake"))
	}
	if o.MaxRows == 0 {
		o.MaxRows = DefaultMaxRows
	}
	if o.MaxRows < 0 {
		errs = append(errs, fmt.Errorf("rows: want at least 1, have %d", o.MaxRows))
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		or    time.Duration
	}{{"timeout", &o.Timeout, DefaultTimeout}, {"refresh", &o.Refresh, DefaultRefresh}} {
		if *d.value == 0 {
			*d.value = d.or
		}
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("%s: want more than nothing, have %s", d.name, *d.value))
		}
	}
	return errors.Join(errs...)
}

// ErrAddress is the cause of the error that [Listen] gives for an address that it does not take.
var ErrAddress = errors.New("want an address of this machine alone, such as 127.0.0.1:8080")

// Listen listens on an address such as 127.0.0.1:8080, localhost:8080, [::1]:0 or :8080, which is of
// 127.0.0.1; port 0 is a free one. An address that is not of the loopback interface is an error, and
// so is any other name: what it stands for can change.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: %w", address, ErrAddress)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err // which says where: listen tcp 127.0.0.1:8080: bind: address already in use
	}
	return l, nil
}

// Limits of a connection, in time and bytes; they are ample for a browser on the same machine.
const (
	readTimeout = 10 * time.Second // of a request
	sendTimeout = time.Minute      // of an answer, once it is there
	idleTimeout = time.Minute
	maxHeader   = 32 << 10
	// grace is how long what is told to stop is waited for: by its request, and by the end of all.
	grace = 2 * time.Second
)

// Server serves one lake.
type Server struct {
	Options
	keeper *keeper
}

// New opens the lake, for as long as that takes, so that what is wrong with it is known at once. The
// caller then calls Serve, which frees it.
func New(ctx context.Context, o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("serve settings: %w", err)
	}
	s := &Server{o, newKeeper(o)}
	if _, err := s.keeper.current(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Serve serves on a listener of [Listen] until ctx ends, and then gives nil. It is called once. It
// closes the listener and frees the lake; but what goes on for 2 s after ctx ended, it leaves as it
// is, with the lake, because the process ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &http.Server{
		Handler:        guard{hostsOf(l.Addr()), s.routes()},
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ReadTimeout:    readTimeout,
		WriteTimeout:   readTimeout + s.Timeout + sendTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
	}
	go s.keeper.run(ctx)
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
		cancel()
	case <-ctx.Done():
	}
	limit, release := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer release()
	if h.Shutdown(limit) != nil {
		h.Close()
	}
	select {
	case <-s.keeper.ended:
	case <-limit.Done():
	}
	return err
}
