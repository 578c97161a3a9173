package pgserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// SQLSTATE codes, from PostgreSQL's appendix A.
const (
	codeBadProtocol   = "08P01"
	codeUnsupported   = "0A000"
	codeBadText       = "22P02"
	codeBadBinary     = "22P03"
	codeInvalid       = "22000"
	codeNotNull       = "23502"
	codeForeignKey    = "23503"
	codeUnique        = "23505"
	codeCheck         = "23514"
	codeFailedTx      = "25P02"
	codeNoStatement   = "26000"
	codeBadPassword   = "28P01"
	codeNoPortal      = "34000"
	codePrivilege     = "42501"
	codeSyntax        = "42601"
	codeNoColumn      = "42703"
	codeNoTable       = "42P01"
	codeTooMany       = "54000"
	codeCanceled      = "57014"
	codeInternalError = "XX000"
)

// sqlError is an error with its SQLSTATE.
type sqlError struct {
	code string
	text string
}

func (e *sqlError) Error() string { return e.text }

func sqlErrorf(code, format string, args ...any) error {
	return &sqlError{code: code, text: fmt.Sprintf(format, args...)}
}

// errorResponse is err as the wire carries it.
func errorResponse(err error) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR",
		Code: stateOf(err), Message: strings.ToValidUTF8(err.Error(), "\uFFFD"),
	}
}

// stateOf finds the SQLSTATE of an error of ours, of SQLite or of a context.
func stateOf(err error) string {
	var ours *sqlError
	if errors.As(err, &ours) {
		return ours.code
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return codeCanceled
	}
	var theirs *sqlite.Error
	if !errors.As(err, &theirs) {
		return codeInternalError
	}
	switch theirs.Code() {
	case sqlitelib.SQLITE_CONSTRAINT_CHECK:
		return codeCheck
	case sqlitelib.SQLITE_CONSTRAINT_UNIQUE, sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return codeUnique
	case sqlitelib.SQLITE_CONSTRAINT_NOTNULL:
		return codeNotNull
	case sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return codeForeignKey
	case sqlitelib.SQLITE_INTERRUPT:
		return codeCanceled
	case sqlitelib.SQLITE_MISMATCH:
		return codeInvalid
	case sqlitelib.SQLITE_TOOBIG:
		return codeTooMany
	}
	// Everything else that is wrong with a text comes under one code; only the
	// words tell what.
	switch text := theirs.Error(); {
	case strings.Contains(text, "no such table"):
		return codeNoTable
	case strings.Contains(text, "no such column"):
		return codeNoColumn
	case theirs.Code() == sqlitelib.SQLITE_ERROR:
		return codeSyntax
	}
	return codeInternalError
}
