// Package machine asks the operating system how much memory there is, of the machine and of
// the container that this process is in, and gives it back what the program itself takes.
// root is the folder of proc and sys, "/" but in tests.
package machine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// noLimit is where limits end to be some: version 1 of cgroups writes a huge number where
// there is none.
const noLimit = 1 << 60

// Memory is the memory of the machine, 0 if it does not say.
func Memory(root string) int64 {
	text, _ := os.ReadFile(filepath.Join(root, "proc/meminfo")) // no such file: not Linux
	return memTotal(text) << 10
}

// ContainerLimit returns the least memory limit of this process's cgroup and those
// above it, 0 if there is none.
func ContainerLimit(root string) (least int64) {
	own := "/"
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // no such file: no cgroups, or not Linux
	for line := range bytes.Lines(text) {
		// Version 2 has the line "0::PATH"; of version 1, "N:memory:PATH" matters.
		parts := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(parts) == 3 && (parts[1] == "" || parts[1] == "memory") {
			own = parts[2]
			break
		}
	}
	for {
		for _, file := range []string{"sys/fs/cgroup" + own + "/memory.max", "sys/fs/cgroup" + own + "/memory.high",
			"sys/fs/cgroup/memory" + own + "/memory.limit_in_bytes"} {
			text, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < noLimit && (least == 0 || n < least) {
				least = n
			}
		}
		up := filepath.Dir(own)
		if up == own {
			return least
		}
		own = up
	}
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
