package spandb

import (
	"fmt"
	"syscall"
)

// mountSmall mounts a file system of a few bytes over a folder, as only root may.
func mountSmall(dir string, bytes int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
}

func unmount(dir string) { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }
