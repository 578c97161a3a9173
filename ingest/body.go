package ingest

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/clew-tracing/clew"
)

func (d *Door) tooLarge() error {
	return clew.Errorf(clew.TooLarge, "the request is larger than %d bytes; send smaller batches or raise --max-request", d.cfg.MaxBodyBytes)
}

// read reads a request's body into r.packed. claimed is the length that it is said
// to have, negative if unknown; exact says that it ends there, whatever src has
// behind it. Memory is reserved as the body comes, not as it is claimed.
func (d *Door) read(r *request, src io.Reader, claimed int64, exact bool) error {
	limit := d.cfg.MaxBodyBytes
	if claimed > int64(limit) {
		return d.tooLarge()
	}
	most := limit + 1
	if exact {
		most = int(claimed)
	}
	var err error
	if r.packed, err = d.hold(r, min(most, smallBuffer)); err != nil {
		return err
	}
	for {
		if exact && len(r.packed) == most {
			return nil
		}
		if len(r.packed) == cap(r.packed) {
			if err := d.grow(r, claimed); err != nil {
				return err
			}
		}
		room := r.packed[len(r.packed):min(cap(r.packed), most)]
		n, err := src.Read(room)
		r.packed = r.packed[:len(r.packed)+n]
		switch {
		case len(r.packed) > limit:
			return d.tooLarge()
		case err == nil || (exact && len(r.packed) == most):
		case err == io.EOF && !exact:
			return nil
		default:
			return d.broken(r, claimed, err)
		}
	}
}

// grow makes room in r.packed, which is full: for what is claimed if that is no
// more than the next class of buffers.
func (d *Door) grow(r *request, claimed int64) error {
	n := 2 * cap(r.packed)
	if claimed >= 0 && int64(n) > claimed+1 {
		n = int(claimed) + 1
	}
	n = min(n, d.cfg.MaxBodyBytes+1)
	b, err := d.hold(r, n)
	if err != nil {
		return err
	}
	full := r.packed
	r.packed = append(b, full...)
	d.drop(r, full)
	return nil
}

// broken says why a body ended early.
func (d *Door) broken(r *request, claimed int64, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return clew.Errorf(clew.Busy, "after %v only %d bytes of the request had come: send again, or smaller batches", d.cfg.BodyTimeout, len(r.packed))
	}
	of := ""
	if claimed >= 0 {
		of = " of " + strconv.FormatInt(claimed, 10)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return clew.Errorf(clew.Invalid, "the request ended after %d%s bytes: %w", len(r.packed), of, err)
}
