package pgserver

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Transaction states in ReadyForQuery.
const (
	txIdle   = 'I'
	txOpen   = 'T'
	txFailed = 'E'
)

// session is one client's connection. One goroutine serves it.
type session struct {
	conn     net.Conn
	backend  *pgproto3.Backend
	engine   *engine
	password string
	serial   uint32

	statements map[string]*preparedStatement
	portals    map[string]*portal
	tx         byte // the engine's turn is ours unless txIdle
	skipping   bool // after an error, until Sync
}

// preparedStatement is a parsed statement under a name.
type preparedStatement struct {
	statement
	columns []column // known once described
}

// portal is a statement with its parameters.
type portal struct {
	*preparedStatement
	args    []any
	formats []int16
	// result is set when a Describe has run a query ahead of Execute, because
	// only then the types of its columns are known.
	result *result
}

func newSession(conn net.Conn, e *engine, password string, serial uint32) *session {
	backend := pgproto3.NewBackend(conn, conn)
	backend.SetMaxBodyLen(maxMessageBytes)
	return &session{
		conn: conn, backend: backend, engine: e, password: password, serial: serial,
		statements: map[string]*preparedStatement{}, portals: map[string]*portal{}, tx: txIdle,
	}
}

// serve answers the client until it leaves, breaks the protocol or ctx ends.
func (s *session) serve(ctx context.Context) {
	defer s.rollback()
	if !s.startup() {
		return
	}
	for {
		s.deadline()
		msg, err := s.backend.Receive()
		if err != nil {
			return
		}
		if _, leaving := msg.(*pgproto3.Terminate); leaving {
			return
		}
		if !s.answer(ctx, msg) {
			return
		}
	}
}

// deadline limits how long a session may keep its turn without a word.
func (s *session) deadline() {
	var until time.Time
	if s.tx != txIdle {
		until = time.Now().Add(idleInTransaction)
	}
	s.conn.SetReadDeadline(until)
}

// startup greets the client; false means that there is nothing to serve.
func (s *session) startup() bool {
	s.conn.SetDeadline(time.Now().Add(startupTimeout))
	defer s.conn.SetDeadline(time.Time{})
	for {
		msg, err := s.backend.ReceiveStartupMessage()
		if err != nil {
			return false
		}
		switch msg.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := s.conn.Write([]byte{'N'}); err != nil {
				return false
			}
		case *pgproto3.StartupMessage:
			return s.authenticate() && s.greet()
		default: // a CancelRequest; statements are short and end by themselves
			return false
		}
	}
}

// authenticate asks for the password, in clear: the server listens on loopback.
func (s *session) authenticate() bool {
	s.backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	if s.backend.Flush() != nil || s.backend.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return false
	}
	msg, err := s.backend.Receive()
	if err != nil {
		return false
	}
	given, ok := msg.(*pgproto3.PasswordMessage)
	if ok && subtle.ConstantTimeCompare([]byte(given.Password), []byte(s.password)) == 1 {
		return true
	}
	refusal := errorResponse(sqlErrorf(codeBadPassword, "password authentication failed"))
	refusal.Severity, refusal.SeverityUnlocalized = "FATAL", "FATAL"
	s.backend.Send(refusal)
	s.backend.Flush()
	return false
}

func (s *session) greet() bool {
	s.backend.Send(&pgproto3.AuthenticationOk{})
	for _, p := range [][2]string{
		{"server_version", "16.0 (demo)"}, {"server_encoding", "UTF8"}, {"client_encoding", "UTF8"},
		{"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}, {"integer_datetimes", "on"}, {"standard_conforming_strings", "on"},
	} {
		s.backend.Send(&pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	s.backend.Send(&pgproto3.BackendKeyData{ProcessID: s.serial, SecretKey: binary.BigEndian.AppendUint32(nil, s.serial)})
	s.ready()
	return s.backend.Flush() == nil
}

func (s *session) ready() { s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: s.tx}) }

// answer handles one message; false ends the session.
func (s *session) answer(ctx context.Context, msg pgproto3.FrontendMessage) bool {
	switch msg := msg.(type) {
	case *pgproto3.Sync:
		s.skipping = false
		clear(s.portals)
		s.ready()
		return s.backend.Flush() == nil
	case *pgproto3.Flush:
		return s.backend.Flush() == nil
	case *pgproto3.Query:
		if err := s.simple(ctx, msg.String); err != nil {
			s.fail(err)
		}
		s.skipping = false
		s.ready()
		return s.backend.Flush() == nil
	}
	if s.skipping {
		return true
	}
	var err error
	switch msg := msg.(type) {
	case *pgproto3.Parse:
		err = s.parse(msg)
	case *pgproto3.Bind:
		err = s.bind(msg)
	case *pgproto3.Describe:
		err = s.describe(ctx, msg)
	case *pgproto3.Execute:
		err = s.execute(ctx, msg)
	case *pgproto3.Close:
		s.closeNamed(msg)
	default:
		err = sqlErrorf(codeUnsupported, "message %T is not supported", msg)
	}
	if err != nil {
		s.fail(err)
		s.skipping = true
		return s.backend.Flush() == nil
	}
	return true
}

// fail reports err and spoils an open transaction.
func (s *session) fail(err error) {
	if s.tx == txOpen {
		s.tx = txFailed
	}
	s.backend.Send(errorResponse(err))
}

func (s *session) parse(msg *pgproto3.Parse) error {
	st, err := translate(msg.Query)
	if err != nil {
		return err
	}
	if err := allowed(st); err != nil {
		return err
	}
	if len(s.statements) >= maxStatements {
		return sqlErrorf(codeTooMany, "a session keeps at most %d prepared statements: close some", maxStatements)
	}
	for i, oid := range msg.ParameterOIDs {
		if i < len(st.paramOIDs) && oid != 0 {
			st.paramOIDs[i] = oid
		}
	}
	for i, oid := range st.paramOIDs {
		if oid == 0 {
			st.paramOIDs[i] = oidText
		}
	}
	s.statements[msg.Name] = &preparedStatement{statement: st}
	s.backend.Send(&pgproto3.ParseComplete{})
	return nil
}

func (s *session) bind(msg *pgproto3.Bind) error {
	st, ok := s.statements[msg.PreparedStatement]
	if !ok {
		return sqlErrorf(codeNoStatement, "there is no prepared statement %q", clip(msg.PreparedStatement))
	}
	if len(msg.Parameters) != len(st.paramOIDs) {
		return sqlErrorf(codeBadProtocol, "the statement has %d parameters, %d are given", len(st.paramOIDs), len(msg.Parameters))
	}
	if len(s.portals) >= maxStatements {
		return sqlErrorf(codeTooMany, "a session keeps at most %d portals: close some", maxStatements)
	}
	p := &portal{preparedStatement: st, formats: append([]int16{}, msg.ResultFormatCodes...)}
	for i, src := range msg.Parameters {
		v, err := decodeParam(st.paramOIDs[i], formatOf(msg.ParameterFormatCodes, i), src)
		if err != nil {
			return err
		}
		p.args = append(p.args, v)
	}
	s.portals[msg.DestinationPortal] = p
	s.backend.Send(&pgproto3.BindComplete{})
	return nil
}

func (s *session) describe(ctx context.Context, msg *pgproto3.Describe) error {
	if msg.ObjectType == 'S' {
		st, ok := s.statements[msg.Name]
		if !ok {
			return sqlErrorf(codeNoStatement, "there is no prepared statement %q", clip(msg.Name))
		}
		if err := s.learnColumns(ctx, st); err != nil {
			return err
		}
		s.backend.Send(&pgproto3.ParameterDescription{ParameterOIDs: st.paramOIDs})
		s.sendColumns(st.columns, nil)
		return nil
	}
	p, ok := s.portals[msg.Name]
	if !ok {
		return sqlErrorf(codeNoPortal, "there is no portal %q", clip(msg.Name))
	}
	if p.returnsRows && p.columns == nil {
		r, err := s.run(ctx, p.statement, p.args)
		if err != nil {
			return err
		}
		p.result, p.columns = &r, r.columns
	}
	s.sendColumns(p.columns, p.formats)
	return nil
}

// learnColumns finds out what columns a query has, by running it with empty
// parameters. Statements that change something are not run; their RETURNING
// columns are described by the portal instead.
func (s *session) learnColumns(ctx context.Context, st *preparedStatement) error {
	if st.columns != nil || st.verb != "SELECT" && st.verb != "VALUES" {
		return nil
	}
	args := make([]any, len(st.paramOIDs))
	for i, oid := range st.paramOIDs {
		switch oid {
		case oidText:
			args[i] = ""
		default:
			args[i] = int64(0)
		}
	}
	r, err := s.run(ctx, st.statement, args)
	st.columns = r.columns
	return err
}

func (s *session) sendColumns(columns []column, formats []int16) {
	if columns == nil {
		s.backend.Send(&pgproto3.NoData{})
		return
	}
	s.backend.Send(&pgproto3.RowDescription{Fields: columnFields(columns, formats)})
}

// execute runs a portal to its end; a row limit is not honoured, which the
// protocol allows a portal that never suspends.
func (s *session) execute(ctx context.Context, msg *pgproto3.Execute) error {
	p, ok := s.portals[msg.Portal]
	if !ok {
		return sqlErrorf(codeNoPortal, "there is no portal %q", clip(msg.Portal))
	}
	if p.verb == "" {
		s.backend.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	r := p.result
	if r == nil {
		fresh, err := s.run(ctx, p.statement, p.args)
		if err != nil {
			return err
		}
		r = &fresh
	}
	p.result = nil
	columns := r.columns
	if p.columns != nil {
		columns = p.columns // as described
	}
	return s.sendRows(columns, p.formats, r)
}

// sendRows sends a result's rows and its tag.
func (s *session) sendRows(columns []column, formats []int16, r *result) error {
	for _, row := range r.rows {
		values := make([][]byte, len(row))
		for i, v := range row {
			var err error
			if values[i], err = encodeValue(columns[i].oid, formatOf(formats, i), v); err != nil {
				return err
			}
		}
		s.backend.Send(&pgproto3.DataRow{Values: values})
	}
	s.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(r.tag)})
	return nil
}

// simple answers a Query message.
func (s *session) simple(ctx context.Context, text string) error {
	st, err := translate(text)
	if err != nil {
		return err
	}
	if st.verb == "" {
		s.backend.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	if err := allowed(st); err != nil {
		return err
	}
	if len(st.paramOIDs) > 0 {
		return sqlErrorf(codeSyntax, "a simple query takes no parameters")
	}
	r, err := s.run(ctx, st, nil)
	if err != nil {
		return err
	}
	if r.columns != nil {
		s.sendColumns(r.columns, nil)
	}
	return s.sendRows(r.columns, nil, &r)
}

func (s *session) closeNamed(msg *pgproto3.Close) {
	if msg.ObjectType == 'S' {
		delete(s.statements, msg.Name)
	} else {
		delete(s.portals, msg.Name)
	}
	s.backend.Send(&pgproto3.CloseComplete{})
}
