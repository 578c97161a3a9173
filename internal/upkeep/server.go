package upkeep

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// BackupPath is where a server answers BackupServer, with all below.
const BackupPath = "/api/v1/backup"

// BackupServer is the part of a running server in a backup: it holds the store as it
// was at one moment and hands out its files. Whoever copies them asks for each.
//
//	POST /api/v1/backup                      {"id", "dir", "segments", "heads", "nextSeq"}
//	GET  /api/v1/backup/{id}/segment/{n}     the n-th of segments
//	GET  /api/v1/backup/{id}/head/{n}        the n-th of heads as a segment, once
//	GET  /api/v1/backup/{id}/document/{name} a document beside the store
//
// What cannot be read of a file on the way is said behind it, in the trailer Clew-Error.
// The answer to POST does not end: blank lines follow. The backup is held until
// whoever asked closes the connection, or is gone; so a client that was killed holds
// nothing.
type BackupServer struct {
	db  Store
	fs  vfs.FS
	dir string
	mux *http.ServeMux

	closing chan struct{} // closed by Close

	mu     sync.Mutex // guards all below
	held   map[string]*local
	closed bool
}

// NewBackupServer returns the server's part for a store in a folder. Close it before
// the store.
func NewBackupServer(db Store, fs vfs.FS, dir string) *BackupServer {
	s := &BackupServer{db: db, fs: fs, dir: dir, mux: http.NewServeMux(), closing: make(chan struct{}), held: make(map[string]*local)}
	s.mux.HandleFunc("POST "+BackupPath, s.hold)
	s.mux.HandleFunc("GET "+BackupPath+"/{id}/segment/{n}", s.give(func(r *http.Request, src *local) (io.ReadCloser, error) {
		n, err := number(r)
		if err != nil {
			return nil, err
		}
		return src.Segment(r.Context(), n)
	}))
	s.mux.HandleFunc("GET "+BackupPath+"/{id}/head/{n}", s.give(func(r *http.Request, src *local) (io.ReadCloser, error) {
		n, err := number(r)
		if err != nil {
			return nil, err
		}
		return src.Head(r.Context(), n)
	}))
	s.mux.HandleFunc("GET "+BackupPath+"/{id}/document/{name}", s.document)
	return s
}

func number(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return 0, clew.Errorf(clew.Invalid, "%q is no number", r.PathValue("n"))
	}
	return n, nil
}

// ServeHTTP answers one request.
func (s *BackupServer) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// answer is what hold says.
type answer struct {
	ID string `json:"id"`
	snapshot
}

// hold begins a backup and holds it while the connection lasts.
func (s *BackupServer) hold(w http.ResponseWriter, r *http.Request) {
	id, src, err := s.begin()
	if err != nil {
		writeError(w, err)
		return
	}
	defer s.letGo(id)
	w.Header().Set("Content-Type", "application/json")
	control := http.NewResponseController(w)
	err = errors.Join(json.NewEncoder(w).Encode(answer{id, snapshotOf(src.b, s.dir)}), control.Flush())
	beat := time.NewTicker(backupBeat)
	defer beat.Stop()
	for err == nil { // else whoever asked has gone
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case <-beat.C:
			_, err = io.WriteString(w, "\n")
			err = errors.Join(err, control.Flush())
		}
	}
}

func (s *BackupServer) begin() (id string, src *local, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return "", nil, clew.Errorf(clew.Busy, "the server is ending")
	case len(s.held) >= maxBackups:
		return "", nil, clew.Errorf(clew.Busy, "%d backups are being made already; come again later", len(s.held))
	}
	b, err := s.db.Hold()
	if err != nil {
		return "", nil, err
	}
	id, src = rand.Text(), &local{s.fs, s.dir, b}
	s.held[id] = src
	return id, src, nil
}

// letGo ends a backup. Files that are being read stay open.
func (s *BackupServer) letGo(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.held[id]; src != nil {
		delete(s.held, id)
		_ = src.Close() // has nothing to say
	}
}

// find returns a backup that is held.
func (s *BackupServer) find(id string) (*local, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.held[id]; src != nil {
		return src, nil
	}
	return nil, clew.Errorf(clew.NotFound, "there is no such backup any more; begin again")
}

// Close lets go of all backups and begins no other.
func (s *BackupServer) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.closing)
	for id, src := range s.held {
		delete(s.held, id)
		_ = src.Close() // has nothing to say
	}
}

// give answers with the bytes of a file.
func (s *BackupServer) give(open func(*http.Request, *local) (io.ReadCloser, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var file io.ReadCloser
		src, err := s.find(r.PathValue("id"))
		if err == nil {
			file, err = open(r, src)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		defer file.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Trailer", errorTrailer)
		_, err = io.CopyBuffer(w, file, make([]byte, copyBytes))
		switch {
		case clew.KindOf(err) == clew.Corrupt:
			text, _ := json.Marshal(bodyOf(err)) // of texts and a number
			w.Header().Set(errorTrailer, string(text))
		case err != nil:
			panic(http.ErrAbortHandler) // no invariant of ours: so a handler says that its answer is cut off
		}
	}
}

func (s *BackupServer) document(w http.ResponseWriter, r *http.Request) {
	var data []byte
	src, err := s.find(r.PathValue("id"))
	if err == nil {
		data, err = src.Document(r.Context(), r.PathValue("name"))
	}
	switch {
	case err != nil:
		writeError(w, err)
	case data == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(data) // the reader may have gone
	}
}

// writeError answers in the form of the API's errors, with the file and offset of
// damage.
func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch clew.KindOf(err) {
	case clew.Invalid:
		status = http.StatusBadRequest
	case clew.NotFound:
		status = http.StatusNotFound
	case clew.Busy:
		status = http.StatusServiceUnavailable
	case clew.Corrupt:
		status = http.StatusConflict
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]errorBody{"error": bodyOf(err)}) // the reader may have gone
}

// errorTrailer is the field behind a file that could not be read to its end, which says
// why: an errorBody.
const errorTrailer = "Clew-Error"

func bodyOf(err error) errorBody {
	body := errorBody{Kind: clew.KindOf(err).String(), Message: err.Error()}
	var e *clew.Error
	if errors.As(err, &e) && e.Kind == clew.Corrupt {
		body.File, body.Offset, body.Message = e.File, e.Offset, e.Err.Error()
	}
	return body
}

type errorBody struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Offset  int64  `json:"offset,omitempty"`
}
