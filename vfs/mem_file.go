package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// memFile is one open handle of a Mem's file.
type memFile struct {
	m        *Mem
	n        *memNode
	name     string
	writable bool
	closed   bool // guarded by m.mu
}

var errNegativeOffset = errors.New("negative offset")

func (f *memFile) Write(p []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	switch {
	case f.closed:
		return 0, pathError("write", f.name, fs.ErrClosed)
	case !f.writable:
		return 0, pathError("write", f.name, syscall.EBADF)
	}
	fit := len(p)
	if limit := f.m.capacityBytes; limit > 0 {
		fit = int(min(int64(fit), max(0, limit-f.m.root.usedBytes())))
	}
	if fit > 0 {
		f.n.data = append(f.n.data, p[:fit]...)
		f.n.writeEnds = append(f.n.writeEnds, len(f.n.data))
		f.n.modTime = time.Now()
	}
	if fit < len(p) {
		return fit, pathError("write", f.name, syscall.ENOSPC)
	}
	return fit, nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	switch {
	case f.closed:
		return 0, pathError("read", f.name, fs.ErrClosed)
	case off < 0:
		return 0, pathError("read", f.name, errNegativeOffset)
	case len(p) == 0:
		return 0, nil
	case off >= int64(len(f.n.data)):
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Sync() error {
	f.m.beforeSync("sync " + f.name)
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return pathError("sync", f.name, fs.ErrClosed)
	}
	f.n.syncedLen = len(f.n.data)
	f.n.writeEnds = f.n.writeEnds[:0]
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return 0, pathError("stat", f.name, fs.ErrClosed)
	}
	return int64(len(f.n.data)), nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
