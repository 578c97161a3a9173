package upkeep

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/vfs"
)

// NewVerify builds `clew verify`.
func NewVerify(h *Host) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of a store that no server uses",
		Long: `Check every byte of a store: checksums of all files, every row decoded, the
manifest against the segments and the log. Nothing is changed. The store must
not be in use by a server. Damage is listed with file and offset, and the exit
code is 1.

Spans that came lately are in the log and in no segment yet. They are as safe
there; a server moves them to segments as it goes.`,
		Example: "  clew verify --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := h.Data(c)
			if err != nil {
				return err
			}
			return h.verify(c, dir)
		},
	}
	h.Settings(c, "data")
	return c
}

func (h *Host) verify(c *cobra.Command, dir string) error {
	began, line := time.Now(), h.progress(c, "segment")
	v, err := Verify(vfs.OS(), dir, line.update)
	line.end()
	switch {
	case clew.KindOf(err) == clew.NotFound || clew.KindOf(err) == clew.Busy:
		return fmt.Errorf("%w; the folder is chosen by --data (CLEW_DATA)", err)
	case err != nil:
		return err
	}
	out := c.OutOrStdout()
	printDamage(out, &v)
	fmt.Fprintf(out, "%s: %s; %s read in %s\n", dir, v.spans(), console.Bytes(v.Bytes), console.Nanos(int64(time.Since(began))))
	if v.Found > 0 {
		return clew.Errorf(clew.Corrupt, "%s is damaged in %s", dir, console.Plural(v.Found, "place"))
	}
	_, err = fmt.Fprintln(out, "no damage")
	return err
}

// spans says how many spans there are and where they lie.
func (v *Verification) spans() string {
	if v.LogRows == 0 {
		return fmt.Sprintf("%s in %s", console.Plural(int(v.Rows), "span"), console.Plural(v.Segments, "segment"))
	}
	return fmt.Sprintf("%s: %d in %s, %d safe in the log", console.Plural(int(v.Rows+v.LogRows), "span"), v.Rows,
		console.Plural(v.Segments, "segment"), v.LogRows)
}
