package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is set by the linker (-X main.buildVersion=…); see the Makefile.
// It is empty in a binary that was built without.
var buildVersion string

// programVersion names this build: what the linker was told, else what the go
// command noted, else "devel".
func programVersion() string {
	if buildVersion != "" {
		return buildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// versionLine is what `clew version` and `clew --version` print.
func versionLine() string {
	return fmt.Sprintf("clew %s %s %s/%s\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// newVersion builds `clew version`.
func newVersion(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(t.out, versionLine())
			return err
		},
	}
}
