package machine

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReleaseProgram gives back the pages of the program's own file that are in memory: those
// that only the start needed stay out, the others come back when they are needed, from the
// system's cache. It returns how many bytes it let go of, pages not in memory included.
func ReleaseProgram() (bytesReleased int64) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		// "START-END r-xp OFFSET DEVICE INODE PATH": what can be written may have been.
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[5] != program || strings.Contains(f[1], "w") || !strings.HasSuffix(f[1], "p") {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil || end <= start {
			continue
		}
		if _, _, no := unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED); no == 0 {
			bytesReleased += int64(end - start)
		}
	}
	return bytesReleased
}
