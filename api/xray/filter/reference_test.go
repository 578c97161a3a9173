package filter

import (
	"os"
	"strings"
	"testing"
)

// TestReference: the reference says of each key and list of root causes what it means.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/xray-api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, ok := strings.Cut(string(text), "\n## Filter expressions\n")
	if !ok {
		t.Fatal("docs/reference/xray-api.md has no chapter about filter expressions")
	}
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	for k := range keyTable {
		if name := keyTable[k].name; !strings.Contains(chapter, "`"+name+"`") && !strings.Contains(chapter, "`"+name+".") {
			t.Errorf("the chapter does not name %s", name)
		}
	}
	for _, c := range causes {
		dot := strings.LastIndexByte(c.name, '.')
		if !strings.Contains(chapter, "`"+c.name) && !strings.Contains(chapter, c.name[:dot]) && !strings.Contains(chapter, "`"+c.name[dot:]+"`") {
			t.Errorf("the chapter does not name %s", c.name)
		}
	}
}
