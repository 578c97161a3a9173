package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/vfs"
)

// The parts of the machine that settings of "auto" take.
const (
	autoDiskBytes    = 50e9
	autoDiskShare    = 0.2
	autoMemoryBytes  = 2 << 30
	autoMemoryShare  = 0.25
	minAutoMemory    = 256 << 20
	fallbackMemory   = 4 << 30 // a machine that does not say
	noLimitThreshold = 1 << 60 // cgroup v1 writes a huge number for "no limit"

	// Four of the largest requests, or thousands of the usual; on a small
	// machine a share of what there is.
	autoInflightBytes = 256 << 20
	autoInflightShare = 0.25
)

// maxDiskBytes resolves max-disk: auto is the smaller of 50 GB and 20 % of the
// file system that dir is on. dir need not exist yet.
func maxDiskBytes(c *config.Config, fs vfs.FS, dir string) (int64, error) {
	if !c.MaxDisk.Auto {
		return c.MaxDisk.Bytes, nil
	}
	for {
		total, _, err := fs.DiskUsage(dir)
		if err == nil {
			return int64(min(autoDiskBytes, float64(total)*autoDiskShare)), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0, err
		}
		dir = up
	}
}

// memoryBytes resolves memory: auto is a quarter of what the machine or the
// container has, at most 2 GiB, at least 256 MiB.
func memoryBytes(c *config.Config) int64 {
	if !c.Memory.Auto {
		return c.Memory.Bytes
	}
	have := int64(fallbackMemory)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if kib := memTotal(text); kib > 0 {
			have = kib << 10
		}
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < noLimitThreshold {
			have = min(have, n)
		}
	}
	return max(minAutoMemory, min(autoMemoryBytes, int64(float64(have)*autoMemoryShare)))
}

// inflightBytes resolves max-inflight for a process with so much memory.
func inflightBytes(c *config.Config, memory int64) int64 {
	if !c.MaxInflight.Auto {
		return c.MaxInflight.Bytes
	}
	return min(autoInflightBytes, int64(float64(memory)*autoInflightShare))
}

// memTotal reads the line "MemTotal: N kB" of /proc/meminfo; 0 if there is none.
func memTotal(text []byte) int64 {
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "MemTotal:" {
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
