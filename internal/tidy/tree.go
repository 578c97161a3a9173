package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the path of the module this test holds in order.
const Module = "github.com/clew-tracing/clew"

// Finding is one breach of a rule.
type Finding struct {
	// File is relative to the root of the tree, with slashes; Line is 0 where
	// the whole file is meant.
	File string
	Line int
	Text string
}

// String writes the finding as editors read it.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
}

// GoFile is one parsed Go file.
type GoFile struct {
	// Path is relative to the root; Dir is its folder, "." for the root.
	Path, Dir string
	Test      bool
	Lines     int
	AST       *ast.File
}

// Tree is the repository as the rules see it.
type Tree struct {
	FS   fs.FS
	Fset *token.FileSet
	Go   []GoFile
	// Files are the paths of all files, Go or not, without what is built.
	Files []string
}

// skipped are folders that hold nothing of ours to judge: what is built, what
// is downloaded, what a run leaves behind, and test data.
var skipped = map[string]bool{
	".git": true, "node_modules": true, "bin": true, "data": true, "testdata": true,
	"web/dist": true, "ui/test-results": true, "ui/playwright-report": true,
}

// Load reads the tree under root. A folder with a go.mod of its own is another
// module: its Go files are left to it.
func Load(root fs.FS) (*Tree, error) {
	t := &Tree{FS: root, Fset: token.NewFileSet()}
	modules := map[string]bool{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (skipped[name] || skipped[d.Name()]):
			return fs.SkipDir
		case d.IsDir():
			if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil && name != "." {
				modules[name] = true
			}
		case d.Type().IsRegular():
			t.Files = append(t.Files, name)
			if path.Ext(name) == ".go" && !inside(modules, name) {
				return t.parse(name)
			}
		}
		return nil
	})
	return t, err
}

func inside(modules map[string]bool, name string) bool {
	for m := range modules {
		if strings.HasPrefix(name, m+"/") {
			return true
		}
	}
	return false
}

func (t *Tree) parse(name string) error {
	src, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(t.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Go = append(t.Go, GoFile{
		Path: name, Dir: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"),
		Lines: strings.Count(string(src), "\n"), AST: file,
	})
	return nil
}

// line returns the line of a position.
func (t *Tree) line(p token.Pos) int { return t.Fset.Position(p).Line }

// dirs returns the folders that hold Go files that are not tests, sorted.
func (t *Tree) dirs() []string {
	var out []string
	for _, f := range t.Go {
		if !f.Test {
			out = append(out, f.Dir)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// RepositoryRoot finds the folder of go.mod above the working folder.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
		dir = up
	}
}
