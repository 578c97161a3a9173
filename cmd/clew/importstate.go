package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clew-tracing/clew/internal/otlpfile"
)

// importState is how far a file has been imported into one tenant of one server.
// It is written after each request that was acknowledged.
type importState struct {
	File     string `json:"file"`
	Endpoint string `json:"endpoint"`
	Tenant   string `json:"tenant"`
	// Offset is where the next request begins, in the unpacked file.
	Offset int64 `json:"offset"`
	// Guard is a checksum of the file's first GuardBytes, to notice that
	// another file has taken its name.
	Guard      string `json:"guard"`
	GuardBytes int    `json:"guardBytes"`
	// Spans and Refused count over all runs.
	Spans   int64 `json:"spans"`
	Refused int64 `json:"refused"`

	path string
}

// A stateError says that the state of an import could not be read or written.
type stateError struct{ cause error }

// Error names the mend.
func (e *stateError) Error() string {
	return fmt.Sprintf("how far it has come cannot be noted: %v; choose a folder for that with --state", e.cause)
}

// Unwrap returns what went wrong.
func (e *stateError) Unwrap() error { return e.cause }

// loadImportState reads the state of an import, or begins one, which is returned
// beside an error too.
func loadImportState(dir, file, endpoint, tenant string) (*importState, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	s := &importState{File: absolute, Endpoint: endpoint, Tenant: tenant}
	key := sha256.Sum256([]byte(absolute + "\x00" + endpoint + "\x00" + tenant))
	s.path = filepath.Join(dir, hex.EncodeToString(key[:12])+".json")
	text, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, &stateError{err}
	}
	if err := json.Unmarshal(text, s); err != nil {
		return s, fmt.Errorf("what was noted of it in %s cannot be read: %w; --restart imports it from its start", s.path, err)
	}
	return s, nil
}

// guard computes the checksum over at most n bytes of the head of a file.
func guard(head []byte, n int) string {
	sum := sha256.Sum256(head[:min(n, len(head))])
	return hex.EncodeToString(sum[:])
}

// fits reports whether the file that begins with head is the one imported.
func (s *importState) fits(head []byte) bool {
	return s.Offset == 0 || s.GuardBytes <= len(head) && s.Guard == guard(head, s.GuardBytes)
}

// sent counts the spans that the door has answered for, over all runs.
func (s *importState) sent() int64 { return s.Spans + s.Refused }

// advance notes that everything up to b's end is acknowledged, for the next run too.
func (s *importState) advance(b *otlpfile.Batch, refused int64, head []byte) error {
	s.note(b, refused, head)
	return s.save()
}

// note moves on to b's end.
func (s *importState) note(b *otlpfile.Batch, refused int64, head []byte) {
	s.Offset, s.GuardBytes = b.End, int(min(b.End, int64(len(head))))
	s.Guard = guard(head, s.GuardBytes)
	s.Spans += b.Spans - refused
	s.Refused += refused
}

// save replaces the file as a whole, so that a crash leaves the old one.
func (s *importState) save() error {
	if s.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(s.path), 0o700)
	if err == nil {
		err = os.WriteFile(s.path+".new", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		return &stateError{err}
	}
	return nil
}
