package upkeep

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/vfs"
)

// NewBackup builds `clew backup`.
func NewBackup(h *Host) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup DEST",
		Short: "Copy a store while it is in use",
		Long: `Copy a store into the folder DEST. It has every span that was acknowledged before
the backup began, and is a store itself: clew serve --data DEST opens it, clew
verify checks it, clew restore brings it back.

A running server is asked for its files (--server; with tokens set, by one of
tenant * with the right admin), and goes on meanwhile. With --data the store of a
server that is stopped is opened and copied.

A second backup into the same folder copies what is new and removes what the store
no longer has. On the same file system files are linked, not copied. A backup that
is interrupted leaves the one before as it was; the same command goes on with it.`,
		Example: `  clew backup /var/backups/clew
  clew backup /mnt/usb/clew --server https://traces.example:4300
  clew backup ./copy --data ./data`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("data") {
				dir, err := h.Data(c)
				if err != nil {
					return err
				}
				return h.backupFolder(c, args[0], dir)
			}
			ask, host, err := h.Server(c)
			if err != nil {
				return err
			}
			return h.backupServer(c, args[0], ask, host)
		},
	}
	h.Settings(c, "server", "token", "data")
	return c
}

// backupServer copies the store of a running server.
func (h *Host) backupServer(c *cobra.Command, dest string, ask Asker, host string) error {
	src, snap, err := beginRemote(c.Context(), ask)
	if err != nil {
		return err
	}
	defer src.Close()
	return h.copyInto(c, &copier{fs: vfs.OS(), dir: dest, snap: snap, src: src, link: isLoopback(host)})
}

// backupFolder copies a store that no server uses.
func (h *Host) backupFolder(c *cobra.Command, dest, dir string) error {
	fsys := vfs.OS()
	if err := isStore(fsys, dir); err != nil {
		return chosenByData(err)
	}
	db, err := h.Open(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	b, err := db.Hold()
	if err != nil {
		return err
	}
	src := &local{fsys, dir, b}
	defer src.Close()
	return h.copyInto(c, &copier{fs: fsys, dir: dest, snap: snapshotOf(b, dir), src: src, link: true})
}

// copyInto runs a copier and says what came of it.
func (h *Host) copyInto(c *cobra.Command, cp *copier) error {
	began, line := time.Now(), h.progress(c, "segment")
	cp.progress = line.update
	done, err := cp.backup(c.Context())
	line.end()
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	for _, m := range done.Missing {
		fmt.Fprintln(out, m)
	}
	fmt.Fprintf(out, "%s: %s in %s, of which %d were there, %d linked, %d copied; %s written in %s\n", cp.dir,
		console.Plural(int(done.Spans), "span"), console.Plural(done.Segments, "segment"), done.Kept, done.Linked, done.Copied,
		console.Bytes(done.Bytes), console.Nanos(int64(time.Since(began))))
	if n := len(done.Missing); n > 0 {
		return clew.Errorf(clew.Corrupt, "the backup lacks %s that cannot be read; clew verify --repair mends what can be mended", console.Plural(n, "segment"))
	}
	return nil
}

// chosenByData says how another folder is chosen, of an error of the one that was.
func chosenByData(err error) error {
	return fmt.Errorf("%w; the folder is chosen by --data (CLEW_DATA)", err)
}

// isLoopback reports whether a host is this machine, whose folders are at hand.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// NewRestore builds `clew restore`.
func NewRestore(h *Host) *cobra.Command {
	c := &cobra.Command{
		Use:   "restore SRC",
		Short: "Bring back a store from a backup",
		Long: `Copy the backup in SRC to the folder of a store, which is empty or not there yet
(--data). The backup is checked first, every byte of it; one that is damaged is
not restored. clew serve then opens the folder as if nothing had happened since
the backup. If it is interrupted, nothing stays behind.`,
		Example: "  clew restore /var/backups/clew --data ./data",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := h.Data(c)
			if err != nil {
				return err
			}
			return h.restore(c, args[0], dir)
		},
	}
	h.Settings(c, "data")
	return c
}

func (h *Host) restore(c *cobra.Command, from, dir string) error {
	began, fsys := time.Now(), vfs.OS()
	line := h.progress(c, "segment checked")
	v, err := Verify(fsys, from, line.update)
	line.end()
	if clew.KindOf(err) == clew.NotFound {
		return fmt.Errorf("%w; SRC is the folder that clew backup made", err)
	}
	if err != nil {
		return err
	}
	if v.Found > 0 {
		printDamage(c.OutOrStdout(), &v)
		return clew.Errorf(clew.Corrupt, "%s is damaged in %s and is not restored; clew verify --repair --data %s mends what can be mended", from, console.Plural(v.Found, "place"), from)
	}
	line = h.progress(c, "segment")
	r, err := restore(c.Context(), fsys, from, dir, line.update)
	line.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s in %s from %s, %s written in %s\n", dir, console.Plural(int(r.Spans), "span"),
		console.Plural(r.Segments, "segment"), from, console.Bytes(r.Bytes), console.Nanos(int64(time.Since(began))))
	return err
}

// printDamage lists what a verification found.
func printDamage(out io.Writer, v *Verification) {
	for _, d := range v.Damage {
		fmt.Fprintln(out, d)
	}
	if more := v.Found - len(v.Damage); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}
