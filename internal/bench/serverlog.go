package bench

import (
	"io"
	"os"
)

// serverLog keeps the end of what a server says, for when it dies.
type serverLog struct{ file *os.File }

func newServerLog() (*serverLog, error) {
	f, err := os.CreateTemp("", "clew-bench-log-*")
	if err != nil {
		return nil, err
	}
	return &serverLog{f}, os.Remove(f.Name())
}

func (l *serverLog) tail() string {
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	at := max(0, size-logTail)
	text := make([]byte, size-at)
	n, err := l.file.ReadAt(text, at)
	if err != nil && err != io.EOF {
		return ""
	}
	return string(text[:n])
}
