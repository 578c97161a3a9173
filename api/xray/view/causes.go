package view

import "slices"

// A Flag says what went wrong.
type Flag uint8

// The flags that have root causes.
const (
	FlagError Flag = iota
	FlagFault
)

func (f Flag) of(e *Entity) bool {
	if f == FlagFault {
		return e.Fault
	}
	return e.Error || e.Throttle
}

// A Cause is a path from the entry of a trace to where something comes from.
type Cause struct {
	// Services are the segments on the way, each with the entities that the path goes through
	// in it, the segment first.
	Services []CauseService
	// ClientImpacting reports that who asked the entry is affected: all that is on the way
	// failed in the same way.
	ClientImpacting bool
}

// CauseService is a segment on the way.
type CauseService struct {
	Segment int // its place
	Path    []int
}

// Causes returns the paths to the entities that failed and have nothing below them that did:
// by their start, at most maxCauses.
func (t *Trace) Causes(flag Flag) []Cause {
	var out []Cause
	for i := range t.Entities {
		e := &t.Entities[i]
		if !flag.of(e) || t.flaggedBelow(i, flag) || e.Inferred && e.Parent != None && !flag.of(&t.Entities[e.Parent]) {
			continue
		}
		path := t.pathTo(i)
		impacting := true
		for _, p := range path {
			impacting = impacting && flag.of(&t.Entities[p])
		}
		out = append(out, Cause{t.services(path), impacting && path[0] == t.Entry})
		if len(out) == maxCauses {
			break
		}
	}
	return out
}

func (t *Trace) flaggedBelow(place int, flag Flag) bool {
	for c := t.Entities[place].First; c != None; c = t.Entities[c].Next {
		if flag.of(&t.Entities[c]) {
			return true
		}
	}
	return false
}

// pathTo is the way from the top down to an entity; of a long one the middle is left out.
func (t *Trace) pathTo(place int) []int {
	var path []int
	for at := place; at != None; at = t.Entities[at].Parent {
		if len(path) >= maxPath && t.Entities[at].Parent != None {
			continue
		}
		path = append(path, at)
	}
	slices.Reverse(path)
	return path
}

// services cuts a path by the segments that it goes through.
func (t *Trace) services(path []int) []CauseService {
	var out []CauseService
	for _, p := range path {
		s := t.Entities[p].Segment
		if s == None {
			continue
		}
		if n := len(out); n == 0 || out[n-1].Segment != s {
			out = append(out, CauseService{Segment: s})
		}
		last := &out[len(out)-1]
		last.Path = append(last.Path, p)
	}
	return out
}

// ResponseTimeCause returns the path that the response time of a trace is spent on: from the
// entry into what takes longest below, as long as that takes half of what it hangs below or
// more. false is that there is no entry, or that it goes on.
func (t *Trace) ResponseTimeCause() (Cause, bool) {
	if t.ResponseTime() == 0 {
		return Cause{}, false
	}
	var path []int
	for at := t.Entry; at != None && len(path) < maxPath; {
		path = append(path, at)
		longest, next := t.Entities[at].Duration()/2, None
		for c := t.Entities[at].First; c != None; c = t.Entities[c].Next {
			if d := t.Entities[c].Duration(); d > longest || d == longest && next == None && d > 0 {
				longest, next = d, c
			}
		}
		at = next
	}
	return Cause{t.services(path), true}, true
}

// Coverage is which part of the response time an entity takes, 0 to 1.
func (t *Trace) Coverage(place int) float64 {
	whole := t.ResponseTime()
	if whole == 0 {
		return 0
	}
	return min(1, float64(t.Entities[place].Duration())/float64(whole))
}
