package tidy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A bay is one of the three sides of the house; what has none may be used from
// all of them.
type bay string

const (
	everywhere bay = ""
	asking     bay = "asking"
	arriving   bay = "arriving"
	keeping    bay = "keeping"
)

// A place says where a package stands. Pattern is a folder; one that ends in /*
// is each folder below it. A place holds its subfolders too, unless they have a
// place of their own: within a place a folder may import those above and below
// it, never a sister.
type place struct {
	pattern string
	floor   int
	bay     bay
}

// plan is the floor plan of docs/ARCHITECTURE.md. A package that is not in it
// does not pass; one that is planned and not yet there is fine.
var plan = []place{
	{".", 0, everywhere},
	{"column", 0, everywhere},
	{"vfs", 0, everywhere},
	{"cores", 0, everywhere},
	{"internal/size", 0, everywhere},
	{"examples/*", 0, everywhere}, // strangers' programs: they import nothing of ours

	{"span", 1, everywhere},
	{"otlp/wire", 1, everywhere},
	{"otlp/jsonread", 1, everywhere},
	{"otlp/thriftread", 1, everywhere},
	{"sketch", 1, everywhere},
	{"propagation", 1, everywhere},
	{"block", 1, keeping},
	{"wal", 1, keeping},
	{"state", 1, keeping},
	{"internal/usage", 1, everywhere},

	{"traceql", 2, asking},
	{"spandb/folder", 2, keeping},
	{"format/xray", 2, everywhere}, // segments are read and written by both sides
	{"format/*", 2, arriving},
	{"ingest/datagram", 2, arriving},
	{"otlp", 2, everywhere},
	{"storage", 2, everywhere},

	{"exec", 3, asking},
	{"ingest", 3, arriving},
	{"sampling", 3, arriving},
	{"pipeline", 3, arriving},
	{"spandb/segment", 3, keeping},
	{"spandb/shelf", 3, keeping},
	{"spandb/logged", 3, keeping},
	{"spandb/traceindex", 3, keeping},
	{"spandb/admission", 3, keeping},
	{"spandb/resend", 3, keeping},
	{"spandb/damage", 3, keeping},
	{"spandb/tally", 3, keeping},
	{"retain", 3, keeping},
	{"storage/storagetest", 3, everywhere}, // imported by tests only
	{"storage/storagetest/tree", 2, everywhere},
	{"storage/storagetest/arithmetic", 2, everywhere},
	{"api/xray/view", 3, everywhere},
	{"internal/corpus", 3, everywhere},
	{"internal/machine", 3, everywhere},

	{"analyze", 4, asking},
	{"api/xray/filter", 4, asking},
	{"spandb", 4, keeping},
	{"internal/census", 4, everywhere},
	{"internal/console", 4, everywhere},
	{"internal/load", 4, everywhere},

	{"api", 5, everywhere},
	{"web", 5, everywhere},
	{"demo", 5, everywhere},
	{"adapter/*", 5, everywhere},
	{"internal/bench", 5, everywhere},
	{"internal/client", 5, everywhere},
	{"internal/config", 4, everywhere},
	{"internal/guard", 5, everywhere},
	{"internal/listen", 5, everywhere},
	{"internal/otlpfile", 5, everywhere},
	{"internal/proxycheck", 5, everywhere},
	{"internal/tidy", 5, everywhere},
	{"internal/upkeep", 5, everywhere},

	{"cmd/clew", 6, everywhere}, // with what it serves
}

// freeFloor is the first floor from which a package may import from any bay.
const freeFloor = 5

// locate returns the place of a folder: the longest pattern that holds it.
func locate(dir string) (place, bool) {
	best, found := place{}, false
	for _, p := range plan {
		root, ok := holds(p.pattern, dir)
		if ok && (!found || len(root) > len(best.pattern)) {
			best, found = place{root, p.floor, p.bay}, true
		}
	}
	return best, found
}

// holds reports whether pattern covers dir, and the folder that is the root of
// the place: for format/* and format/jaeger/x it is format/jaeger.
func holds(pattern, dir string) (root string, ok bool) {
	base, each := strings.CutSuffix(pattern, "/*")
	if pattern == "." {
		return ".", dir == "."
	}
	if !each {
		return base, dir == base || strings.HasPrefix(dir, base+"/")
	}
	rest, ok := strings.CutPrefix(dir, base+"/")
	if !ok {
		return "", false
	}
	first, _, _ := strings.Cut(rest, "/")
	return path.Join(base, first), true
}

// Floors checks that every package has a place and imports only from lower
// floors, never sideways, never from another bay. Tests may import what they
// need.
func Floors(t *Tree) []Finding {
	var out []Finding
	for _, dir := range t.dirs() {
		if _, ok := locate(dir); !ok {
			out = append(out, Finding{File: dir, Text: "this package has no place in the floor plan; add it to docs/ARCHITECTURE.md and internal/tidy/floors.go"})
		}
	}
	for _, f := range t.Go {
		from, ok := locate(f.Dir)
		if f.Test || !ok {
			continue
		}
		for _, imp := range f.AST.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil || (name != Module && !strings.HasPrefix(name, Module+"/")) {
				continue
			}
			dir := "."
			if name != Module {
				dir = name[len(Module)+1:]
			}
			if text := forbidden(f.Dir, from, dir); text != "" {
				out = append(out, Finding{f.Path, t.line(imp.Pos()), text})
			}
		}
	}
	return out
}

// forbidden says why a package at from may not import dir; "" is: it may.
func forbidden(fromDir string, from place, dir string) string {
	to, ok := locate(dir)
	switch {
	case !ok:
		return fmt.Sprintf("imports %s, which has no place in the floor plan", dir)
	case from.pattern == to.pattern && (strings.HasPrefix(fromDir, dir+"/") || strings.HasPrefix(dir, fromDir+"/")):
		return "" // one is above the other within a place
	case from.pattern == to.pattern:
		return fmt.Sprintf("imports its sister %s; what both need belongs into %s", dir, from.pattern)
	case to.pattern == "storage/storagetest" || to.pattern == "internal/tidy":
		return fmt.Sprintf("imports %s, which is for tests", dir)
	case to.floor == from.floor:
		return fmt.Sprintf("imports %s sideways: both are on floor %d", dir, to.floor)
	case to.floor > from.floor:
		return fmt.Sprintf("imports %s upwards: floor %d from floor %d", dir, to.floor, from.floor)
	case from.floor < freeFloor && to.bay != everywhere && to.bay != from.bay:
		return fmt.Sprintf("imports %s of the bay %s; the bays meet only in storage, otlp, span, sketch and on floor 0", dir, to.bay)
	}
	return ""
}

// PlanIsDocumented checks that every package of the plan is named in the
// architecture document, as `package`.
func PlanIsDocumented(architecture string) []Finding {
	var out []Finding
	for _, p := range plan {
		name := strings.TrimSuffix(p.pattern, "/*")
		if p.pattern != "." && !slices.ContainsFunc([]string{"`" + name + "`", "`" + name + "/"}, func(s string) bool {
			return strings.Contains(architecture, s)
		}) {
			out = append(out, Finding{File: "docs/ARCHITECTURE.md", Text: "does not name the package " + name + " of the floor plan"})
		}
	}
	return out
}
