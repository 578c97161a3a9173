package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
	"github.com/spf13/cobra"
)

// newVerify builds `clew verify`.
func newVerify(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of a store that no server uses",
		Long: `Check every byte of a store: checksums of all files, every row decoded, the
manifest against the segments and the log. Nothing is changed. The store must
not be in use by a server. Damage is listed with file and offset, and the exit
code is 1.`,
		Example: "  clew verify --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			return verify(t, string(r.Data))
		},
	}
	addNamedSettings(c, "data")
	return c
}

func verify(t *terminal, dir string) error {
	began, drawn := time.Now(), time.Time{}
	v, err := spandb.Verify(vfs.OS(), dir, func(done, total int) {
		if now := time.Now(); t.errTTY && now.Sub(drawn) >= progressEvery {
			drawn = now
			cells := done * progressCells / max(total, 1)
			fmt.Fprintf(t.err, "\r\x1b[K[%s%s] %d of %s", strings.Repeat("█", cells), strings.Repeat("·", progressCells-cells), done, console.Plural(total, "segment"))
		}
	})
	if !drawn.IsZero() {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	switch {
	case clew.KindOf(err) == clew.NotFound || clew.KindOf(err) == clew.Busy:
		return fmt.Errorf("%w; the folder is chosen by --data (CLEW_DATA)", err)
	case err != nil:
		return err
	}
	for _, d := range v.Damage {
		fmt.Fprintln(t.out, d)
	}
	if more := v.Found - len(v.Damage); more > 0 {
		fmt.Fprintf(t.out, "and %d more\n", more)
	}
	fmt.Fprintf(t.out, "%s: %s in %s, %s in the log, %s read in %s\n", dir, console.Plural(int(v.Rows), "span"), console.Plural(v.Segments, "segment"),
		console.Plural(int(v.LogRecords), "request"), console.Bytes(v.Bytes), console.Nanos(int64(time.Since(began))))
	if v.Found > 0 {
		return clew.Errorf(clew.Corrupt, "%s is damaged in %s", dir, console.Plural(v.Found, "place"))
	}
	_, err = fmt.Fprintln(t.out, "no damage")
	return err
}
