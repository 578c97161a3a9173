package vfs

import (
	"io"
	"sync"
)

// Fault is a file system that passes everything to another and fails the
// operations its Plan names. Each call of FS and of File is one operation,
// counted from 1 in the order they begin; Close counts too, closes, and then
// fails. NewFault makes one.
//
// A failed operation does not reach the inner file system, except a Write with
// Plan.ShortWrite, half of whose bytes do.
//
// A test sweeps all of them:
//
//	for n := 1; ; n++ {
//		fsys := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: n, Err: syscall.EIO})
//		… run; every error must be clean, reopening must work …
//		if fsys.Ops() < n {
//			break // the run never came that far: it passed untouched
//		}
//	}
type Fault struct {
	inner FS

	mu   sync.Mutex // guards all below
	plan Plan
	ops  int
}

// Plan says which operations fail and how. The zero value fails none.
type Plan struct {
	// FailAt is the number of the first operation that fails; 0 is never.
	FailAt int
	// Sticky has every operation after it fail too.
	Sticky bool
	// Err is what failed operations return, wrapped with operation and name;
	// nil means io.ErrUnexpectedEOF.
	Err error
	// ShortWrite has a failing Write append the first half of its bytes.
	ShortWrite bool
	// Only, if not nil, picks the operations that count ("write", "sync",
	// "syncdir", "create", "rename", …); all others pass uncounted.
	Only func(op, name string) bool
}

// NewFault returns inner with the faults of plan.
func NewFault(inner FS, plan Plan) *Fault {
	if plan.Err == nil {
		plan.Err = io.ErrUnexpectedEOF
	}
	return &Fault{inner: inner, plan: plan}
}

// Ops returns how many operations were counted.
func (f *Fault) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// step counts an operation and returns the error it must fail with, if any.
func (f *Fault) step(op, name string) error {
	if f.plan.Only != nil && !f.plan.Only(op, name) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops++
	if f.plan.FailAt == 0 || f.ops < f.plan.FailAt || f.ops > f.plan.FailAt && !f.plan.Sticky {
		return nil
	}
	return pathError(op, name, f.plan.Err)
}

// Create implements FS.
func (f *Fault) Create(name string) (File, error) {
	return f.open("create", name, f.inner.Create)
}

// Open implements FS.
func (f *Fault) Open(name string) (File, error) {
	return f.open("open", name, f.inner.Open)
}

// OpenAppend implements FS.
func (f *Fault) OpenAppend(name string) (File, error) {
	return f.open("openappend", name, f.inner.OpenAppend)
}

func (f *Fault) open(op, name string, open func(string) (File, error)) (File, error) {
	if err := f.step(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{fault: f, inner: file, name: name}, nil
}

// Rename implements FS.
func (f *Fault) Rename(oldName, newName string) error {
	if err := f.step("rename", newName); err != nil {
		return err
	}
	return f.inner.Rename(oldName, newName)
}

// Link implements FS.
func (f *Fault) Link(oldName, newName string) error {
	if err := f.step("link", newName); err != nil {
		return err
	}
	return f.inner.Link(oldName, newName)
}

// Remove implements FS.
func (f *Fault) Remove(name string) error { return f.named("remove", name, f.inner.Remove) }

// RemoveAll implements FS.
func (f *Fault) RemoveAll(name string) error { return f.named("removeall", name, f.inner.RemoveAll) }

// MkdirAll implements FS.
func (f *Fault) MkdirAll(dir string) error { return f.named("mkdirall", dir, f.inner.MkdirAll) }

// SyncDir implements FS.
func (f *Fault) SyncDir(dir string) error { return f.named("syncdir", dir, f.inner.SyncDir) }

func (f *Fault) named(op, name string, do func(string) error) error {
	if err := f.step(op, name); err != nil {
		return err
	}
	return do(name)
}

// List implements FS.
func (f *Fault) List(dir string) ([]string, error) {
	if err := f.step("list", dir); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

// Stat implements FS.
func (f *Fault) Stat(name string) (Info, error) {
	if err := f.step("stat", name); err != nil {
		return Info{}, err
	}
	return f.inner.Stat(name)
}

// Lock implements FS; the Closer is the inner one's and is not counted.
func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.step("lock", name); err != nil {
		return nil, err
	}
	return f.inner.Lock(name)
}

// DiskUsage implements FS.
func (f *Fault) DiskUsage(path string) (totalBytes, freeBytes uint64, err error) {
	if err := f.step("diskusage", path); err != nil {
		return 0, 0, err
	}
	return f.inner.DiskUsage(path)
}

// faultFile is a file of a Fault.
type faultFile struct {
	fault *Fault
	inner File
	name  string
}

func (f *faultFile) Write(p []byte) (int, error) {
	err := f.fault.step("write", f.name)
	if err == nil {
		return f.inner.Write(p)
	}
	if !f.fault.plan.ShortWrite {
		return 0, err
	}
	n, innerErr := f.inner.Write(p[:len(p)/2])
	if innerErr != nil {
		return n, innerErr
	}
	return n, err
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fault.step("read", f.name); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(p, off)
}

func (f *faultFile) Sync() error {
	if err := f.fault.step("sync", f.name); err != nil {
		return err
	}
	return f.inner.Sync()
}

func (f *faultFile) Size() (int64, error) {
	if err := f.fault.step("size", f.name); err != nil {
		return 0, err
	}
	return f.inner.Size()
}

func (f *faultFile) Close() error {
	err := f.fault.step("close", f.name)
	if innerErr := f.inner.Close(); innerErr != nil {
		return innerErr
	}
	return err
}
