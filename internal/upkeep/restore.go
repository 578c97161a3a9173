package upkeep

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/vfs"
)

// Restored says what a restore brought back.
type Restored struct {
	Segments int
	Spans    int64 // in segments
	Bytes    int64
	Repaired *Repaired // nil if nothing had to be
}

// restore copies a store that nobody uses, such as a backup, into a folder that is
// empty or missing. What the folder has is no store before everything is there; after
// an error it is as it was. With mend a damaged store is copied as far as it can be read,
// and the copy is repaired.
func restore(ctx context.Context, fsys vfs.FS, from, dir string, mend bool, progress func(done, total int)) (r *Restored, err error) {
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
	var m *folder.Manifest
	if !mend {
		if m, err = folder.ReadManifest(fsys, from); err != nil {
			return nil, err
		}
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
	if mend {
		return r, r.mend(ctx, fsys, from, dir, progress)
	}
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

// mend copies what can be read of a damaged store, and repairs the copy.
func (r *Restored) mend(ctx context.Context, fsys vfs.FS, from, dir string, progress func(done, total int)) error {
	names := readableFiles(fsys, from)
	for i, rel := range names {
		to := path.Join(dir, rel)
		if err := fsys.MkdirAll(path.Dir(to)); err != nil {
			return err
		}
		n, err := salvage(ctx, fsys, path.Join(from, rel), to)
		r.Bytes += n
		if err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, len(names))
		}
	}
	if err := remove(fsys, path.Join(dir, folder.UnfinishedName)); err != nil {
		return err
	}
	repairer := &repairer{fs: fsys, dir: dir}
	done, err := repairer.run()
	if err != nil {
		return err
	}
	for _, name := range done.Aside { // the store that this is of has it
		if err := remove(fsys, name); err != nil {
			return err
		}
	}
	done.Aside = nil
	m, err := folder.ReadManifest(fsys, dir)
	if err != nil {
		return err
	}
	r.Repaired, r.Segments = done, len(m.Segments)
	for _, s := range m.Segments {
		r.Spans += int64(s.Rows)
	}
	return nil
}

// readableFiles are the names of a store's files, in its folder, CURRENT last.
func readableFiles(fsys vfs.FS, from string) (names []string) {
	current := false
	for _, name := range list(fsys, from) {
		current = current || name == folder.CurrentName
		if folder.IsManifest(name) || slices.Contains(documents, name) {
			names = append(names, name)
		}
	}
	for _, tenant := range list(fsys, path.Join(from, folder.SegmentsDir)) {
		for _, hour := range list(fsys, path.Join(from, folder.SegmentsDir, tenant)) {
			at := path.Join(folder.SegmentsDir, tenant, hour)
			for _, name := range list(fsys, path.Join(from, at)) {
				if _, ok := folder.ParseSegmentName(name); ok {
					names = append(names, path.Join(at, name))
				}
			}
		}
	}
	for _, name := range list(fsys, path.Join(from, folder.LogDir)) {
		names = append(names, path.Join(folder.LogDir, name))
	}
	if current {
		names = append(names, folder.CurrentName)
	}
	return names
}

// salvage copies what can be read of a file, and zeros for what cannot. A file that
// cannot be opened is left out.
func salvage(ctx context.Context, fsys vfs.FS, from, to string) (int64, error) {
	f, err := fsys.Open(from)
	if err != nil {
		return 0, nil
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, nil
	}
	return copyFile(ctx, fsys, to, &salvaged{f: f, left: size})
}

// salvaged reads a file on a disk with bad sectors.
type salvaged struct {
	f        vfs.File
	at, left int64
}

func (s *salvaged) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	if n, err := s.f.ReadAt(p, s.at); n < len(p) && err != nil {
		for i := 0; i < len(p); i += sectorBytes {
			sector := p[i:min(i+sectorBytes, len(p))]
			if n, err := s.f.ReadAt(sector, s.at+int64(i)); n < len(sector) && err != nil {
				clear(sector[n:])
			}
		}
	}
	s.at, s.left = s.at+int64(len(p)), s.left-int64(len(p))
	return len(p), nil
}
