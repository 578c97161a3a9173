package pgserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// engine is the one SQLite connection that all sessions share.
type engine struct {
	db   *sql.DB
	conn *sql.Conn
	// turn holds one token. Who has taken it may use conn and cache.
	turn  chan struct{}
	cache map[string]*sql.Stmt
}

// openEngine makes a database in memory and runs the schema.
func openEngine(schema []string) (*engine, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("pgserver: open SQLite: %w", err)
	}
	e := &engine{db: db, turn: make(chan struct{}, 1), cache: map[string]*sql.Stmt{}}
	e.turn <- struct{}{}
	if err := e.prepare(schema); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *engine) prepare(schema []string) error {
	ctx := context.Background()
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("pgserver: connect to SQLite: %w", err)
	}
	e.conn = conn
	// No statement may reach a file, whatever slips past translate.
	if _, err := sqlite.Limit(conn, sqlitelib.SQLITE_LIMIT_ATTACHED, 0); err != nil {
		return fmt.Errorf("pgserver: forbid ATTACH: %w", err)
	}
	for _, text := range schema {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("pgserver: schema %q: %w", clip(text), err)
		}
	}
	return nil
}

// acquire waits for the turn.
func (e *engine) acquire(ctx context.Context) error {
	select {
	case <-e.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives the turn back.
func (e *engine) release() { e.turn <- struct{}{} }

// close waits for the turn, keeps it and drops the database.
func (e *engine) close() error {
	<-e.turn
	e.dropCache()
	var err error
	if e.conn != nil {
		err = e.conn.Close()
	}
	return errors.Join(err, e.db.Close())
}

func (e *engine) dropCache() {
	for _, stmt := range e.cache {
		stmt.Close()
	}
	clear(e.cache)
}

// prepared returns SQLite's prepared statement for text. The caller has the turn.
func (e *engine) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := e.cache[text]; ok {
		return stmt, nil
	}
	if len(e.cache) >= maxCached {
		e.dropCache()
	}
	stmt, err := e.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	e.cache[text] = stmt
	return stmt, nil
}

// column is one column of a result.
type column struct {
	name string
	oid  uint32
}

// result is what a statement answered, whole.
type result struct {
	columns []column // nil if the statement returns no rows
	rows    [][]any
	changed int64 // rows inserted, updated, deleted or returned
	tag     string
}

// run executes st. The caller has the turn.
func (e *engine) run(ctx context.Context, st statement, args []any) (result, error) {
	stmt, err := e.prepared(ctx, st.text)
	if err != nil {
		return result{}, err
	}
	if !st.returnsRows {
		done, err := stmt.ExecContext(ctx, args...)
		if err != nil {
			return result{}, err
		}
		changed, err := done.RowsAffected()
		return result{changed: changed, tag: commandTag(st.verb, changed)}, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return result{}, err
	}
	defer rows.Close()
	r, err := readRows(rows)
	r.tag = commandTag(st.verb, r.changed)
	return r, err
}

// commandTag is CommandComplete's text.
func commandTag(verb string, rows int64) string {
	switch verb {
	case "INSERT":
		return fmt.Sprintf("INSERT 0 %d", rows)
	case "UPDATE", "DELETE":
		return fmt.Sprintf("%s %d", verb, rows)
	}
	return fmt.Sprintf("SELECT %d", rows)
}

// readRows takes in a result, up to maxResultBytes.
func readRows(rows *sql.Rows) (result, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return result{}, err
	}
	r := result{columns: make([]column, len(types))}
	size := 0
	for rows.Next() {
		row := make([]any, len(types))
		pointers := make([]any, len(types))
		for i := range row {
			pointers[i] = &row[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return result{}, err
		}
		for _, v := range row {
			size += valueBytes(v)
		}
		if size > maxResultBytes {
			return result{}, sqlErrorf(codeTooMany, "the result is over %d bytes: ask for less, with LIMIT", maxResultBytes)
		}
		r.rows = append(r.rows, row)
	}
	for i, t := range types {
		r.columns[i] = column{name: t.Name(), oid: columnOID(t.DatabaseTypeName(), r.rows, i)}
	}
	r.changed = int64(len(r.rows))
	return r, rows.Err()
}

// columnOID is the type of a column: as declared, or for an expression as its
// first value that is not NULL.
func columnOID(declared string, rows [][]any, i int) uint32 {
	if declared != "" {
		return typeOID(declared)
	}
	for _, row := range rows {
		if row[i] != nil {
			return valueOID(row[i])
		}
	}
	return oidText
}

// valueBytes estimates what a value takes in memory.
func valueBytes(v any) int {
	const header = 24
	switch v := v.(type) {
	case string:
		return header + len(v)
	case []byte:
		return header + len(v)
	}
	return header
}
