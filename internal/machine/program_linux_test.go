package machine

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
)

// mappedFiles returns how much of files is in this process's memory, in kB.
func mappedFiles(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) == 3 && f[0] == "RssFile:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skip("this kernel does not tell files from other memory")
	return 0
}

func TestReleaseProgram(t *testing.T) {
	before := mappedFiles(t)
	released := ReleaseProgram()
	after := mappedFiles(t)
	if released < 1<<20 || after >= before {
		t.Errorf("%d bytes released; files in memory: %d kB, before %d kB", released, after, before)
	}
}
