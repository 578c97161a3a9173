//go:build !race

package column

// raceEnabled reports whether the race detector is on.
func raceEnabled() bool { return false }
