package upkeep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
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
is interrupted leaves the one before as it was; the same command goes on with it.

Every file is checked by its checksums, those that an earlier backup has too: one
that rotted there is copied again. --quick trusts those. Segments that are damaged
in the store are copied as they are and listed, those that cannot be read are left
out. The exit code is then 3; it is 0 if all is there, and 1 if there is no backup.`,
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
	c.Flags().Bool("quick", false, "do not read again what an earlier backup has")
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
	if sameFolder(dest, dir) {
		return clew.Errorf(clew.Invalid, "DEST, %s, is the folder of the store itself; name another for the backup", dest)
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

// sameFolder reports whether two names are of one folder, which need not be there.
func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// freeStanding checks that a folder does not lie in a backup: who removes that would
// remove both.
func freeStanding(fsys vfs.FS, dest string) error {
	at, err := filepath.Abs(dest)
	for err == nil && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		if _, missing := fsys.Stat(path.Join(at, backupName)); missing == nil {
			return clew.Errorf(clew.Invalid, "DEST, %s, lies in %s, which is a backup itself; name a folder beside it", dest, at)
		}
	}
	return err
}

// copyInto runs a copier and says what came of it.
func (h *Host) copyInto(c *cobra.Command, cp *copier) error {
	if err := freeStanding(cp.fs, cp.dir); err != nil {
		return err
	}
	began, line := time.Now(), h.progress(c, "segment")
	cp.progress = line.update
	cp.quick, _ = c.Flags().GetBool("quick") // there is one
	done, err := cp.backup(c.Context())
	line.end()
	var at *fs.PathError
	if errors.As(err, &at) && (at.Op == "mkdir" || errors.Is(at, syscall.ENOTDIR)) {
		return fmt.Errorf("the backup's folder %s cannot be made: %w; name another", cp.dir, err)
	}
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	for _, m := range append(done.Missing, done.Damaged...) {
		fmt.Fprintln(out, m)
	}
	fmt.Fprintf(out, "%s: %s in %s, of which %d were there, %d linked, %d copied; %s written in %s\n", cp.dir,
		console.Plural(int(done.Spans), "span"), console.Plural(done.Segments, "segment"), done.Kept, done.Linked, done.Copied,
		console.Bytes(done.Bytes), console.Nanos(int64(time.Since(began))))
	if n := done.Renewed; n > 0 {
		fmt.Fprintf(out, "%s of the backup before had rotted and came from the store again\n", console.Plural(n, "segment"))
	}
	return done.lack(cp.dir)
}

// lack says what a backup does not have, which may be nothing.
func (d *Copied) lack(dir string) error {
	var what []string
	if n := len(d.Missing); n > 0 {
		what = append(what, "lacks "+console.Plural(n, "segment")+" that cannot be read")
	}
	if n := d.DamagedSegments; n > 0 {
		what = append(what, fmt.Sprintf("has %s as damaged as in the store: clew restore --repair brings back what can be read", console.Plural(n, "segment")))
	}
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("the backup in %s %s; to mend the store, stop its server and run clew verify --repair%w", dir, strings.Join(what, ", and "), lossError{})
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
	var mend *bool
	c := &cobra.Command{
		Use:   "restore SRC",
		Short: "Bring back a store from a backup",
		Long: `Copy the backup in SRC to the folder of a store, which is empty or not there yet
(--data). The backup is checked first, every byte of it; one that is damaged is
not restored. clew serve then opens the folder as if nothing had happened since
the backup. If it is interrupted, nothing stays behind.

With --repair a damaged backup is brought back as far as it can be read, and stays
as it is. What is lost is listed, as clew verify --repair does.

The exit code is 0 if all is back, 1 if nothing is, 3 if spans are lost.`,
		Example: `  clew restore /var/backups/clew --data ./data
  clew restore --repair /var/backups/clew --data ./data`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := h.Data(c)
			if err != nil {
				return err
			}
			return h.restore(c, args[0], dir, *mend)
		},
	}
	mend = c.Flags().Bool("repair", false, "bring back what can be read of a damaged backup")
	h.Settings(c, "data")
	return c
}

func (h *Host) restore(c *cobra.Command, from, dir string, mend bool) error {
	began, fsys := time.Now(), vfs.OS()
	line := h.progress(c, "segment checked")
	v, err := Verify(fsys, from, line.update)
	line.end()
	kind := clew.KindOf(err)
	switch {
	case err == nil:
	case mend && (kind == clew.NotFound || kind == clew.Corrupt) && mayBeStore(fsys, from) == nil: // CURRENT is what is lost
		v.add(err)
	case kind == clew.NotFound:
		return fmt.Errorf("%w; SRC is the folder that clew backup made", err)
	default:
		return err
	}
	damaged := v.Found > 0
	printDamage(c.OutOrStdout(), &v)
	if damaged && !mend {
		return clew.Errorf(clew.Corrupt, "%s is damaged in %s and is not restored; with --repair, what can be read of it is", from, console.Plural(v.Found, "place"))
	}
	line = h.progress(c, "file")
	r, err := restore(c.Context(), fsys, from, dir, damaged, line.update)
	line.end()
	if err != nil {
		return err
	}
	if r.Repaired != nil {
		r.Repaired.print(c.OutOrStdout())
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s in %s from %s, %s written in %s\n", dir, console.Plural(int(r.Spans), "span"),
		console.Plural(r.Segments, "segment"), from, console.Bytes(r.Bytes), console.Nanos(int64(time.Since(began))))
	if err == nil && r.Repaired != nil && len(r.Repaired.Lost) > 0 {
		return fmt.Errorf("%s has what can be read of %s; what is lost stands above%w", dir, from, lossError{})
	}
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
