// Package pgserver answers PostgreSQL's wire protocol, version 3, from an SQLite
// database in memory: a real database server for a demonstration, without one
// having to be installed.
//
//	startup   SSLRequest → N · StartupMessage → password → AuthenticationOk,
//	          ParameterStatus…, BackendKeyData, ReadyForQuery
//	simple    Query → RowDescription, DataRow…, CommandComplete, ReadyForQuery
//	extended  Parse, Bind, Describe, Execute, Close, Flush, Sync; after an error
//	          everything up to Sync is skipped
//
// It speaks enough for pgx and psql: prepared statements, parameters and results
// in text and binary form, transactions with their state in ReadyForQuery,
// SQLSTATE codes. It does not speak COPY, cursors that are fetched in parts,
// LISTEN, or types other than bigint, double precision, boolean, bytea and text.
//
// Clients may only read and change rows: SELECT, VALUES, WITH, INSERT, UPDATE,
// DELETE and transactions. The schema is the owner's, through Start.
//
// All sessions share one SQLite connection and take turns; a transaction keeps
// its turn until it ends, so transactions are serial.
package pgserver

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Server is a running server. Safe for concurrent use.
type Server struct {
	listener net.Listener
	engine   *engine
	password string

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex // guards sessions and closed
	sessions map[*session]struct{}
	closed   bool
}

// Start fills a new database by running each statement of schema, then serves it
// on listener, which it owns from then on, also when it fails. Clients of any
// user and database name must give the password. Close ends it.
func Start(listener net.Listener, password string, schema []string) (*Server, error) {
	e, err := openEngine(schema)
	if err != nil {
		listener.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{listener: listener, engine: e, password: password, stop: stop, sessions: map[*session]struct{}{}}
	s.wg.Go(func() { s.accept(ctx) })
	return s, nil
}

// accept serves connections until the listener is closed.
func (s *Server) accept(ctx context.Context) {
	for serial := uint32(1); ; serial++ {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		one := newSession(conn, s.engine, s.password, serial)
		if !s.enter(one) {
			conn.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.leave(one)
			one.serve(ctx)
		})
	}
}

// enter registers a session, unless the server is closed or full.
func (s *Server) enter(one *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sessions) >= maxSessions {
		return false
	}
	s.sessions[one] = struct{}{}
	return true
}

func (s *Server) leave(one *session) {
	one.conn.Close()
	s.mu.Lock()
	delete(s.sessions, one)
	s.mu.Unlock()
}

// Close ends all sessions, waits for them and drops the database.
func (s *Server) Close() error {
	s.stop()
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for one := range s.sessions {
		one.conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return errors.Join(err, s.engine.close())
}
