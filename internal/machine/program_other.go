//go:build !linux

package machine

// ReleaseProgram does nothing here.
func ReleaseProgram() (bytesReleased int64) { return 0 }
