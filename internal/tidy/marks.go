package tidy

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var (
	markRE  = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	issueRE = regexp.MustCompile(`^\s*\(?#\d+`)
)

// marked are the kinds of file in which a mark is work left over.
var marked = map[string]bool{
	".go": true, ".ts": true, ".tsx": true, ".js": true, ".mjs": true, ".css": true,
	".sh": true, ".yaml": true, ".yml": true, ".mod": true, "": true,
}

// Marks finds work that was left for later without saying where it is kept: a
// mark needs the number of its issue right behind it.
func Marks(t *Tree) ([]Finding, error) {
	var out []Finding
	for _, name := range t.Files {
		if !marked[path.Ext(name)] || name == "LICENSE" {
			continue
		}
		src, err := fs.ReadFile(t.FS, name)
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(src[:min(len(src), 512)], 0) >= 0 {
			continue // a program somebody built
		}
		for i, line := range strings.Split(string(src), "\n") {
			at := markRE.FindStringIndex(line)
			if at != nil && !issueRE.MatchString(line[at[1]:]) {
				out = append(out, Finding{name, i + 1, "\"" + line[at[0]:at[1]] + "\" without the number of an issue, as in " + line[at[0]:at[1]] + "(#12)"})
			}
		}
	}
	return out, nil
}
