package serve

import "testing"

func TestCommandOf(t *testing.T) {
	for arg0, want := range map[string]string{
		"clew":                      "clew",
		"./bin/clew":                "./bin/clew",
		"/usr/local/bin/clew":       "/usr/local/bin/clew",
		"/home/a b/clew":            "clew",
		`C:\Program Files\clew.exe`: "clew",
	} {
		if got := commandOf(arg0); got != want {
			t.Errorf("commandOf(%q) = %q, want %q", arg0, got, want)
		}
	}
}
