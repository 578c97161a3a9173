package upkeep

import "time"

const (
	// progressEvery is how often a progress line moves, progressCells its width.
	progressEvery = 200 * time.Millisecond
	progressCells = 30
)
