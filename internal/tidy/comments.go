package tidy

import (
	"strings"
)

// PackageComments checks that every package says what it is, in exactly the
// words Go's tools expect: "Package name …", or for a program "Command name …".
func PackageComments(t *Tree) []Finding {
	var out []Finding
	said := map[string]bool{}
	name := map[string]string{}
	for _, f := range t.Go {
		if f.Test {
			continue
		}
		name[f.Dir] = f.AST.Name.Name
		if f.AST.Doc == nil {
			continue
		}
		want := "Package " + f.AST.Name.Name + " "
		if f.AST.Name.Name == "main" {
			want = "Command " + f.Dir[strings.LastIndexByte(f.Dir, '/')+1:] + " "
		}
		if !strings.HasPrefix(f.AST.Doc.Text(), want) {
			out = append(out, Finding{f.Path, t.line(f.AST.Doc.Pos()), "the package comment must begin with \"" + want + "\""})
		}
		said[f.Dir] = true
	}
	for _, dir := range t.dirs() {
		if !said[dir] {
			out = append(out, Finding{File: dir, Text: "package " + name[dir] + " has no package comment"})
		}
	}
	return out
}
