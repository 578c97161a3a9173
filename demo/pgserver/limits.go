package pgserver

import "time"

const (
	// maxSessions bounds connections; PostgreSQL's own default is 100.
	maxSessions = 200

	// maxMessageBytes bounds one message of a client. The shop's largest is
	// under a kilobyte.
	maxMessageBytes = 1 << 20

	// maxParams bounds a statement's parameters. PostgreSQL takes 65,535; a
	// short text must not make a long table here ($65535).
	maxParams = 1024

	// maxStatements bounds the statements and portals a session may keep, each.
	maxStatements = 256

	// maxCached bounds SQLite's prepared statements. When it is reached all are
	// dropped: clients of a demonstration use a fixed set far below it.
	maxCached = 256

	// maxResultBytes bounds one result, which is held in memory until sent.
	maxResultBytes = 8 << 20

	// startupTimeout is for a client to introduce itself.
	startupTimeout = 10 * time.Second

	// statementTimeout ends a statement that runs too long, waiting for its
	// turn included.
	statementTimeout = 10 * time.Second

	// idleInTransaction ends a session that holds its turn and does nothing.
	idleInTransaction = 10 * time.Second
)
