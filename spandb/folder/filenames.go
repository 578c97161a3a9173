package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// The files of a store, under its folder:
//
//	LOCK                       held by flock while the store is open
//	CURRENT                    name of the manifest in force
//	MANIFEST-00000012          which segments there are
//	UNFINISHED                 a copy is being made here; there is no CURRENT yet
//	wal/                       the log (package wal)
//	traces/                    the index of traces (package traceindex)
//	seg/TENANT/2026112314/     segments, by hour of arrival
//	    0000000000000017.seg
//	    0000000000000018.tmp   a segment being written
//	    0000000000000019.seg.damaged  put aside at a start
const (
	LockName    = "LOCK"
	CurrentName = "CURRENT"
	LogDir      = "wal"
	SegmentsDir = "seg"
	TracesDir   = "traces"

	// UnfinishedName is the name of a file that says that a folder is being filled:
	// without CURRENT it is no store, new or old.
	UnfinishedName = "UNFINISHED"

	manifestPrefix = "MANIFEST-"
	segSuffix      = ".seg"
	partialSuffix  = ".tmp"
	asideSuffix    = ".damaged"
)

// ManifestName is the name of the n-th manifest.
func ManifestName(n uint64) string { return fmt.Sprintf("%s%08d", manifestPrefix, n) }

// IsManifest reports whether a name is one that ManifestName gives.
func IsManifest(name string) bool {
	_, ok := parseManifestName(name)
	return ok
}

func parseManifestName(name string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, manifestPrefix)
	if !ok || len(digits) < 8 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// SegmentDir is the folder of the segments of a tenant that arrived in an hour.
func SegmentDir(dir string, t clew.Tenant, arrival uint64) string {
	hour := clew.UnixNanos(arrival).Time().Truncate(time.Hour).Format("2006010215")
	return path.Join(dir, SegmentsDir, string(t), hour)
}

// SegmentName is the name of a segment's file within its folder.
func SegmentName(id uint64) string { return fmt.Sprintf("%016x%s", id, segSuffix) }

// EachFolder calls f for each folder of segments of the store in dir, those of a tenant
// and an hour, with the names that are in it.
func EachFolder(filesystem vfs.FS, dir string, f func(folder string, names []string) error) error {
	root := path.Join(dir, SegmentsDir)
	tenants, err := filesystem.List(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, t := range tenants {
		hours, _ := filesystem.List(path.Join(root, t)) // none of a file, which is no tenant
		for _, hour := range hours {
			at := path.Join(root, t, hour)
			if names, listErr := filesystem.List(at); listErr == nil && err == nil {
				err = f(at, names)
			}
		}
	}
	return err
}

// ParseSegmentName is the inverse of SegmentName.
func ParseSegmentName(name string) (id uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, segSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil
}

// Partial is the name under which the segment of a name is written.
func Partial(segment string) string { return strings.TrimSuffix(segment, segSuffix) + partialSuffix }

// IsPartial reports whether a name is one that Partial gives.
func IsPartial(name string) bool {
	stem, ok := strings.CutSuffix(name, partialSuffix)
	if ok {
		_, ok = ParseSegmentName(stem + segSuffix)
	}
	return ok
}

// Aside is the name under which a damaged segment of a name is kept.
func Aside(segment string) string { return segment + asideSuffix }
