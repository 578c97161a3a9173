package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// The parts of the machine that settings of "auto" take.
const (
	autoDiskBytes    = 50e9
	autoDiskShare    = 0.2
	autoMemoryBytes  = 2 << 30
	autoMemoryShare  = 0.25
	minAutoMemory    = 48e6    // the least that memory can be
	fallbackMemory   = 4 << 30 // a machine that does not say
	noLimitThreshold = 1 << 60 // cgroup v1 writes a huge number for "no limit"

	autoContainerShare = 0.6
)

// maxDiskBytes resolves max-disk: auto is the smaller of 50 GB and 20 % of the
// file system that dir is on, and no less than what may be asked for. dir need not
// exist yet.
func maxDiskBytes(c *config.Config, fs vfs.FS, dir string) (int64, error) {
	if !c.MaxDisk.Auto {
		return c.MaxDisk.Bytes, nil
	}
	for {
		total, _, err := fs.DiskUsage(dir)
		if err == nil {
			return max(c.MaxDisk.Min, int64(min(autoDiskBytes, float64(total)*autoDiskShare))), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0, err
		}
		dir = up
	}
}

// memoryPlan is how this process divides its memory.
type memoryPlan struct{ config.MemoryPlan }

// store is the store's part.
func (p *memoryPlan) store() spandb.Memory {
	return spandb.Memory{Heads: p.Heads, Head: p.Head, Sealers: p.Sealers, Merge: p.Merge, Tables: p.Tables, Blocks: p.Blocks,
		Directories: p.Directories, Log: p.Log, Traces: p.Traces, Values: p.Question()}
}

// planMemory resolves memory and what is divided of it, as far as the settings leave
// that open. One with which a server under load would take more than
// there is is an error.
func planMemory(c *config.Config, root string) (memoryPlan, error) {
	total := c.Memory.Bytes
	if c.Memory.Auto {
		total = autoMemory(root)
	}
	p := config.PlanMemory(total)
	if n := c.QueryConcurrency; !n.Auto {
		if p.Queries = n.N; p.Answering() > p.Go {
			return memoryPlan{}, fmt.Errorf("query-concurrency %d may have %s in use by questions and what they read, more than the %s that memory %s leaves for everything (docs/reference/memory.md): lower it, leave it at auto, or raise --memory",
				n.N, config.RoughSize(p.Answering()), config.RoughSize(p.Go), config.FormatSize(total))
		}
	}
	for _, given := range []struct {
		name string
		size config.Size
		part *int64
	}{{"max-inflight", c.MaxInflight, &p.Inflight}, {"max-request", c.MaxRequest, &p.MaxRequest}} {
		if given.size.Auto {
			continue
		}
		*given.part = given.size.Bytes
		if p.ShareSealers(); p.UnderLoad() > p.Go {
			return memoryPlan{}, fmt.Errorf("%s %s may have %s in use under load, more than the %s that memory %s leaves for everything (docs/reference/memory.md): lower it, leave it at auto, or raise --memory",
				given.name, config.FormatSize(*given.part), config.RoughSize(p.UnderLoad()), config.RoughSize(p.Go), config.FormatSize(total))
		}
	}
	return memoryPlan{p}, nil
}

// autoMemory is a quarter of the machine's memory or, where a container has a limit,
// three fifths of that: what shares the machine with others is modest, what has a
// container is alone in it. root is the folder of proc and sys, "/" but in tests.
func autoMemory(root string) int64 {
	have := cmp.Or(machineMemory(root), fallbackMemory)
	auto := int64(float64(have) * autoMemoryShare)
	if limit := containerLimit(root); limit > 0 && limit < have {
		auto = int64(float64(limit) * autoContainerShare)
	}
	return max(minAutoMemory, min(autoMemoryBytes, auto))
}

// machineMemory is the memory of the machine, 0 if it does not say.
func machineMemory(root string) int64 {
	text, _ := os.ReadFile(filepath.Join(root, "proc/meminfo")) // no such file: not Linux
	return memTotal(text) << 10
}

// memoryDoubt says what is wrong with the memory that was asked for, "" if nothing is:
// more than there is bounds nothing.
func memoryDoubt(c *config.Config, root string) string {
	have, what := machineMemory(root), "machine"
	if limit := containerLimit(root); limit > 0 && (have == 0 || limit < have) {
		have, what = limit, "container"
	}
	if c.Memory.Auto || have == 0 || c.Memory.Bytes <= have {
		return ""
	}
	return fmt.Sprintf("memory %s is more than the %s that this %s has, and bounds nothing: lower --memory, or leave it at auto, which takes %s here",
		config.FormatSize(c.Memory.Bytes), config.RoughSize(have), what, config.RoughSize(autoMemory(root)))
}

// containerLimit returns the least memory limit of this process's cgroup and those
// above it, 0 if there is none.
func containerLimit(root string) (least int64) {
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
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < noLimitThreshold && (least == 0 || n < least) {
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
