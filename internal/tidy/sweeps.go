package tidy

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

var (
	shortRE  = regexp.MustCompile(`\btesting\.Short\(\)`)
	sweepsRE = regexp.MustCompile(`(?m)^(?:SWEEPS|ONE_GOROUTINE) := (\S+)\$\$$`)
)

// Sweeps finds tests that -short leaves out in packages that the Makefile only tests
// with -short: nobody would run them.
func Sweeps(t *Tree) ([]Finding, error) {
	text, err := fs.ReadFile(t.FS, "Makefile")
	if err != nil {
		return nil, err
	}
	var whole []*regexp.Regexp
	for _, m := range sweepsRE.FindAllStringSubmatch(string(text), -1) {
		re, err := regexp.Compile(m[1] + "$")
		if err != nil {
			return nil, fmt.Errorf("a pattern in the Makefile: %w", err)
		}
		whole = append(whole, re)
	}
	var out []Finding
	for _, f := range t.Go {
		if !f.Test || tested(whole, "/"+f.Dir) {
			continue
		}
		src, err := fs.ReadFile(t.FS, f.Path)
		if err != nil {
			return nil, err
		}
		if at := shortRE.FindIndex(src); at != nil {
			line := 1 + strings.Count(string(src[:at[0]]), "\n")
			out = append(out, Finding{f.Path, line, "left out by -short, and make test runs " + f.Dir + " with nothing else: add it to SWEEPS in the Makefile"})
		}
	}
	return out, nil
}

func tested(whole []*regexp.Regexp, dir string) bool {
	for _, re := range whole {
		if re.MatchString(dir) {
			return true
		}
	}
	return false
}
