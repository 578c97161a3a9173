package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// cpuTick is the unit of /proc/PID/stat's times, USER_HZ: 100 per second on
// every Linux that Go runs on.
const cpuTick = 10 * time.Millisecond

// cpuTime is what processes have used.
type cpuTime struct {
	User, System time.Duration
}

func (c cpuTime) total() time.Duration { return c.User + c.System }

func (c cpuTime) sub(o cpuTime) cpuTime { return cpuTime{c.User - o.User, c.System - o.System} }

// readCPU sums the CPU time of the given processes, all their threads included,
// also those that have ended.
func readCPU(pids []int) (sum cpuTime, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return cpuTime{}, fmt.Errorf("read CPU time: %w", err)
		}
		one, err := parseStat(string(text))
		if err != nil {
			return cpuTime{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		sum.User += one.User
		sum.System += one.System
	}
	return sum, nil
}

// parseStat reads fields 14 and 15 of a proc stat line. The name in
// parentheses, field 2, may hold spaces and parentheses itself.
func parseStat(text string) (cpuTime, error) {
	_, rest, found := cutLast(text, ")")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return cpuTime{}, fmt.Errorf("not a proc stat line: %.80q", text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return cpuTime{}, fmt.Errorf("times are no numbers: %.80q", text)
	}
	return cpuTime{time.Duration(user) * cpuTick, time.Duration(system) * cpuTick}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// readPeakRSS sums VmHWM, the most memory each process ever had resident.
func readPeakRSS(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		n, err := parsePeakRSS(text)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/status: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

func parsePeakRSS(status []byte) (int64, error) {
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM")
}

// folderSize sums the apparent sizes of all files under the paths. Files that
// go while it looks count nothing.
func folderSize(paths []string) (sum int64, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				if os.IsNotExist(err) && name != path {
					return nil
				}
				return err
			}
			if !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if os.IsNotExist(err) {
				return nil
			}
			if err == nil {
				sum += info.Size()
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("measure disk: %w", err)
		}
	}
	return sum, nil
}

// readMachine names what the figures were measured on.
func readMachine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, found := strings.Cut(string(text), "model name\t: "); found {
			model, _, _ = strings.Cut(after, "\n")
		}
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}
