package tidy

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"
)

var (
	linkRE    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()]*\))?)(?:\s+"[^"]*")?\)`)
	htmlRE    = regexp.MustCompile(`(?:src|srcset|href)="([^"\s]+)"`)
	codeRE    = regexp.MustCompile("`[^`]*`")
	headingRE = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	anchorRE  = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
)

// Links checks that every relative link and picture in a Markdown file leads to
// a file of the tree, and to a heading that is there.
func Links(t *Tree) ([]Finding, error) {
	var out []Finding
	for _, name := range t.Files {
		if path.Ext(name) != ".md" {
			continue
		}
		src, err := fs.ReadFile(t.FS, name)
		if err != nil {
			return nil, err
		}
		fenced := false
		for i, line := range strings.Split(string(src), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if fenced {
				continue
			}
			line = codeRE.ReplaceAllString(line, "")
			for _, m := range append(linkRE.FindAllStringSubmatch(line, -1), htmlRE.FindAllStringSubmatch(line, -1)...) {
				if text := dead(t, name, m[1]); text != "" {
					out = append(out, Finding{name, i + 1, text})
				}
			}
		}
	}
	return out, nil
}

// dead says why a link leads nowhere, "" if it does not.
func dead(t *Tree, from, link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "the link " + link + " is no address"
	}
	if u.Scheme != "" || u.Host != "" {
		return "" // the world outside is not ours to test
	}
	target := from
	if u.Path != "" {
		target = path.Join(path.Dir(from), u.Path)
		if strings.HasPrefix(u.Path, "/") {
			target = strings.TrimPrefix(path.Clean(u.Path), "/")
		}
	}
	if _, err := fs.Stat(t.FS, target); err != nil {
		return "the link " + link + " leads nowhere"
	}
	if u.Fragment == "" || path.Ext(target) != ".md" {
		return ""
	}
	src, err := fs.ReadFile(t.FS, target)
	if err != nil {
		return "the link " + link + " cannot be read: " + err.Error()
	}
	if !headings(string(src))[u.Fragment] {
		return "the link " + link + " leads to no heading of " + target
	}
	return ""
}

// headings returns the anchors of a Markdown text, made as GitHub makes them.
func headings(src string) map[string]bool {
	out := map[string]bool{}
	fenced := false
	for line := range strings.SplitSeq(src, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if m := headingRE.FindStringSubmatch(line); m != nil && !fenced {
			out[slug(m[1])] = true
		}
		for _, m := range anchorRE.FindAllStringSubmatch(line, -1) {
			out[m[1]] = true
		}
	}
	return out
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}
