package feed

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxDecimal bounds the work that a damaged number can cause. Exchanges send at most about 20 characters.
const maxDecimal = 64

// maxPowerOfTen is the largest n for which 10^n is an int64.
const maxPowerOfTen = 18

// decimal splits an unsigned number without exponent, such as 61804.80, at its point.
func decimal(s string) (whole, frac string, ok bool) {
	whole, frac, point := strings.Cut(s, ".")
	ok = len(s) <= maxDecimal && whole != "" && (frac != "" || !point) && strings.Trim(whole+frac, "0123456789") == ""
	return whole, frac, ok
}

// parsePrice returns the float64 nearest to a positive decimal number.
func parsePrice(s string) (float64, error) {
	if _, _, ok := decimal(s); ok {
		if p, err := strconv.ParseFloat(s, 64); err == nil && p > 0 {
			return p, nil
		}
	}
	return 0, fmt.Errorf("price %q is not a positive decimal number", s)
}

// parseVolume returns quantity times scale, or a *QuantityError unless that is a whole number
// in 1..math.MaxInt32. It never goes through a float.
func parseVolume(quantity string, scale int64) (int32, error) {
	e := &QuantityError{Quantity: quantity, Scale: scale}
	whole, frac, ok := decimal(quantity)
	frac = strings.TrimRight(frac, "0")
	digits, _ := new(big.Int).SetString(whole+frac, 10)
	if !ok || digits.Sign() == 0 {
		e.Err = ErrQuantity
		return 0, e
	}

	// quantity = digits / unit
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil)
	v, rest := new(big.Int).QuoRem(new(big.Int).Mul(digits, big.NewInt(scale)), unit, new(big.Int))
	limit := big.NewInt(math.MaxInt32)
	switch {
	case v.Cmp(limit) > 0:
		e.Err = ErrOverflow
	case rest.Sign() != 0:
		e.Err = ErrInexact
		if digits.Cmp(limit) <= 0 && len(frac) <= maxPowerOfTen {
			e.Needed = unit.Int64()
		}
	default:
		return int32(v.Int64()), nil
	}
	return 0, e
}
