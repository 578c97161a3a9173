package tidy

import (
	"bufio"
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// The sizes to keep: a function fits one screen, a file holds one idea, a
// package one subject. What is longer stands in the ratchet list with its size,
// and may only shrink.
const (
	maxFunctionLines = 70
	maxFileLines     = 600
	maxPackageLines  = 4000

	// The list has to follow once something is a tenth shorter than it says.
	// Every line would make each commit touch the list.
	slack = 10
)

// Oversize maps what is too long ("func span/span.go:Get", "file span/span.go",
// "package span") to its lines. Functions and packages are measured without
// tests.
func Oversize(t *Tree) map[string]int {
	out := map[string]int{}
	packages := map[string]int{}
	for _, f := range t.Go {
		if f.Lines > maxFileLines && !ast.IsGenerated(f.AST) {
			out["file "+f.Path] = f.Lines
		}
		if f.Test {
			continue
		}
		packages[f.Dir] += f.Lines
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := t.line(fn.End()) - t.line(fn.Pos()) + 1; n > maxFunctionLines {
				out["func "+f.Path+":"+functionName(fn)] = n
			}
		}
	}
	for dir, n := range packages {
		if n > maxPackageLines {
			out["package "+dir] = n
		}
	}
	return out
}

func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
			continue
		case *ast.IndexExpr:
			typ = x.X
			continue
		case *ast.IndexListExpr:
			typ = x.X
			continue
		case *ast.Ident:
			return x.Name + "." + fn.Name.Name
		}
		return fn.Name.Name
	}
}

// Sizes compares what is too long with the ratchet list: what is not in it is a
// breach, and so is what has shrunk by more than the slack while the list has not.
func Sizes(t *Tree, ratchet map[string]int) []Finding {
	var out []Finding
	over := Oversize(t)
	for what, n := range over {
		allowed, listed := ratchet[what]
		switch {
		case !listed:
			out = append(out, Finding{File: whatFile(what), Text: fmt.Sprintf("%s has %d lines, more than %d: split it by ideas", what, n, limitOf(what))})
		case n > allowed:
			out = append(out, Finding{File: whatFile(what), Text: fmt.Sprintf("%s has grown from %d to %d lines; it may only shrink", what, allowed, n)})
		}
	}
	for what, allowed := range ratchet {
		if n := over[what]; n < allowed-allowed/slack {
			out = append(out, Finding{File: "internal/tidy/testdata/ratchet.txt", Text: fmt.Sprintf("%s has shrunk below %d lines: lower the list with go test ./internal/tidy -count=1 -update", what, allowed)})
		}
	}
	slices.SortFunc(out, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func whatFile(what string) string {
	_, name, _ := strings.Cut(what, " ")
	name, _, _ = strings.Cut(name, ":")
	return name
}

func limitOf(what string) int {
	switch {
	case strings.HasPrefix(what, "func "):
		return maxFunctionLines
	case strings.HasPrefix(what, "file "):
		return maxFileLines
	}
	return maxPackageLines
}

// ParseRatchet reads the ratchet list: lines of "SIZE WHAT", # for comments.
func ParseRatchet(text string) (map[string]int, error) {
	out := map[string]int{}
	scan := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(scan.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		size, what, ok := strings.Cut(line, " ")
		lines, err := strconv.Atoi(size)
		if !ok || err != nil {
			return nil, fmt.Errorf("ratchet.txt:%d: want SIZE WHAT", n)
		}
		out[what] = lines
	}
	return out, scan.Err()
}

// Shrink returns the ratchet list lowered to what is true; it adds nothing and
// raises nothing.
func Shrink(ratchet, over map[string]int) string {
	var lines []string
	for what, allowed := range ratchet {
		if n, still := over[what]; still {
			lines = append(lines, fmt.Sprintf("%d %s", min(n, allowed), what))
		}
	}
	slices.SortFunc(lines, func(a, b string) int {
		_, wa, _ := strings.Cut(a, " ")
		_, wb, _ := strings.Cut(b, " ")
		return strings.Compare(wa, wb)
	})
	head := "# What is longer than the sizes in internal/tidy/sizes.go, with its lines. The list can only shrink:\n# go test ./internal/tidy -count=1 -update lowers it and adds nothing.\n"
	return head + strings.Join(append(lines, ""), "\n")
}
