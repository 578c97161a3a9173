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
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0
	}
	var start, end uint64 // of the mapping of which lines tell, where it may be given back
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) > 1 && !strings.HasSuffix(f[0], ":"):
			// "START-END r-xp OFFSET DEVICE INODE PATH": what can be written may have been.
			if start, end = 0, 0; len(f) < 6 || f[5] != program || strings.Contains(f[1], "w") || !strings.HasSuffix(f[1], "p") {
				continue
			}
			from, to, _ := strings.Cut(f[0], "-")
			start, _ = strconv.ParseUint(from, 16, 64)
			end, _ = strconv.ParseUint(to, 16, 64)
		case len(f) > 1 && f[0] == "Anonymous:" && f[1] == "0" && end > start:
			// None of its pages was written before, as those that the loader relocates.
			if _, _, no := unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED); no == 0 {
				bytesReleased += int64(end - start)
			}
		}
	}
	return bytesReleased
}
