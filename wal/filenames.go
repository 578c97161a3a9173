package wal

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// besideSuffix ends the name of a file that is made to take the place of another.
const (
	fileSuffix   = ".wal"
	besideSuffix = ".new"
)

// fileName is the name of the file whose first record has number first. Names
// sort as the numbers do.
func fileName(first uint64) string { return fmt.Sprintf("%016x", first) + fileSuffix }

// IsFile reports whether a name is that of a file of a log.
func IsFile(name string) bool {
	_, ok := parseFileName(name)
	return ok
}

// parseFileName is the inverse of fileName; ok is false for all other names.
func parseFileName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, fileSuffix)
	if !found || len(digits) != 16 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil && fileName(first) == name
}

// FilePath is the name of the file of a log whose first record has number first.
func FilePath(dir string, first uint64) string { return path.Join(dir, fileName(first)) }
