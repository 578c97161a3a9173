package upkeep

import (
	"errors"
	"fmt"
	"io"
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
		Short: "Check every byte of a store that no server uses, and mend it",
		Long: `Check every byte of a store: checksums of all files, every row decoded, the
manifest against the segments and the log. Nothing is changed. The store must
not be in use by a server. Damage is listed with file and offset.

Spans that came lately are in the log and in no segment yet. They are as safe
there; a server moves them to segments as it goes.

With --repair a damaged store is mended: every row that can be read is kept, in
segments that are written again without what is damaged, or from the log; a lost
manifest is made anew. What is lost is listed, in spans and the time they are of.
Damaged files are kept, as NAME.damaged. A repair that is interrupted is run again.

The exit code is 0 if there is no damage, or all of it was mended; 1 if there is
damage, or the repair failed; 3 if the store was mended and spans are lost.`,
		Example: `  clew verify --data ./data
  clew verify --repair --data ./data`,
		Args: cobra.NoArgs,
	}
	mend := c.Flags().Bool("repair", false, "mend what is damaged, as far as it can be")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := h.Data(c)
		if err != nil {
			return err
		}
		return h.verify(c, dir, *mend)
	}
	h.Settings(c, "data")
	return c
}

func (h *Host) verify(c *cobra.Command, dir string, mend bool) error {
	v, err := h.check(c, dir, !mend)
	switch {
	case mend && clew.KindOf(err) == clew.NotFound && mayBeStore(vfs.OS(), dir) == nil:
		// its CURRENT is what is lost
	case clew.KindOf(err) == clew.NotFound || clew.KindOf(err) == clew.Busy:
		return chosenByData(err)
	case err != nil:
		return err
	case v.Found == 0 && v.TornBytes == 0:
		_, err = fmt.Fprintln(c.OutOrStdout(), "no damage")
		return err
	case v.Found == 0 && !mend:
		_, err = fmt.Fprintf(c.OutOrStdout(), "no damage, but %s at the end of log or manifest that were never synced, as a power cut leaves them\n", console.Bytes(v.TornBytes))
		return err
	case !mend:
		return clew.Errorf(clew.Corrupt, "%s is damaged in %s; clew verify --repair mends what can be mended", dir, console.Plural(v.Found, "place"))
	}
	line := h.progress(c, "segment")
	done, err := repair(vfs.OS(), dir, line.update)
	line.end()
	if err != nil {
		return err
	}
	done.print(c.OutOrStdout())
	if v, err = h.check(c, dir, true); err != nil {
		return err
	}
	if v.Found > 0 {
		return clew.Errorf(clew.Corrupt, "%s is still damaged in %s", dir, console.Plural(v.Found, "place"))
	}
	if len(done.Lost) > 0 {
		return fmt.Errorf("%s is mended, except for what is lost (above); what was damaged is kept beside it, as NAME.damaged%w", dir, lossError{})
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), "repaired: nothing is lost")
	return err
}

// ErrLoss is in the error of a repair that was done and could not bring back all.
var ErrLoss = errors.New("lost")

// lossError is ErrLoss without a word.
type lossError struct{}

func (lossError) Error() string { return "" }
func (lossError) Unwrap() error { return ErrLoss }

// check verifies a store; say prints what was found.
func (h *Host) check(c *cobra.Command, dir string, say bool) (Verification, error) {
	began, line := time.Now(), h.progress(c, "segment")
	v, err := Verify(vfs.OS(), dir, line.update)
	line.end()
	if err != nil || !say {
		return v, err
	}
	out := c.OutOrStdout()
	printDamage(out, &v)
	if v.NoManifest {
		_, err = fmt.Fprintf(out, "%s: without its manifest segments and log are not looked at\n", dir)
		return v, err
	}
	_, err = fmt.Fprintf(out, "%s: %s; %s read in %s\n", dir, v.spans(), console.Bytes(v.Bytes), console.Nanos(int64(time.Since(began))))
	return v, err
}

// print says what a repair did, and what it could not.
func (d *Repaired) print(out io.Writer) {
	for _, l := range d.Lost {
		fmt.Fprintln(out, "lost:", l)
	}
	if d.Rebuilt {
		fmt.Fprintln(out, "the manifest was lost; it is made anew from the segments")
	}
	if d.LogEnded {
		fmt.Fprintln(out, "the log was damaged; what can be read of it is in segments")
	}
	for _, file := range d.Aside {
		fmt.Fprintf(out, "put aside as %s\n", file)
	}
	if d.FromLog > 0 {
		fmt.Fprintf(out, "%s taken from the log\n", console.Plural(int(d.FromLog), "span"))
	}
	if d.Adopted > 0 {
		fmt.Fprintf(out, "%s listed that the manifest lacked\n", console.Plural(d.Adopted, "segment"))
	}
	if d.Remade > 0 {
		fmt.Fprintf(out, "%s written again\n", console.Plural(d.Remade, "segment"))
	}
}

// String says what is lost, and where it was.
func (l Loss) String() string {
	what := console.Plural(int(l.Spans), "span")
	switch {
	case l.Requests > 0:
		what = "up to " + console.Plural(int(l.Requests), "request")
	case l.Spans < 0:
		what = "an unknown number of spans"
	}
	when := ""
	if l.First != 0 {
		when = fmt.Sprintf(" that started from %s to %s", console.Moment(l.First), console.Moment(l.Last))
	}
	return fmt.Sprintf("%s: %s%s: %v", l.File, what, when, l.Why)
}

// spans says how many spans there are and where they lie.
func (v *Verification) spans() string {
	if v.LogRows == 0 {
		return fmt.Sprintf("%s in %s", console.Plural(int(v.Rows), "span"), console.Plural(v.Segments, "segment"))
	}
	return fmt.Sprintf("%s: %d in %s, %d safe in the log", console.Plural(int(v.Rows+v.LogRows), "span"), v.Rows,
		console.Plural(v.Segments, "segment"), v.LogRows)
}
