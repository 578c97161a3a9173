//go:build !race

package spandb

const (
	powerCuts         = 1000
	metamorphicRounds = 12
	soakHours         = 30
	mergeFaultStep    = 1
)
