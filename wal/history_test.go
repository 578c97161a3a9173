package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// history is what a test knows of the records it appended: payloads by number,
// and how many were confirmed.
type history struct {
	mu        sync.Mutex
	payloads  map[uint64][]byte
	limbo     map[uint64][][]byte // never confirmed before the power went: may be there, or not
	confirmed uint64              // all up to here must be there
	toldUpTo  uint64              // all up to here somebody was told of
	last      atomic.Uint64       // number given
}

func newHistory() *history {
	return &history{payloads: map[uint64][]byte{}, limbo: map[uint64][][]byte{}}
}

// reopened tells that a log begins on what is left.
func (h *history) reopened() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.toldUpTo = 0
	for seq, p := range h.payloads {
		if seq > h.confirmed {
			h.limbo[seq] = append(h.limbo[seq], p)
			delete(h.payloads, seq)
		}
	}
}

// append appends and remembers a record as one step; confirm and clone come from
// the log's own goroutine.
func (h *history) append(t testing.TB, l *wal.Log, payload []byte) error {
	for {
		err := h.tryAppend(t, l, payload)
		if !errors.Is(err, wal.ErrFull) {
			return err
		}
		if err := l.Wait(ctx, h.last.Load()); err != nil {
			return err
		}
	}
}

func (h *history) tryAppend(t testing.TB, l *wal.Log, payload []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	seq, err := l.TryAppend(payload)
	if err != nil {
		return err
	}
	if seq <= h.confirmed {
		t.Fatalf("number %d was given again", seq)
	}
	h.payloads[seq] = payload
	h.last.Store(seq)
	return nil
}

func (h *history) confirm(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.confirmed = max(h.confirmed, seq)
}

func (h *history) told(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.toldUpTo = max(h.toldUpTo, seq)
}

// opened tells that a log was opened on these records: from then on they must be
// there.
func (h *history) opened(left []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, record := range left {
		number, payload, _ := strings.Cut(record, ":")
		seq, _ := strconv.ParseUint(number, 10, 64)
		h.payloads[seq] = []byte(payload)
		h.confirmed = max(h.confirmed, seq)
	}
}

// clone is the history up to this moment.
func (h *history) clone() *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &history{payloads: maps.Clone(h.payloads), limbo: maps.Clone(h.limbo), confirmed: h.confirmed, toldUpTo: h.toldUpTo}
}

// check replays a disk: every record from the given number on that was confirmed
// is there, in order, and none that was never appended.
func (h *history) check(fsys vfs.FS, from uint64) (wal.Report, error) {
	last := uint64(0)
	report, err := wal.Replay(fsys, dir, from, func(seq uint64, payload []byte) error {
		if seq <= last {
			return fmt.Errorf("record %d came after %d", seq, last)
		}
		for missing := max(last+1, from); missing < seq && missing <= h.confirmed; missing++ {
			if h.payloads[missing] != nil {
				return fmt.Errorf("confirmed record %d is missing", missing)
			}
		}
		last = seq
		if p := h.payloads[seq]; p != nil && bytes.Equal(p, payload) {
			return nil
		}
		for _, p := range h.limbo[seq] {
			if bytes.Equal(p, payload) {
				return nil
			}
		}
		return fmt.Errorf("record %d was never appended as %.40q…", seq, payload)
	})
	if err != nil {
		return report, err
	}
	for missing := max(last+1, from); missing <= h.confirmed; missing++ {
		if h.payloads[missing] != nil {
			return report, fmt.Errorf("confirmed record %d is missing, replay ended at %d; %+v", missing, last, report)
		}
	}
	// A store reads the whole log, whatever it has had removed of it.
	whole, err := wal.Replay(fsys, dir, 0, func(uint64, []byte) error { return nil })
	if err != nil {
		return report, err
	}
	if report.DamagedCount+whole.DamagedCount != 0 {
		return report, fmt.Errorf("a power cut was reported as damage: %+v, of the whole log %+v", report, whole)
	}
	return report, nil
}
