package spandb

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// The files of a store, under its folder:
//
//	LOCK                       held by flock while the store is open
//	CURRENT                    name of the manifest in force
//	MANIFEST-00000012          which segments there are
//	wal/                       the log (package wal)
//	seg/TENANT/2026112314/     segments, by hour of arrival
//	    0000000000000017.seg
//	    0000000000000018.tmp   a segment being written
//	    0000000000000019.seg.damaged  put aside at a start
const (
	lockName       = "LOCK"
	currentName    = "CURRENT"
	manifestPrefix = "MANIFEST-"
	walDir         = "wal"
	segDir         = "seg"
	segSuffix      = ".seg"
	tmpSuffix      = ".tmp"
	asideSuffix    = ".damaged"
)

func manifestName(n uint64) string { return fmt.Sprintf("%s%08d", manifestPrefix, n) }

// segmentDir is the folder of the segments of a tenant that arrived in an hour.
func segmentDir(dir string, t clew.Tenant, arrival uint64) string {
	hour := clew.UnixNanos(arrival).Time().Truncate(time.Hour).Format("2006010215")
	return path.Join(dir, segDir, string(t), hour)
}

func segmentName(id uint64) string { return fmt.Sprintf("%016x%s", id, segSuffix) }

// parseSegmentName is the inverse of segmentName.
func parseSegmentName(name string) (id uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, segSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil
}
