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
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// lockFolder takes the lock of a store's folder.
func lockFolder(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(path.Join(dir, folder.LockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, clew.Errorf(clew.Busy, "%s is in use: stop what uses it first (%w)", dir, err)
	}
	return lock, err
}

// isStore checks that a folder holds a store, so that none is made there.
func isStore(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(path.Join(dir, folder.CurrentName)); err != nil {
		return clew.Errorf(clew.NotFound, "no store in %s: name its folder with --data (%w)", dir, err)
	}
	return nil
}

// segmentFile is a segment's file, open.
type segmentFile struct {
	vfs.File
	*segment.Reader
}

func openSegment(fsys vfs.FS, name string) (*segmentFile, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil {
		var r *segment.Reader
		if r, err = segment.Open(f, size, name); err == nil {
			return &segmentFile{f, r}, nil
		}
	}
	f.Close()
	return nil, err
}

// inspect returns what a manifest says of a segment's file; nothing of it is read but
// what it says of itself.
func inspect(fsys vfs.FS, name string, id uint64) (folder.Segment, error) {
	f, err := openSegment(fsys, name)
	if err != nil {
		return folder.Segment{}, err
	}
	defer f.Close()
	return f.Listing(id), nil
}

// eachSegmentFile calls f for every segment file below a store's folder, by whatever
// folder it lies in, and removes those that were not written to their end.
func eachSegmentFile(fsys vfs.FS, dir string, f func(file string, id uint64) error) error {
	root := path.Join(dir, folder.SegmentsDir)
	for _, tenant := range list(fsys, root) {
		if folder.IsPartial(tenant) {
			if err := remove(fsys, path.Join(root, tenant)); err != nil {
				return err
			}
		}
		for _, hour := range list(fsys, path.Join(root, tenant)) {
			for _, name := range list(fsys, path.Join(root, tenant, hour)) {
				file := path.Join(root, tenant, hour, name)
				if folder.IsPartial(name) {
					if err := remove(fsys, file); err != nil {
						return err
					}
				}
				if id, ok := folder.ParseSegmentName(name); ok {
					if err := f(file, id); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// list returns the names in a folder; none if it is no folder.
func list(fsys vfs.FS, dir string) []string {
	names, err := fsys.List(dir)
	if err != nil {
		return nil
	}
	return names
}

func remove(fsys vfs.FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyFile makes a file of what r has, durable but for its name, in place of one that
// may be there. After an error there is none.
func copyFile(ctx context.Context, fsys vfs.FS, name string, r io.Reader) (n int64, err error) {
	if err := remove(fsys, name); err != nil {
		return 0, err
	}
	f, err := fsys.Create(name)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, copyBytes)
	for err == nil {
		if ctx.Err() != nil {
			err = clew.Errorf(clew.Canceled, "interrupted: %w", context.Cause(ctx))
			break
		}
		var k int
		k, err = r.Read(buf)
		if k > 0 {
			if _, werr := f.Write(buf[:k]); werr != nil {
				err = werr
			}
			n += int64(k)
		}
	}
	if err == io.EOF {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return n, errors.Join(err, remove(fsys, name))
	}
	return n, nil
}

// readDocument returns a document's content, nil if there is none.
func readDocument(fsys vfs.FS, dir, name string) ([]byte, error) {
	if !slices.Contains(documents, name) {
		return nil, clew.Errorf(clew.NotFound, "no document is called %q", name)
	}
	data, err := vfs.ReadFile(fsys, path.Join(dir, name), maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
