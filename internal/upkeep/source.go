package upkeep

import (
	"bytes"
	"context"
	"io"
	"path/filepath"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// The documents beside a store: the services' numbers, the sampling rules, and what else
// somebody put through X-Ray's API.
const (
	servicesName = "services" + documentSuffix
	samplingName = "sampling" + documentSuffix
	accountName  = "xray" + documentSuffix
)

// documentSuffix is that of documents' names.
const documentSuffix = ".doc"

// documents are the small files beside a store that belong to a copy of it.
var documents = []string{servicesName, samplingName, accountName}

// Store is an open store.
type Store interface {
	// Hold holds the store as it is at this moment, until the Holding is closed.
	Hold() (Holding, error)
}

// Holding is a store as it was at one moment: spandb.Backup.
type Holding interface {
	State() folder.Held
	// OpenSegment opens a file, and SealHead returns the rows of a head as the bytes of
	// a segment, once, by their place in State.
	OpenSegment(n int) (vfs.File, error)
	SealHead(n int) ([]byte, error)
	Close()
}

// snapshot is what a backup copies: a store at one moment.
type snapshot struct {
	// Dir is the store's folder, where whoever asks may find it.
	Dir string `json:"dir"`
	folder.Held
}

// source gives the content of a snapshot.
type source interface {
	// Segment and Head open what has this place in the snapshot's lists. A head can
	// be had once. What is missing or damaged is of kind Corrupt.
	Segment(ctx context.Context, n int) (io.ReadCloser, error)
	Head(ctx context.Context, n int) (io.ReadCloser, error)
	// Document returns the content of a document, nil if there is none.
	Document(ctx context.Context, name string) ([]byte, error)
	// Close lets go of the snapshot.
	Close() error
}

// local is a source in this process.
type local struct {
	fs  vfs.FS
	dir string
	b   Holding
}

func snapshotOf(b Holding, dir string) snapshot {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return snapshot{Dir: dir, Held: b.State()}
}

// file is the name of a segment's file.
func (l *local) file(n int) string {
	s := l.b.State().Segments[n]
	return s.Path(l.dir)
}

func (l *local) Segment(_ context.Context, n int) (io.ReadCloser, error) {
	f, err := l.b.OpenSegment(n)
	if err != nil {
		if clew.KindOf(err) == clew.Internal {
			err = clew.Corruptf(l.file(n), 0, "segment cannot be opened: %w", err)
		}
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &segmentReader{io.NewSectionReader(f, 0, size), f, l.file(n)}, nil
}

// segmentReader reads a segment's file; what cannot be read is damage.
type segmentReader struct {
	r    *io.SectionReader
	c    io.Closer
	file string
}

func (s *segmentReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		at, _ := s.r.Seek(0, io.SeekCurrent) // cannot fail
		err = clew.Corruptf(s.file, at, "%w", err)
	}
	return n, err
}

func (s *segmentReader) Close() error { return s.c.Close() }

func (l *local) Head(_ context.Context, n int) (io.ReadCloser, error) {
	data, err := l.b.SealHead(n)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (l *local) Document(_ context.Context, name string) ([]byte, error) {
	return readDocument(l.fs, l.dir, name)
}

func (l *local) Close() error {
	l.b.Close()
	return nil
}
