// Package gluetest is an AWS Glue Data Catalog inside the process, for tests and for nothing else: it
// keeps everything in memory, and checks no signature.
//
// A [Server] speaks Glue's wire over HTTP on the loopback interface, so that the real client of the
// AWS SDK runs against it, in this process or in another. It holds the rules of AWS that a catalog
// depends on: databases and tables must exist, a partition has as many values as the table has keys,
// batches have their limits, failures of single partitions come in an answer that succeeds, lists
// come in pages. A page that is full has a token, also when nothing follows: then an empty page comes.
// A hook can fail any call, before it takes effect or after.
//
// It is written without the SDK's types, so that the two cannot share a mistake, and it answers what
// it does not know with an error instead of ignoring it. What it holds true of AWS is from the Glue
// API reference; texts of messages are made up where no public source has them. The contract suite of
// catalogs runs on it and on moto's server, which was written by others.
package gluetest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// When says when a hook is called.
type When int

const (
	// Before is before the call has done anything; a fault keeps it from doing so.
	Before When = iota
	// After is after the call took effect; a fault takes the place of its answer.
	After
)

// Hook is called before and after every call of an operation, such as GetTable, that is well formed.
// The fault that it gives becomes the answer; nil is none. It may be called by several goroutines at
// once, and may call the server.
type Hook func(op string, when When) *Fault

// Server is a Glue Data Catalog at a URL. Its methods may be called by goroutines at the same time.
type Server struct {
	url  string
	http *http.Server
	done chan struct{} // closed by Close

	mu        sync.Mutex
	hook      Hook
	pageSize  int
	databases map[string]*database
	calls     map[string]int
	requests  map[string][]json.RawMessage
	created   int
}

// Start starts an empty server on a free port of the loopback interface. It panics if there is none,
// as a test cannot go on then.
func Start() *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("gluetest: listen: %v", err))
	}
	s := &Server{
		url:       "http://" + listener.Addr().String(),
		done:      make(chan struct{}),
		pageSize:  maxPage,
		databases: map[string]*database{},
		calls:     map[string]int{},
		requests:  map[string][]json.RawMessage{},
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.http.Serve(listener) }() // its only error is that of Close
	return s
}

// URL is what the client takes for Glue's endpoint, also as AWS_ENDPOINT_URL_GLUE.
func (s *Server) URL() string { return s.url }

// Close ends the server and all its connections. Closing it again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
	default:
		close(s.done)
		_ = s.http.Close()
	}
}

// SetHook sets the hook, or nil for none.
func (s *Server) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

// SetPageSize sets the largest number of tables or partitions in a page, for tests of paging with few
// of them. AWS's own limits are never passed.
func (s *Server) SetPageSize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageSize = n
}

// Calls gives the number of requests for that operation since the last [Server.ResetCalls], failed
// ones too; of all operations together for "".
func (s *Server) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op != "" {
		return s.calls[op]
	}
	n := 0
	for _, c := range s.calls {
		n += c
	}
	return n
}

// ResetCalls begins to count anew, and forgets the requests.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.requests)
}

// Requests gives the bodies of the requests that [Server.Calls] counts, in the order in which they
// came.
func (s *Server) Requests(op string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests[op])
}

// Partition is a registered partition.
type Partition struct {
	// Values are the values of its keys.
	Values []string
	// Location is the location in its storage descriptor, as registered.
	Location string
	// StorageDescriptor is that descriptor as JSON.
	StorageDescriptor json.RawMessage
}

// Partitions gives the partitions of a table in the order of their values, without a request; none
// if there is no such table.
func (s *Server) Partitions(database, table string) []Partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(database, table)
	if err != nil {
		return nil
	}
	var all []Partition
	for _, p := range t.sorted() {
		descriptor, _ := json.Marshal(p.descriptor) // came as JSON
		location, _ := p.descriptor["Location"].(string)
		all = append(all, Partition{slices.Clone(p.values), location, descriptor})
	}
	return all
}

// DropPartition removes a partition, as somebody else might, and says whether it was there.
func (s *Server) DropPartition(database, table string, values ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(database, table)
	if err != nil || t.partitions[key(values)] == nil {
		return false
	}
	delete(t.partitions, key(values))
	return true
}

// DropTable removes a table and its partitions, as somebody else might, and says whether it was there.
func (s *Server) DropTable(database, table string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.table(database, table); err != nil {
		return false
	}
	delete(s.databases[fold(database)].tables, fold(table))
	return true
}
