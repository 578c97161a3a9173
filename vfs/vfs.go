// Package vfs is the file system as a store needs it: files that are written
// front to back and synced, names that appear, move and vanish, and directories
// that are synced to make that last.
//
// There are three of it:
//
//	OS     the real one
//	Mem    in memory; knows what a power cut may take, and CrashClone returns one
//	       disk that a cut at this moment could leave behind
//	Fault  wraps another and fails the N-th operation
//
// # What lasts
//
// Two things become durable separately, and a store must ask for both:
//
//	bytes   File.Sync: all that was written to this file, and its size
//	names   FS.SyncDir: what was created, renamed and removed in this directory
//
// A file that was synced but whose name was not may be missing after a power
// cut; a name that was synced but whose bytes were not may stand over an empty,
// torn or garbled file. MkdirAll is the one exception: the directories that it
// makes are durable when it returns.
//
// # Names
//
// Names are slash-separated paths. OS takes them as the operating system does,
// relative ones from the working directory; Mem takes every name from its root.
//
// # Errors
//
// Errors are *fs.PathError or *os.LinkError around the cause, so that
// errors.Is finds fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, syscall.ENOSPC and
// syscall.EIO through them.
package vfs

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// FS is a file system. All methods may be called from several goroutines.
type FS interface {
	// Create makes a file that does not exist yet and opens it for appending
	// and reading. A name that is taken is fs.ErrExist: nothing is ever
	// truncated or overwritten in place.
	Create(name string) (File, error)

	// Open opens a file for reading. Missing files are fs.ErrNotExist,
	// directories syscall.EISDIR.
	Open(name string) (File, error)

	// OpenAppend opens an existing file for appending and reading; writes go to
	// its end. It does not create.
	OpenAppend(name string) (File, error)

	// Rename moves a file, or a directory within its parent, and replaces a file
	// of the new name. A reader of the new name sees the old or the new file,
	// never neither, after a power cut too. Moved between two directories, a
	// file may after a power cut be in both, or in none, until both are synced;
	// sync the new one first.
	Rename(oldName, newName string) error

	// Link gives a file a second name, which is free (else fs.ErrExist) and in the
	// same file system (else syscall.EXDEV; some have no links at all). Either name
	// may be removed, and the file stays under the other.
	Link(oldName, newName string) error

	// Remove removes a file or an empty directory. Open files stay readable.
	Remove(name string) error

	// RemoveAll removes a file or a directory with all that is in it. What is
	// missing already is no error.
	RemoveAll(name string) error

	// MkdirAll makes a directory and its missing parents, and syncs the parent
	// of each that it made.
	MkdirAll(dir string) error

	// SyncDir makes durable which names the directory holds.
	SyncDir(dir string) error

	// List returns the names of files and directories in dir, without dir
	// itself, in ascending order of their bytes.
	List(dir string) ([]string, error)

	// Stat describes a file or directory.
	Stat(name string) (Info, error)

	// Lock takes an exclusive lock that ends with the Closer or the process. The
	// file is created if missing and stays behind. A lock that is held is
	// ErrLocked, with the holder's process number in the text where it is known.
	Lock(name string) (io.Closer, error)

	// DiskUsage returns the size in bytes of the file system that holds path and
	// how many of them this process may still write.
	DiskUsage(path string) (totalBytes, freeBytes uint64, err error)
}

// File is an open file. Write, Sync and Close belong to one goroutine at a time;
// ReadAt and Size may run beside them.
type File interface {
	// Write appends p. On an error, n bytes of p were appended.
	io.Writer
	// ReadAt reads as io.ReaderAt says; a short read at the end is io.EOF. Bytes
	// are readable once Write has returned.
	io.ReaderAt
	// Close closes the file without syncing it. A second Close is fs.ErrClosed.
	io.Closer
	// Sync makes durable what was written and the size (fdatasync on Linux).
	// After an error the state of the unsynced bytes is unknown, for good: the
	// kernel may have thrown them away, and a second Sync that succeeds proves
	// nothing.
	Sync() error
	// Size returns the size in bytes.
	Size() (int64, error)
}

// Info describes a file or directory.
type Info struct {
	SizeBytes int64 // 0 for directories
	ModTime   time.Time
	IsDir     bool
}

// NoRoom reports whether an error says that the disk, or what this user may have of it,
// is full: that can change.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// ErrLocked is found by errors.Is in what Lock returns while another holds it.
var ErrLocked = errors.New("locked")
