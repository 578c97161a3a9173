// Package spelling finds the names that a misspelt one may have been meant to be.
package spelling

import (
	"sort"
	"strings"
)

// MaxBytes bounds the names that Nearest compares: the distance costs the product of
// both lengths.
const MaxBytes = 64

// Nearest returns the candidates that name may have been meant to be, best
// first, at most max of them: those that differ in letter case only, then those
// few edits away (one per three letters, neighbours exchanged count as one),
// then those that end in ".name". Ties are broken by the candidate's text.
//
// It compares with every candidate; the caller bounds their number.
func Nearest(name string, candidates []string, max int) []string {
	if name == "" || max <= 0 || len(name) > MaxBytes {
		return nil
	}
	type scored struct {
		name  string
		score int
	}
	lower := strings.ToLower(name)
	limit := 1 + len(name)/3
	var found []scored
	for _, c := range candidates {
		if c == name || len(c) > MaxBytes {
			continue
		}
		lc := strings.ToLower(c)
		score := 0
		if lc != lower {
			score = limit + 1
			if d := len(lc) - len(lower); -limit <= d && d <= limit { // else as many edits
				score = Distance(lower, lc)
			}
			if strings.HasSuffix(lc, "."+lower) || strings.HasSuffix(lc, ":"+lower) {
				score = min(score, limit)
			}
		}
		if score <= limit && score < len(name) {
			found = append(found, scored{c, score})
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].score != found[j].score {
			return found[i].score < found[j].score
		}
		return found[i].name < found[j].name
	})
	var out []string
	for _, f := range found {
		if len(out) == max {
			break
		}
		if len(out) == 0 || out[len(out)-1] != f.name {
			out = append(out, f.name)
		}
	}
	return out
}

// Distance is the optimal string alignment distance, in bytes: inserts,
// deletes, replacements and exchanges of neighbours.
func Distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, prev2[j-2]+1)
			}
			cur[j] = d
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
