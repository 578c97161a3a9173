package config

import (
	"fmt"
	"strings"
)

// Reference returns docs/reference/config.md: every setting of the table.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Settings

This page is generated from the table in ` + "`internal/config/settings.go`" + `; a test keeps it up to date.

A setting is taken from the first place that names it: the **flag**, the **variable**, the **file** given by
` + "`--config FILE` (or `CLEW_CONFIG`)" + `, else its default. The file is YAML, one ` + "`name: value`" + ` per line, the names those of
the flags without dashes in front. A name that is no setting is an error. ` + "`clew config`" + ` prints what holds and where it
came from.

Durations are written ` + "`250ms`, `30m`, `36h`, `7d`" + `; sizes ` + "`64MiB`, `512MB`, `50GB`" + `; lists with commas, or in the file as YAML
lists. On SIGHUP a server reads file and variables again, takes the settings marked *reload*, and names in its log those
that changed and need a restart.
`)
	group := ""
	for _, s := range Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		def := s.Default()
		if def == "" {
			def = "none"
		} else {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", s.Name, s.Help)
		fmt.Fprintf(&b, "`--%s` · `%s` · %s · default %s", s.Name, s.Env(), s.Type(), def)
		if s.Reloadable {
			b.WriteString(" · *reload*")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// List prints every setting of c with its value and origin, one a line, as YAML
// that can be used as a configuration file again (secrets are left out).
func (r *Resolved) List() string {
	var b strings.Builder
	for _, s := range Settings() {
		origin, given := r.Origin[s.Name]
		if !given {
			origin = "default"
		}
		text := s.Show(&r.Config)
		switch {
		case s.Secret && text != "":
			fmt.Fprintf(&b, "# %s: hidden  # %s\n", s.Name, origin)
		case text == "":
			fmt.Fprintf(&b, "# %s: none  # %s\n", s.Name, origin)
		default:
			fmt.Fprintf(&b, "%s: %s  # %s\n", s.Name, quoteYAML(text), origin)
		}
	}
	return b.String()
}

// quoteYAML quotes what plain YAML would read as something else.
func quoteYAML(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 && text[0] != '-' {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
