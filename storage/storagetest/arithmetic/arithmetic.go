// Package arithmetic calculates with the values of spans by the plainest reading of package
// span's rules: integers without bounds, doubles as they are.
package arithmetic

import (
	"math"
	"math/big"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Calculate returns what an operator makes of its one or two operands, which are numbers;
// false is that there is no such number.
func Calculate(op span.ExprOp, operands []clew.Value) (clew.Value, bool) {
	ints := op != span.Ratio
	for _, v := range operands {
		ints = ints && v.Type == clew.TypeInt
	}
	if op == span.Negative {
		if !ints {
			return clew.DoubleValue(-operands[0].Double()), true
		}
		op, operands = span.Difference, []clew.Value{clew.IntValue(0), operands[0]}
	}
	if ints {
		return integer(op, big.NewInt(operands[0].Int()), big.NewInt(operands[1].Int()))
	}
	a, b := asDouble(operands[0]), asDouble(operands[1])
	switch op {
	case span.Sum:
		return clew.DoubleValue(a + b), true
	case span.Difference:
		return clew.DoubleValue(a - b), true
	case span.Product:
		return clew.DoubleValue(a * b), true
	case span.Quotient, span.Ratio:
		return clew.DoubleValue(a / b), b != 0
	case span.Remainder:
		return clew.DoubleValue(math.Mod(a, b)), b != 0
	}
	return clew.DoubleValue(math.Pow(a, b)), a != 0 || !(b < 0)
}

func asDouble(v clew.Value) float64 {
	if v.Type == clew.TypeInt {
		return float64(v.Int())
	}
	return v.Double()
}

// integer calculates without bounds and says whether the result fits.
func integer(op span.ExprOp, a, b *big.Int) (clew.Value, bool) {
	out := new(big.Int)
	switch op {
	case span.Sum:
		out.Add(a, b)
	case span.Difference:
		out.Sub(a, b)
	case span.Product:
		out.Mul(a, b)
	case span.Quotient, span.Remainder:
		if b.Sign() == 0 {
			return clew.Value{}, false
		}
		if op == span.Quotient {
			out.Quo(a, b)
		} else {
			out.Rem(a, b)
		}
	default:
		return integerPower(a, b)
	}
	return clew.IntValue(out.Int64()), out.IsInt64()
}

func integerPower(a, b *big.Int) (clew.Value, bool) {
	one := big.NewInt(1)
	switch {
	case b.Sign() < 0 && a.Sign() == 0:
		return clew.Value{}, false
	case b.Sign() < 0 && a.CmpAbs(one) > 0:
		return clew.IntValue(0), true
	case a.CmpAbs(one) <= 0: // 0, 1, −1: only whether the exponent is 0 or odd counts
		odd := b.Bit(0) == 1
		switch {
		case b.Sign() == 0 || a.Sign() > 0 || a.Sign() < 0 && !odd:
			return clew.IntValue(1), true
		case a.Sign() < 0:
			return clew.IntValue(-1), true
		}
		return clew.IntValue(0), true
	case b.Cmp(big.NewInt(64)) >= 0: // 2^64 is too large, and (−2)^63 the largest that fits
		return clew.Value{}, false
	}
	out := new(big.Int).Exp(a, b, nil)
	return clew.IntValue(out.Int64()), out.IsInt64()
}
