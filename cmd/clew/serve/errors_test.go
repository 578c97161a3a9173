package serve

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestAStoreWithoutRoom: another folder would be no help, room is.
func TestAStoreWithoutRoom(t *testing.T) {
	err := storeError("data", fmt.Errorf("write data/x: %w", syscall.ENOSPC))
	if text := err.Error(); !errors.Is(err, syscall.ENOSPC) || strings.Contains(text, "--data") || !strings.Contains(text, "make room") {
		t.Errorf("%v", err)
	}
}
