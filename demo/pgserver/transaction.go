package pgserver

import "context"

// allowed judges a statement by its first word.
func allowed(st statement) error {
	switch st.verb {
	case "", "SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE",
		"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SET":
		return nil
	}
	return sqlErrorf(codePrivilege, "%s is not permitted here: rows may be read and changed, nothing else", clip(st.verb))
}

// run executes one statement: a transaction's control here, the rest in the
// engine, in a turn of its own if no transaction is open.
func (s *session) run(ctx context.Context, st statement, args []any) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	switch st.verb {
	case "BEGIN", "START":
		return result{tag: "BEGIN"}, s.begin(ctx)
	case "COMMIT", "END":
		return s.end(ctx, "COMMIT")
	case "ROLLBACK", "ABORT":
		return s.end(ctx, "ROLLBACK")
	case "SET":
		return result{tag: "SET"}, nil // settings of a real server that have no meaning here
	}
	switch s.tx {
	case txFailed:
		return result{}, sqlErrorf(codeFailedTx, "the transaction has failed: nothing but ROLLBACK is possible")
	case txIdle:
		if err := s.engine.acquire(ctx); err != nil {
			return result{}, err
		}
		defer s.engine.release()
	}
	return s.engine.run(ctx, st, args)
}

// begin takes the turn for a transaction. BEGIN within one changes nothing.
func (s *session) begin(ctx context.Context) error {
	if s.tx != txIdle {
		return nil
	}
	if err := s.engine.acquire(ctx); err != nil {
		return err
	}
	if _, err := s.engine.run(ctx, statement{text: "BEGIN"}, nil); err != nil {
		s.engine.release()
		return err
	}
	s.tx = txOpen
	return nil
}

// end commits or rolls back and gives the turn back. Committing a failed
// transaction rolls it back, which the result's tag tells; outside of a
// transaction nothing changes.
func (s *session) end(ctx context.Context, how string) (result, error) {
	if s.tx == txIdle {
		return result{tag: how}, nil
	}
	if s.tx == txFailed {
		how = "ROLLBACK"
	}
	_, err := s.engine.run(ctx, statement{text: how}, nil)
	if err != nil && how == "COMMIT" {
		s.engine.run(context.WithoutCancel(ctx), statement{text: "ROLLBACK"}, nil)
	}
	s.tx = txIdle
	s.engine.release()
	return result{tag: how}, err
}

// rollback ends whatever transaction a leaving client has left open.
func (s *session) rollback() {
	if s.tx == txIdle {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), statementTimeout)
	defer cancel()
	s.tx = txFailed
	s.end(ctx, "ROLLBACK")
}
