package upkeep

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// Restored says what a restore brought back.
type Restored struct {
	Segments int
	Spans    int64 // in segments
	Bytes    int64
}

// restore copies a store that nobody uses, such as a backup, into a folder that is
// empty or missing. What the folder has is no store before everything is there; after
// an error it is as it was.
func restore(ctx context.Context, fsys vfs.FS, from, dir string, progress func(done, total int)) (r *Restored, err error) {
	if names, err := fsys.List(dir); err == nil && len(names) > 0 {
		return nil, clew.Errorf(clew.Invalid, "%s is not empty: restore into an empty folder, or one that is not there yet", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	held, err := lockFolder(fsys, from)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	m, err := folder.ReadManifest(fsys, from)
	if err != nil {
		return nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // it was empty
			for _, name := range list(fsys, dir) {
				if name != folder.LockName {
					err = errors.Join(err, fsys.RemoveAll(path.Join(dir, name)))
				}
			}
			err = errors.Join(err, remove(fsys, path.Join(dir, folder.LockName)))
		}
		err = errors.Join(err, lock.Close())
	}()
	if err := vfs.Replace(fsys, path.Join(dir, folder.UnfinishedName), []byte("clew restore\n")); err != nil {
		return nil, err
	}
	r = &Restored{}
	if err := r.files(ctx, fsys, m, from, dir, progress); err != nil {
		return nil, err
	}
	if err := folder.WriteManifest(fsys, dir, m.State); err != nil {
		return nil, err
	}
	if err := remove(fsys, path.Join(dir, folder.UnfinishedName)); err != nil {
		return nil, err
	}
	return r, fsys.SyncDir(dir)
}

// files copies everything but the manifest.
func (r *Restored) files(ctx context.Context, fsys vfs.FS, m *folder.Manifest, from, dir string, progress func(done, total int)) error {
	dirs := map[string]bool{}
	one := func(rel string) error {
		to := path.Join(dir, rel)
		if parent := path.Dir(to); !dirs[parent] {
			if err := fsys.MkdirAll(parent); err != nil {
				return err
			}
			dirs[parent] = true
		}
		n, err := copyName(ctx, fsys, path.Join(from, rel), to)
		r.Bytes += n
		return err
	}
	for _, s := range m.Segments {
		if err := one(s.Path("")); err != nil {
			return err
		}
		r.Segments++
		r.Spans += int64(s.Rows)
		if progress != nil {
			progress(r.Segments, len(m.Segments))
		}
	}
	for _, name := range list(fsys, path.Join(from, folder.LogDir)) {
		if err := one(path.Join(folder.LogDir, name)); err != nil {
			return err
		}
	}
	for _, name := range documents {
		if err := one(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for d := range dirs {
		if err := fsys.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// copyName copies a file.
func copyName(ctx context.Context, fsys vfs.FS, from, to string) (int64, error) {
	f, err := fsys.Open(from)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	return copyFile(ctx, fsys, to, io.NewSectionReader(f, 0, size))
}
