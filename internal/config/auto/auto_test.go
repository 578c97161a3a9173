package auto

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/vfs"
)

// TestAutoMemory reads what machines and containers of several kinds have.
func TestAutoMemory(t *testing.T) {
	const gib = 1 << 30
	meminfo := "MemTotal:       16777216 kB\nMemFree: 5 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"a machine that does not say": {nil, gib},
		"a machine":                   {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n"}, gib},
		"a large machine":             {map[string]string{"proc/meminfo": meminfo}, 2 * gib},
		"a container": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1073741824\n"}, gib * 3 / 5},
		"a container without a limit": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "max\n"}, 2 * gib},
		"a limit above what the machine has": {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n",
			"sys/fs/cgroup/memory.max": "8589934592\n"}, gib},
		"a service of a limited slice": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/shop.slice/clew.service\n",
			"sys/fs/cgroup/shop.slice/clew.service/memory.max": "max\n", "sys/fs/cgroup/shop.slice/memory.max": "536870912\n"}, gib / 2 * 3 / 5},
		"memory.high": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "1073741824\n", "sys/fs/cgroup/a/memory.high": "536870912\n"}, gib / 2 * 3 / 5},
		"cgroups of version 1": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "3:cpu:/x\n4:memory:/docker/7\n",
			"sys/fs/cgroup/memory/docker/7/memory.limit_in_bytes": "1073741824\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n"}, gib * 3 / 5},
		"a tiny container": {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "67108864\n"}, minAutoMemory},
	} {
		root := t.TempDir()
		for file, content := range c.files {
			file = filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := autoMemory(root); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

// TestMemoryDoubt warns of memory that is not there.
func TestMemoryDoubt(t *testing.T) {
	root := t.TempDir()
	for file, content := range map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "sys/fs/cgroup/memory.max": "1073741824\n"} {
		file = filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ memory, root, want string }{
		{"auto", root, ""},
		{"1GiB", root, ""},
		{"64GB", root, "memory 64GB is more than the 1024.0 MiB that this container has, and bounds nothing: lower --memory, or leave it at auto, which takes 614.4 MiB here"},
		{"64GB", t.TempDir(), ""}, // a machine that does not say
	} {
		r, err := config.Resolve(config.Sources{Flags: map[string]config.Given{"memory": {Text: c.memory, Where: "--memory"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := Doubt(&r.Config, c.root); got != c.want {
			t.Errorf("memory %s: %q, want %q", c.memory, got, c.want)
		}
	}
}

// TestAutoDisk takes a share of the file system, and no less than may be asked for.
func TestAutoDisk(t *testing.T) {
	r, err := config.Resolve(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	for capacity, want := range map[int64]int64{48e6: 64 << 20, 1 << 40: 50e9, 10e9: 2e9} {
		disk := vfs.NewMem()
		disk.SetCapacity(capacity)
		if got, err := Disk(&r.Config, disk, "/no/folder/yet"); err != nil || got != want {
			t.Errorf("of a disk of %d bytes: %d, %v, want %d", capacity, got, err, want)
		}
	}
}

// TestQueryConcurrency is what is set, if there is memory for it.
func TestQueryConcurrency(t *testing.T) {
	for _, c := range []struct {
		memory, queries string
		want            int // 0: an error
	}{
		{"1GiB", "auto", 16},
		{"64MB", "auto", 2},
		{"1GiB", "3", 3},
		{"1GiB", "256", 0},
	} {
		r, err := config.Resolve(config.Sources{Flags: map[string]config.Given{
			"memory": {Text: c.memory, Where: "--memory"}, "query-concurrency": {Text: c.queries, Where: "--query-concurrency"}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Memory(&r.Config, t.TempDir())
		if (err != nil) != (c.want == 0) || p.Queries != c.want {
			t.Errorf("memory %s, query-concurrency %s: %d, %v; want %d", c.memory, c.queries, p.Queries, err, c.want)
		}
	}
}

// TestMemoryPlanOfSettings lets settings overrule what memory says.
func TestMemoryPlanOfSettings(t *testing.T) {
	for _, c := range []struct {
		flags                    map[string]string
		total, inflight, largest int64
	}{
		{map[string]string{"memory": "1GiB"}, 1 << 30, 123 << 20, 64 << 20},
		{map[string]string{"memory": "1GiB", "max-inflight": "7MiB", "max-request": "3MiB"}, 1 << 30, 7 << 20, 3 << 20},
		{map[string]string{"memory": "64MB"}, 64e6, 0, 0},
	} {
		given := make(map[string]config.Given)
		for name, text := range c.flags {
			given[name] = config.Given{Text: text, Where: "--" + name}
		}
		r, err := config.Resolve(config.Sources{Flags: given})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Memory(&r.Config, "/")
		if err != nil {
			t.Errorf("%v: %v", c.flags, err)
		}
		if p.Total != c.total || c.inflight != 0 && (p.Inflight != c.inflight || p.MaxRequest != c.largest) || p.MaxRequest > p.Total/8 {
			t.Errorf("%v: %+v", c.flags, p)
		}
	}
}

// TestMoreThanMemory says which setting asks for more than there is, and what to do.
func TestMoreThanMemory(t *testing.T) {
	for _, c := range []struct{ name, size, underLoad string }{
		{"max-request", "12MB", "51.1 MiB"}, // as it came, unpacked and parsed
		{"max-request", "40MB", "131.2 MiB"},
		{"max-inflight", "40MB", "54.9 MiB"},
	} {
		r, err := config.Resolve(config.Sources{Flags: map[string]config.Given{
			"memory": {Text: "64MB", Where: "--memory"}, c.name: {Text: c.size, Where: "--" + c.name}}})
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s %s may have %s in use under load, more than the 27.0 MiB that memory 64MB leaves for everything "+
			"(docs/reference/memory.md): lower it, leave it at auto, or raise --memory", c.name, c.size, c.underLoad)
		if _, err := Memory(&r.Config, "/"); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
