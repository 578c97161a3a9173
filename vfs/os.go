//go:build linux || darwin

package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// OS returns the real file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND)
}

func (osFS) Open(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{f}, nil
}

func (osFS) OpenAppend(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_APPEND)
}

func openOS(name string, flags int) (File, error) {
	f, err := os.OpenFile(name, flags, fileMode)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (osFS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }
func (osFS) Link(oldName, newName string) error   { return os.Link(oldName, newName) }
func (osFS) Remove(name string) error             { return os.Remove(name) }
func (osFS) RemoveAll(name string) error          { return os.RemoveAll(name) }

func (fsys osFS) MkdirAll(dir string) error {
	err := fsys.mkdir(dir)
	parent := filepath.Dir(dir)
	if !errors.Is(err, fs.ErrNotExist) || parent == dir {
		return err
	}
	if err := fsys.MkdirAll(parent); err != nil {
		return err
	}
	// Once more, not again from the start: a folder that was removed while it is
	// the working directory, or one of /proc, exists and takes no children.
	return fsys.mkdir(dir)
}

// mkdir makes one directory and its name durable; one that is there is no error.
func (fsys osFS) mkdir(dir string) error {
	err := os.Mkdir(dir, dirMode)
	switch {
	case err == nil:
		return fsys.SyncDir(filepath.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		info, statErr := os.Stat(dir)
		if statErr == nil && !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return statErr
	}
	return err
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) Stat(name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	if info.IsDir() {
		return Info{ModTime: info.ModTime(), IsDir: true}, nil
	}
	return Info{SizeBytes: info.Size(), ModTime: info.ModTime()}, nil
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := control(f, "flock", func(fd int) error {
		return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	}); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = &fs.PathError{Op: "lock", Path: name, Err: fmt.Errorf("%w by %s", ErrLocked, lockHolder(f))}
		}
		f.Close()
		return nil, err
	}
	_ = writeHolder(f) // a courtesy, for which a full disk has no room
	return f, nil
}

// writeHolder leaves our process number in the locked file, for the text of the
// error that the next one gets.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// lockHolder says who holds the lock, as far as the file tells.
func lockHolder(f *os.File) string {
	var b [lockHolderBytes]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	switch {
	case err != nil:
		return "another process"
	case pid == os.Getpid():
		return "this process"
	}
	return fmt.Sprintf("process %d", pid)
}

func (osFS) DiskUsage(path string) (totalBytes, freeBytes uint64, err error) {
	var st syscall.Statfs_t
	for {
		err = syscall.Statfs(path, &st)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	unit := uint64(st.Bsize)
	return st.Blocks * unit, st.Bavail * unit, nil
}

// osFile adds our Sync and Size to *os.File.
type osFile struct{ *os.File }

func (f *osFile) Sync() error { return control(f.File, "fdatasync", syncData) }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// control runs a system call on f's descriptor, again when a signal interrupts it.
func control(f *os.File, op string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: err}
	}
	var callErr error
	if err := conn.Control(func(fd uintptr) {
		for {
			callErr = call(int(fd))
			if callErr != syscall.EINTR {
				return
			}
		}
	}); err != nil { // Control itself fails only on a closed file
		callErr = fs.ErrClosed
	}
	if callErr != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: callErr}
	}
	return nil
}
