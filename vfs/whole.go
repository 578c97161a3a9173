package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// replaceSuffix marks the file that Replace writes before it is renamed.
const replaceSuffix = ".tmp"

// ReadFile returns the whole content of a file of at most maxBytes; a larger one
// is an error before anything is read.
func ReadFile(fsys FS, name string, maxBytes int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxBytes {
		return nil, fmt.Errorf("read %s: %d bytes, want at most %d", name, size, maxBytes)
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); err != nil && !(errors.Is(err, io.EOF) && int64(n) == size) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// Replace writes data to name, atomically and durably: when it returns nil the
// new content is there for good, and after an error or a power cut name holds
// the old content or the new, whole. It uses name + ".tmp" on the way, which an
// earlier attempt may have left behind.
//
// Two calls for one name must not run at once.
func Replace(fsys FS, name string, data []byte) error {
	temporary := name + replaceSuffix
	if err := fsys.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(temporary)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}
