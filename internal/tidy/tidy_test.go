package tidy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/traceql"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite deps.txt, lower the ratchet list")

// repository loads the tree this test stands in.
func repository(t *testing.T) (root string, tree *Tree) {
	t.Helper()
	root, err := RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err = Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return root, tree
}

// rules are the rules that need nothing but the tree.
var rules = map[string]func(*Tree) ([]Finding, error){
	"floors":   sure(Floors),
	"comments": sure(PackageComments),
	"calls":    sure(Calls),
	"marks":    Marks,
	"links":    Links,
	"sweeps":   Sweeps,
	"tests":    NamedTests,
	"snippets": func(t *Tree) ([]Finding, error) {
		blocks, err := Blocks(t)
		_, bad := Snippets(blocks)
		return bad, err
	},
	"sizes": func(t *Tree) ([]Finding, error) {
		text, err := fs.ReadFile(t.FS, "internal/tidy/testdata/ratchet.txt")
		if err != nil {
			return nil, err
		}
		ratchet, err := ParseRatchet(string(text))
		if err != nil {
			return nil, err
		}
		return Sizes(t, ratchet), nil
	},
}

func sure(rule func(*Tree) []Finding) func(*Tree) ([]Finding, error) {
	return func(t *Tree) ([]Finding, error) { return rule(t), nil }
}

func TestRepository(t *testing.T) {
	root, tree := repository(t)
	if *update {
		lowerRatchet(t, root, tree)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			findings, err := rule(tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				t.Error(f)
			}
		})
	}
}

func lowerRatchet(t *testing.T, root string, tree *Tree) {
	path := filepath.Join(root, "internal", "tidy", "testdata", "ratchet.txt")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ratchet, err := ParseRatchet(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(Shrink(ratchet, Oversize(tree))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRulesBite runs each rule over small trees. The file want.txt of an archive
// lists the findings, sorted; the archive is named for the rule.
func TestRulesBite(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	bitten := map[string]bool{}
	for _, path := range archives {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			rule, ok := rules[name]
			if !ok {
				t.Fatalf("no rule is called %s", name)
			}
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files, err := txtar.FS(ar)
			if err != nil {
				t.Fatal(err)
			}
			want, err := fs.ReadFile(files, "want.txt")
			if err != nil {
				t.Fatal(err)
			}
			tree, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := rule(tree)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				got = append(got, f.String()+"\n")
			}
			slices.Sort(got)
			if strings.Join(got, "") != string(want) {
				t.Errorf("findings:\n%swant:\n%s", strings.Join(got, ""), want)
			}
		})
		bitten[name] = true
	}
	for name := range rules {
		if !bitten[name] {
			t.Errorf("the rule %s has no testdata/%s.txtar that shows it bite", name, name)
		}
	}
}

func TestPlanIsDocumented(t *testing.T) {
	root, _ := repository(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range PlanIsDocumented(string(text)) {
		t.Error(f)
	}
}

func TestRatchetOnlyShrinks(t *testing.T) {
	ratchet, err := ParseRatchet("# a comment\n90 func a.go:F\n700 file b.go\n5000 package c\n")
	if err != nil {
		t.Fatal(err)
	}
	got := Shrink(ratchet, map[string]int{"func a.go:F": 95, "file b.go": 650, "func d.go:G": 100})
	back, err := ParseRatchet(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(back) != 2 || back["func a.go:F"] != 90 || back["file b.go"] != 650 {
		t.Errorf("after Shrink: %v, want F kept at 90, b.go lowered to 650, the rest gone and nothing new", back)
	}
	if _, err := ParseRatchet("many func x"); err == nil {
		t.Error("a list without sizes is accepted")
	}
}

// TestDocumentsCompile builds every whole Go file that stands in a document.
func TestDocumentsCompile(t *testing.T) {
	root, tree := repository(t)
	blocks, err := Blocks(tree)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := Snippets(blocks)
	if len(whole) == 0 {
		return
	}
	// The files are laid over the module, so that they see its dependencies
	// without being written into it.
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	args := []string{"vet", "-overlay", filepath.Join(t.TempDir(), "overlay.json")}
	for i, b := range whole {
		file := filepath.Join(t.TempDir(), "main.go")
		line := fmt.Sprintf("//line %s:%d\n", b.File, b.Line)
		if err := os.WriteFile(file, []byte(line+b.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		dir := fmt.Sprintf("internal/tidy/document%d", i)
		overlay.Replace[filepath.Join(root, dir, "main.go")] = file
		args = append(args, "./"+dir)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(args[2], text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Go in the documents does not compile: %v\n%s", err, out)
	}
}

// TestQueriesInDocumentsParse parses every traceql block, a query a line, blank
// lines and comments left out.
func TestQueriesInDocumentsParse(t *testing.T) {
	_, tree := repository(t)
	blocks, err := Blocks(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Info != "traceql" {
			continue
		}
		for i, line := range strings.Split(b.Text, "\n") {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "//") {
				continue
			}
			if _, err := traceql.Parse(line); err != nil {
				t.Errorf("%s:%d: %s: %v", b.File, b.Line+i, line, err)
			}
		}
	}
}

// TestDependencies compares deps.txt with what is true, and docs/dependencies.md
// with the modules we name ourselves.
func TestDependencies(t *testing.T) {
	root, tree := repository(t)
	want, err := Dependencies(root, tree)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "deps.txt")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("deps.txt is not what is true:\n%s\nIf that is wanted: go test ./internal/tidy -count=1 -update", lineDiff(string(have), want))
	}
	reasons, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(want) {
		fields := strings.Fields(line)
		if len(fields) == 4 && strings.HasPrefix(fields[0], "direct") && !bytes.Contains(reasons, []byte("`"+fields[2]+"`")) {
			t.Errorf("docs/dependencies.md does not say why we use %s", fields[2])
		}
	}
}

// lineDiff lists the lines that only one of two texts has.
func lineDiff(have, want string) string {
	var b strings.Builder
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for _, line := range h {
		if !slices.Contains(w, line) {
			b.WriteString("-" + line + "\n")
		}
	}
	for _, line := range w {
		if !slices.Contains(h, line) {
			b.WriteString("+" + line + "\n")
		}
	}
	return b.String()
}

func TestLicence(t *testing.T) {
	good := func(text, want string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "LICENSE.txt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Licence(dir); err != nil || got != want {
			t.Errorf("Licence(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	good("Apache License\nVersion 2.0", "Apache-2.0")
	good("Redistribution and use in source\n and binary forms, with", "BSD")
	good("Permission is hereby granted,\nfree of charge", "MIT")
	bad := t.TempDir()
	if _, err := Licence(bad); err == nil {
		t.Error("a module without a licence passes")
	}
	if err := os.WriteFile(filepath.Join(bad, "LICENSE"), []byte("GNU GENERAL PUBLIC LICENSE"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Licence(bad); err == nil {
		t.Error("the GPL passes")
	}
}
