package upkeep

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// lockFolder takes the lock of a store's folder.
func lockFolder(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(path.Join(dir, folder.LockName))
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return nil, clew.Errorf(clew.Busy, "the store in %s is in use: stop the server first (%w)", dir, err)
	case errors.Is(err, syscall.EROFS): // nobody can change anything there
		return unlocked{}, nil
	}
	return lock, err
}

// MayServe says why a server could not open the store in a folder, nil if nothing speaks
// against it. It leaves the folder as it is.
func MayServe(fsys vfs.FS, dir string) error {
	at := dir
	info, err := fsys.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && path.Dir(at) != at {
		at = path.Dir(at)
		info, err = fsys.Stat(at)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir:
		return syscall.ENOTDIR
	}
	name := path.Join(dir, folder.LockName)
	if _, err := fsys.Stat(name); err != nil {
		return nil // no store yet
	}
	lock, err := fsys.Lock(name)
	if errors.Is(err, vfs.ErrLocked) {
		return clew.Errorf(clew.Busy, "the store in %s is in use by another process: stop it, or choose another folder with --data (%w)", dir, err)
	}
	if err != nil {
		return err
	}
	return lock.Close()
}

// unlocked is the lock of what cannot be written.
type unlocked struct{}

func (unlocked) Close() error { return nil }

// isStore checks that a folder holds a store, so that none is made there. How another
// is named says whoever knows what it was named by.
func isStore(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(path.Join(dir, folder.CurrentName)); err != nil {
		_, why := folder.ReadManifest(fsys, dir)
		if k := clew.KindOf(why); k == clew.Invalid || k == clew.Corrupt { // a half of a copy, or CURRENT is lost
			return why
		}
		return clew.Errorf(clew.NotFound, "no store in %s (%w)", dir, err)
	}
	return nil
}

// mayBeStore checks that a folder holds a store, perhaps a damaged one.
func mayBeStore(fsys vfs.FS, dir string) error {
	for _, name := range list(fsys, dir) {
		if name == folder.CurrentName || name == folder.SegmentsDir || name == folder.LogDir || folder.IsManifest(name) {
			return nil
		}
	}
	return isStore(fsys, dir)
}

// segmentFile is a segment's file, open.
type segmentFile struct {
	vfs.File
	*segment.Reader
}

func openSegment(fsys vfs.FS, name string) (*segmentFile, error) {
	return openBy(segment.Open, fsys, name, name)
}

// openDamaged opens a segment whose frame may be damaged.
func openDamaged(fsys vfs.FS, name string) (*segmentFile, error) {
	return openBy(segment.OpenDamaged, fsys, name, name)
}

// openBy opens a segment that errors name as another, whose bytes it has.
func openBy(open func(io.ReaderAt, int64, string) (*segment.Reader, error), fsys vfs.FS, name, as string) (*segmentFile, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil {
		var r *segment.Reader
		if r, err = open(f, size, as); err == nil {
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

// listingOf returns what a manifest says of a segment of these bytes.
func listingOf(data []byte, id uint64) (folder.Segment, error) {
	r, err := segment.Open(bytes.NewReader(data), int64(len(data)), folder.SegmentName(id))
	if err != nil {
		return folder.Segment{}, err
	}
	return r.Listing(id), nil
}

// writeWhole makes a file of these bytes, durable but for its name, in place of one
// that may be there.
func writeWhole(fsys vfs.FS, name string, data []byte) error {
	_, err := copyFile(context.Background(), fsys, name, bytes.NewReader(data))
	return err
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
