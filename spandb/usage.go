package spandb

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
	OtherFiles    segment.Family = "other files"
)

// Usage returns how many bytes of the store in dir are of each family: together the
// size of the folder. The store may be in use; files that go meanwhile count
// nothing.
func Usage(filesystem vfs.FS, dir string) (map[segment.Family]int64, error) {
	if _, err := filesystem.Stat(path.Join(dir, folder.CurrentName)); err != nil {
		return nil, clew.Errorf(clew.NotFound, "no store in %s (%w)", dir, err)
	}
	use := make(map[segment.Family]int64)
	return use, usageOf(filesystem, dir, ManifestFiles, use)
}

// usageOf adds the bytes under a folder, whose files are of family f unless their
// names tell otherwise.
func usageOf(filesystem vfs.FS, dir string, f segment.Family, use map[segment.Family]int64) error {
	names, err := filesystem.List(dir)
	for _, name := range names {
		file := path.Join(dir, name)
		info, statErr := filesystem.Stat(file)
		switch _, isSegment := folder.ParseSegmentName(name); {
		case errors.Is(statErr, fs.ErrNotExist):
		case statErr != nil:
			err = statErr
		case info.IsDir && name == folder.LogDir:
			err = usageOf(filesystem, file, LogFiles, use)
		case info.IsDir:
			err = usageOf(filesystem, file, OtherFiles, use)
		case isSegment:
			err = usageOfSegment(filesystem, file, use)
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

func usageOfSegment(filesystem vfs.FS, file string, use map[segment.Family]int64) error {
	f, err := openSegmentFile(filesystem, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.file.Close()
	own := make(map[segment.Family]int64)
	if err := f.r.Usage(own); err != nil {
		return err
	}
	for family, n := range own {
		use[family] += n
	}
	return nil
}
