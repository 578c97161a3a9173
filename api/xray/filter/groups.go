package filter

import "github.com/clew-tracing/clew"

// maxGroups is how deep groups may name groups: each level is one that somebody thought of;
// what is deeper is a circle.
const maxGroups = 5

// Groups finds the expression of a group by its name or ARN; key is GroupName or GroupARN. Its
// error is that of an expression that names a group which is not there.
type Groups func(key Key, text string) (Expr, error)

// Resolve returns x with the expressions of groups where x asks for these, and where they do.
func Resolve(x Expr, groups Groups) (Expr, error) { return resolve(x, groups, 0) }

func resolve(x Expr, groups Groups, depth int) (Expr, error) {
	switch x := x.(type) {
	case And:
		out, err := resolveAll(x, groups, depth)
		return And(out), err
	case Or:
		out, err := resolveAll(x, groups, depth)
		return Or(out), err
	case *Not:
		of, err := resolve(x.X, groups, depth)
		return &Not{of}, err
	case *Test:
		if x.Key != GroupName && x.Key != GroupARN {
			return x, nil
		}
		if depth == maxGroups {
			return nil, clew.Errorf(clew.Invalid, "filter expression: groups name groups, over more than %d, until %s: is it a circle?", maxGroups, x)
		}
		of, err := groups(x.Key, x.Value.Text)
		if err != nil {
			return nil, err
		}
		if of, err = resolve(of, groups, depth+1); err == nil && x.Op == NotEqual {
			of = &Not{of}
		}
		return of, err
	}
	return x, nil
}

func resolveAll(list []Expr, groups Groups, depth int) ([]Expr, error) {
	out := make([]Expr, len(list))
	for i, x := range list {
		var err error
		if out[i], err = resolve(x, groups, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}
