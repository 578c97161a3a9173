package filter

import "github.com/clew-tracing/clew"

const (
	// maxGroups is how deep groups may name groups: each level is one that somebody thought of;
	// what is deeper is a circle.
	maxGroups = 5
	// maxResolved bounds the conditions of an expression together with those of its groups: a
	// group may name another a thousand times, which names a third as often.
	maxResolved = 2 * maxTests
)

// Groups finds the expression of a group by its name or ARN; key is GroupName or GroupARN. Its
// error is that of an expression that names a group which is not there.
type Groups func(key Key, text string) (Expr, error)

// Resolve returns x with the expressions of groups where x asks for these, and where they do. An
// error is of kind Invalid, or that of groups.
func Resolve(x Expr, groups Groups) (Expr, error) {
	r := resolver{groups, maxResolved}
	return r.resolve(x, 0)
}

// resolver resolves one expression.
type resolver struct {
	groups Groups
	room   int // for conditions
}

func (r *resolver) resolve(x Expr, depth int) (Expr, error) {
	switch x := x.(type) {
	case And:
		out, err := r.all(x, depth)
		return And(out), err
	case Or:
		out, err := r.all(x, depth)
		return Or(out), err
	case *Not:
		of, err := r.resolve(x.X, depth)
		return &Not{of}, err
	}
	if r.room--; r.room < 0 {
		return nil, clew.Errorf(clew.Invalid, "filter expression: with those of the groups that it names it has more than %d conditions", maxResolved)
	}
	test, ok := x.(*Test)
	if !ok || test.Key != GroupName && test.Key != GroupARN {
		return x, nil
	}
	if depth == maxGroups {
		return nil, clew.Errorf(clew.Invalid, "filter expression: groups name groups, over more than %d, until %s: is it a circle?", maxGroups, test)
	}
	of, err := r.groups(test.Key, test.Value.Text)
	if err != nil {
		return nil, err
	}
	if of, err = r.resolve(of, depth+1); err == nil && test.Op == NotEqual {
		of = &Not{of}
	}
	return of, err
}

func (r *resolver) all(list []Expr, depth int) ([]Expr, error) {
	out := make([]Expr, len(list))
	for i, x := range list {
		var err error
		if out[i], err = r.resolve(x, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}
