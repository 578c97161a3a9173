// Package usage tells what the bytes of a store's folder are for.
package usage

import (
	"errors"
	"io/fs"
	"path"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/vfs"
)

// Families of bytes that are in no segment.
const (
	LogFiles      segment.Family = "log"
	ManifestFiles segment.Family = "manifest"
	TraceFiles    segment.Family = "trace index"
	OtherFiles    segment.Family = "other files"
)

// Of returns how many bytes of the store in dir are of each family: together the
// size of the folder. The store may be in use; files that go meanwhile count
// nothing.
func Of(filesystem vfs.FS, dir string) (map[segment.Family]int64, error) {
	if _, err := filesystem.Stat(path.Join(dir, folder.CurrentName)); err != nil {
		return nil, clew.Errorf(clew.NotFound, "no store in %s (%w)", dir, err)
	}
	use := make(map[segment.Family]int64)
	return use, ofFolder(filesystem, dir, ManifestFiles, use)
}

// ofFolder adds the bytes under a folder, whose files are of family f unless their
// names tell otherwise.
func ofFolder(filesystem vfs.FS, dir string, f segment.Family, use map[segment.Family]int64) error {
	names, err := filesystem.List(dir)
	for _, name := range names {
		file := path.Join(dir, name)
		info, statErr := filesystem.Stat(file)
		switch _, isSegment := folder.ParseSegmentName(name); {
		case errors.Is(statErr, fs.ErrNotExist):
		case statErr != nil:
			err = statErr
		case info.IsDir && name == folder.LogDir:
			err = ofFolder(filesystem, file, LogFiles, use)
		case info.IsDir && name == folder.TracesDir:
			err = ofFolder(filesystem, file, TraceFiles, use)
		case info.IsDir:
			err = ofFolder(filesystem, file, OtherFiles, use)
		case isSegment:
			err = ofSegment(filesystem, file, use)
		default:
			use[f] += info.SizeBytes
		}
		if err != nil {
			return err
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func ofSegment(filesystem vfs.FS, file string, use map[segment.Family]int64) error {
	f, err := filesystem.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	r, err := segment.Open(f, size, file)
	if err != nil {
		return err
	}
	own := make(map[segment.Family]int64)
	if err := r.Usage(own); err != nil {
		return err
	}
	for family, n := range own {
		use[family] += n
	}
	return nil
}
