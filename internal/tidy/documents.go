package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Block is one fenced block of a Markdown file.
type Block struct {
	File string
	// Line is that of the first line of Text.
	Line int
	// Info is what stands behind the fence: "go", "go fragment", "traceql", "sh".
	Info string
	Text string
}

// Blocks returns the fenced blocks of all Markdown files.
func Blocks(t *Tree) ([]Block, error) {
	var out []Block
	for _, name := range t.Files {
		if path.Ext(name) != ".md" {
			continue
		}
		src, err := fs.ReadFile(t.FS, name)
		if err != nil {
			return nil, err
		}
		var open *Block
		var indent string
		for i, line := range strings.Split(string(src), "\n") {
			trimmed := strings.TrimLeft(line, " \t")
			switch {
			case open == nil && strings.HasPrefix(trimmed, "```"):
				indent = line[:len(line)-len(trimmed)]
				open = &Block{File: name, Line: i + 2, Info: strings.TrimSpace(strings.Trim(trimmed, "`"))}
			case open != nil && strings.HasPrefix(trimmed, "```"):
				out = append(out, *open)
				open = nil
			case open != nil:
				open.Text += strings.TrimPrefix(line, indent) + "\n"
			}
		}
		if open != nil {
			out = append(out, *open)
		}
	}
	return out, nil
}

// Snippets splits the Go blocks: whole programs and files, which have to
// compile, and findings for fragments that do not even parse. A fragment is
// marked "go fragment"; it is statements or declarations.
func Snippets(blocks []Block) (whole []Block, bad []Finding) {
	for _, b := range blocks {
		lang, rest, _ := strings.Cut(b.Info, " ")
		if lang != "go" {
			continue
		}
		if strings.TrimSpace(rest) == "fragment" {
			if err := parseFragment(b.Text); err != nil {
				bad = append(bad, Finding{b.File, b.Line, "this Go does not parse: " + err.Error()})
			}
			continue
		}
		if !strings.Contains("\n"+b.Text, "\npackage ") {
			bad = append(bad, Finding{b.File, b.Line, "a Go block is a whole file that compiles, or is marked \"go fragment\""})
			continue
		}
		whole = append(whole, b)
	}
	return whole, bad
}

func parseFragment(src string) error {
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+src, 0); err == nil {
		return nil
	}
	_, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+src+"\n}", 0)
	return err
}

var namedTestRE = regexp.MustCompile("`([a-z0-9]+)\\.((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")

// NamedTests checks that tests which a Markdown file names as `package.TestName`
// are there; the package is named by its folder.
func NamedTests(t *Tree) ([]Finding, error) {
	there := map[string]bool{}
	for _, f := range t.Go {
		if !f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[path.Base(f.Dir)+"."+fn.Name.Name] = true
			}
		}
	}
	var out []Finding
	for _, name := range t.Files {
		if path.Ext(name) != ".md" {
			continue
		}
		src, err := fs.ReadFile(t.FS, name)
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(src), "\n") {
			for _, m := range namedTestRE.FindAllStringSubmatch(line, -1) {
				if !there[m[1]+"."+m[2]] {
					out = append(out, Finding{name, i + 1, fmt.Sprintf("names the test %s.%s, which is not there", m[1], m[2])})
				}
			}
		}
	}
	return out, nil
}
