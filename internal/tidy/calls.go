package tidy

import (
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

// A ban forbids a call somewhere and names what to write instead.
type ban struct {
	// pkg is the import path, "" for a builtin; funcs are the names, or "*".
	pkg   string
	funcs string
	where func(GoFile) bool
	mend  string
}

func isTest(f GoFile) bool    { return f.Test }
func isProgram(f GoFile) bool { return f.AST.Name.Name == "main" }
func isLibrary(f GoFile) bool { return !f.Test && !isProgram(f) }
func isCode(f GoFile) bool    { return !f.Test }

// bans is the list of calls that look harmless and are not.
var bans = []ban{
	{"time", "Sleep", isTest, "a sleeping test is slow or flaky: wait for the event (a channel, testing/synctest, the server's --addresses-file)"},
	{"time", "Tick", isCode, "time.NewTicker with a Stop"},
	{"fmt", "Print Printf Println", isLibrary, "write to an io.Writer that was handed in, or log with slog"},
	{"", "print println", isCode, "write to an io.Writer that was handed in, or log with slog"},
	{"log", "Print Printf Println Fatal Fatalf Fatalln Panic Panicf Panicln Default SetOutput SetFlags", isCode, "log/slog, with a logger that was handed in"},
	{"os", "Exit", isLibrary, "return an error; only cmd decides to stop"},
	{"os", "Getenv LookupEnv Environ", isLibrary, "take it as a parameter; internal/config resolves the environment"},
	{"net/http", "Get Post PostForm Head ListenAndServe ListenAndServeTLS Handle HandleFunc", isCode, "an http.Client or http.Server with timeouts, a mux of one's own"},
	{"context", "TO" + "DO", isCode, "a context that was handed in"},
	{"io/ioutil", "*", isCode, "io or os"},
	{"math/rand", "*", isCode, "math/rand/v2 with a seed that was handed in"},
}

// Calls checks for banned calls, for init functions, and that every panic says
// which invariant of ours was broken: input never panics.
func Calls(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Go {
		imports := importNames(f.AST)
		because := commentLines(t, f.AST)
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && isLibrary(f) {
				out = append(out, Finding{f.Path, t.line(fn.Pos()), "init runs behind everybody's back: build the value where it is needed"})
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			pkg, name := callee(call, imports)
			for _, b := range bans {
				if b.pkg == pkg && b.where(f) && named(b.funcs, name) {
					out = append(out, Finding{f.Path, t.line(call.Pos()), fmt.Sprintf("%s is banned here: %s", join(pkg, name), b.mend)})
				}
			}
			line := t.line(call.Pos())
			if pkg == "" && name == "panic" && isCode(f) && !because[line] && !because[line-1] {
				out = append(out, Finding{f.Path, line, "panic without a comment beside or above it that says which invariant of ours was broken: input never panics"})
			}
			return true
		})
	}
	return out
}

func named(funcs, name string) bool {
	if funcs == "*" {
		return true
	}
	for f := range strings.FieldsSeq(funcs) {
		if f == name {
			return true
		}
	}
	return false
}

func join(pkg, name string) string {
	if pkg == "" {
		return name
	}
	return pkg + "." + name
}

// importNames maps the names a file calls packages by to their paths.
func importNames(file *ast.File) map[string]string {
	out := map[string]string{}
	for _, imp := range file.Imports {
		p, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			continue
		}
		name := p[strings.LastIndexByte(p, '/')+1:]
		if imp.Name != nil {
			name = imp.Name.Name
		}
		out[name] = p
	}
	return out
}

// callee returns what is called: a function of an imported package, or with pkg
// "" a plain name. Methods give a pkg that no ban has.
func callee(call *ast.CallExpr, imports map[string]string) (pkg, name string) {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return "", fn.Name
	case *ast.SelectorExpr:
		if x, ok := fn.X.(*ast.Ident); ok {
			if p, imported := imports[x.Name]; imported {
				return p, fn.Sel.Name
			}
		}
		return "method", fn.Sel.Name
	}
	return "method", ""
}

// commentLines returns the lines on which a comment ends.
func commentLines(t *Tree, file *ast.File) map[int]bool {
	out := map[int]bool{}
	for _, group := range file.Comments {
		out[t.line(group.End())] = true
	}
	return out
}
