package admission

import (
	"runtime"
	"sync/atomic"
)

// A Ration is memory that readers borrow and return. It is safe for concurrent use.
type Ration struct {
	most int64
	used atomic.Int64
}

// NewRation returns a ration of so many bytes.
func NewRation(most int64) *Ration { return &Ration{most: most} }

// Most returns how many bytes there are in all.
func (r *Ration) Most() int64 { return r.most }

// Used returns how many bytes are lent.
func (r *Ration) Used() int64 { return r.used.Load() }

// Lend begins a loan, of nothing yet.
func (r *Ration) Lend() *Loan { return &Loan{ration: r, most: r.most} }

// LendHalf is Lend for who can do with less: that grows only while half of the ration is
// left for others.
func (r *Ration) LendHalf() *Loan { return &Loan{ration: r, most: r.most / 2} }

// A Loan is what one reader has of a Ration. One goroutine at a time lets it grow;
// any may return it.
type Loan struct {
	ration *Ration
	most   int64 // that may be lent in all when this grows
	n      atomic.Int64
}

// Grow makes the loan one of n bytes in all, unless it is that or there are not so
// many.
func (l *Loan) Grow(n int64) bool {
	more := n - l.n.Load()
	if more <= 0 {
		return true
	}
	if l.ration.used.Add(more) > l.most {
		l.ration.used.Add(-more)
		return false
	}
	l.n.Add(more)
	return true
}

// Return ends the loan. It may be called again.
func (l *Loan) Return() { l.ration.used.Add(-l.n.Swap(0)) }

// ReturnWith returns a loan at the latest when x is collected: should somebody whom
// it was handed to forget to.
func ReturnWith[T any](x *T, l *Loan) { runtime.AddCleanup(x, (*Loan).Return, l) }
