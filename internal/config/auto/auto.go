// Package auto says what settings that are left open come to on this machine: memory, what
// is divided of it, and room on a disk.
package auto

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/machine"
	"github.com/clew-tracing/clew/internal/size"
	"github.com/clew-tracing/clew/vfs"
)

// The parts of the machine that settings of "auto" take.
const (
	autoDiskBytes   = 50e9
	autoDiskShare   = 0.2
	autoMemoryBytes = 2 << 30
	autoMemoryShare = 0.25
	minAutoMemory   = 48e6    // the least that memory can be
	fallbackMemory  = 4 << 30 // a machine that does not say

	autoContainerShare = 0.6
)

// Disk resolves max-disk: auto is the smaller of 50 GB and 20 % of the
// file system that dir is on, and no less than what may be asked for. dir need not
// exist yet.
func Disk(c *config.Config, fs vfs.FS, dir string) (int64, error) {
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

// Memory resolves memory and what is divided of it, as far as the settings leave
// that open. One with which a server under load would take more than there is is an
// error. root is the folder of proc and sys, "/" but in tests.
func Memory(c *config.Config, root string) (config.MemoryPlan, error) {
	total := c.Memory.Bytes
	if c.Memory.Auto {
		total = autoMemory(root)
	}
	p := config.PlanMemory(total)
	if n := c.QueryConcurrency; !n.Auto {
		if p.Queries = n.N; p.Answering() > p.Go {
			return config.MemoryPlan{}, fmt.Errorf("query-concurrency %d may have %s in use by questions and what they read, more than the %s that memory %s leaves for everything (docs/reference/memory.md): lower it, leave it at auto, or raise --memory",
				n.N, config.RoughSize(p.Answering()), config.RoughSize(p.Go), size.Format(total))
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
			return config.MemoryPlan{}, fmt.Errorf("%s %s may have %s in use under load, more than the %s that memory %s leaves for everything (docs/reference/memory.md): lower it, leave it at auto, or raise --memory",
				given.name, size.Format(*given.part), config.RoughSize(p.UnderLoad()), config.RoughSize(p.Go), size.Format(total))
		}
	}
	return p, nil
}

// autoMemory is a quarter of the machine's memory or, where a container has a limit,
// three fifths of that: what shares the machine with others is modest, what has a
// container is alone in it.
func autoMemory(root string) int64 {
	have := cmp.Or(machine.Memory(root), fallbackMemory)
	auto := int64(float64(have) * autoMemoryShare)
	if limit := machine.ContainerLimit(root); limit > 0 && limit < have {
		auto = int64(float64(limit) * autoContainerShare)
	}
	return max(minAutoMemory, min(autoMemoryBytes, auto))
}

// Doubt says what is wrong with the memory that was asked for, "" if nothing is:
// more than there is bounds nothing.
func Doubt(c *config.Config, root string) string {
	have, what := machine.Memory(root), "machine"
	if limit := machine.ContainerLimit(root); limit > 0 && (have == 0 || limit < have) {
		have, what = limit, "container"
	}
	if c.Memory.Auto || have == 0 || c.Memory.Bytes <= have {
		return ""
	}
	return fmt.Sprintf("memory %s is more than the %s that this %s has, and bounds nothing: lower --memory, or leave it at auto, which takes %s here",
		size.Format(c.Memory.Bytes), config.RoughSize(have), what, config.RoughSize(autoMemory(root)))
}
