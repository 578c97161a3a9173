package otlpfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Progress is how far a file has been imported into one tenant of one server.
// It is written after each request that was acknowledged.
type Progress struct {
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

// A ProgressError says that the state of an import could not be read or written.
type ProgressError struct{ cause error }

// Error names the mend.
func (e *ProgressError) Error() string {
	return fmt.Sprintf("how far it has come cannot be noted: %v; choose a folder for that with --state", e.cause)
}

// Unwrap returns what went wrong.
func (e *ProgressError) Unwrap() error { return e.cause }

// LoadProgress reads the state of an import, or begins one, which is returned
// beside an error too.
func LoadProgress(dir, file, endpoint, tenant string) (*Progress, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	s := &Progress{File: absolute, Endpoint: endpoint, Tenant: tenant}
	key := sha256.Sum256([]byte(absolute + "\x00" + endpoint + "\x00" + tenant))
	s.path = filepath.Join(dir, hex.EncodeToString(key[:12])+".json")
	text, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, &ProgressError{err}
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

// Anew returns the state of an import that begins again with the first byte.
func (s *Progress) Anew() *Progress {
	return &Progress{File: s.File, Endpoint: s.Endpoint, Tenant: s.Tenant, path: s.path}
}

// Fits reports whether the file that begins with head is the one imported.
func (s *Progress) Fits(head []byte) bool {
	return s.Offset == 0 || s.GuardBytes <= len(head) && s.Guard == guard(head, s.GuardBytes)
}

// Sent counts the spans that the door has answered for, over all runs.
func (s *Progress) Sent() int64 { return s.Spans + s.Refused }

// Advance notes that everything up to b's end is acknowledged, for the next run too.
func (s *Progress) Advance(b *Batch, refused int64, head []byte) error {
	s.Note(b, refused, head)
	return s.Save()
}

// Note moves on to b's end.
func (s *Progress) Note(b *Batch, refused int64, head []byte) {
	s.Offset, s.GuardBytes = b.End, int(min(b.End, int64(len(head))))
	s.Guard = guard(head, s.GuardBytes)
	s.Spans += b.Spans - refused
	s.Refused += refused
}

// Save replaces the file as a whole, so that a crash leaves the old one.
func (s *Progress) Save() error {
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
		return &ProgressError{err}
	}
	return nil
}
