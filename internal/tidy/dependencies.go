package tidy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is a module as the go command tells of it.
type module struct {
	Path, Version, Dir string
	Main               bool

	use string // how we come by it
}

// Dependencies returns the text of deps.txt as it ought to be: every module that
// our own files import, and every module whose code is in the binary, each with
// its version and licence. It asks the go command in root.
func Dependencies(root string, t *Tree) (string, error) {
	required, err := required(root, t)
	if err != nil {
		return "", err
	}
	linked, err := modules(root, "list", "-deps", "-json=Module", "./cmd/clew")
	if err != nil {
		return "", err
	}
	all := map[string]module{}
	for _, m := range linked {
		if m.Path != "" && !m.Main {
			m.use = "binary"
			all[m.Path] = m
		}
	}
	for _, m := range required {
		m.use = "direct"
		if in, ok := all[m.Path]; ok {
			m.Dir, m.use = in.Dir, "direct+binary"
		}
		all[m.Path] = m
	}
	var lines []string
	for _, m := range all {
		licence, err := Licence(m.Dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.Path, err)
		}
		lines = append(lines, fmt.Sprintf("%-13s  %-12s  %s %s", m.use, licence, m.Path, m.Version))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[29:], b[29:]) })
	head := "# Modules this program names itself (direct) and modules whose code is in the binary, with their licences.\n" +
		"# A new line here is a decision: docs/dependencies.md says why. go test ./internal/tidy -count=1 -update rewrites it.\n"
	return head + strings.Join(lines, "\n") + "\n", nil
}

// required returns the modules that the tree's files import, with their folders.
func required(root string, t *Tree) ([]module, error) {
	out, err := goCommand(root, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var file struct{ Require []module }
	if err := json.Unmarshal(out, &file); err != nil {
		return nil, err
	}
	direct := map[string]bool{}
	for _, f := range t.Go {
		for _, imp := range f.AST.Imports {
			if m := moduleOf(strings.Trim(imp.Path.Value, `"`), file.Require); m != "" {
				direct[m] = true
			}
		}
	}
	args := append([]string{"list", "-m", "-json"}, slices.Sorted(maps.Keys(direct))...)
	return modules(root, args...)
}

// moduleOf returns the module that holds a package: the longest path before it.
func moduleOf(pkg string, all []module) (best string) {
	for _, m := range all {
		if (pkg == m.Path || strings.HasPrefix(pkg, m.Path+"/")) && len(m.Path) > len(best) {
			best = m.Path
		}
	}
	return best
}

// modules runs a go command that prints modules, or packages with a Module, in
// JSON; each module comes once.
func modules(root string, args ...string) ([]module, error) {
	out, err := goCommand(root, args...)
	if err != nil {
		return nil, err
	}
	var all []module
	seen := map[string]bool{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for dec.More() {
		var m struct {
			module
			Module *module
		}
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
		if m.Module != nil {
			m.module = *m.Module
		}
		if m.Path != "" && !seen[m.Path] {
			seen[m.Path] = true
			all = append(all, m.module)
		}
	}
	return all, nil
}

func goCommand(root string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}

// licences are the licences we may ship, with words only their text has. The
// first that fits counts.
var licences = []struct{ name, words string }{
	{"Apache-2.0", "Apache License"},
	{"MPL-2.0", "Mozilla Public License"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software"},
	{"ISC", "Permission to use, copy, modify, and distribute this software"},
	{"BSD", "Redistribution and use in source and binary forms"},
	{"MIT", "Permission is hereby granted, free of charge"},
}

// Licence names the licence of the module in dir; one that may not be shipped,
// or is missing, is an error.
func Licence(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !(strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING")) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		flat := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range licences {
			if strings.Contains(flat, l.words) {
				return l.name, nil
			}
		}
		return "", fmt.Errorf("the licence in %s is none of Apache-2.0, MPL-2.0, ISC, BSD, MIT", e.Name())
	}
	return "", fmt.Errorf("no licence file in %s", dir)
}
